/**
 * The programs and the SDK in one file each, which start in half the time and take a third of the room that their modules did: nothing is
 * looked for, and what no program reaches is left out. Names and lines stay, so that a stack trace can be read.
 */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

/** By their places below dist/, which they keep. */
const SDK = 'client/index.js';
export const ENTRIES = ['server/main.js', 'client/cli/main.js', SDK];

/** A module that went into a bundle. */
export interface Bundled {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** Writes the bundles of `dist` to `target`, and answers whose code is in them. */
export async function bundle(dist: string, target: string): Promise<Bundled[]> {
  const { metafile } = await build({
    absWorkingDir: dirname(dist),
    entryPoints: ENTRIES.map((entry) => join(dist, entry)),
    outbase: dist,
    outdir: target,
    bundle: true,
    platform: 'node',
    target: 'node20',
    // Of this package, which is around the bundles as it was around the modules.
    external: ['#addon', '#manifest', '#proto/*'],
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 120,
    legalComments: 'none',
    metafile: true,
    logLevel: 'error',
  });
  await nameExports(join(dist, SDK), join(target, SDK));
  const modules = Object.keys(metafile.inputs).flatMap((input) => {
    const [, path] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input) ?? [];
    return path === undefined ? [] : [join(dirname(dist), path)];
  });
  return [...new Set(modules)].sort().map(describe);
}

/** So that `import { connect }` works, too: node looks for the names of a CommonJS module in its text, where a bundle has none. */
async function nameExports(module: string, bundled: string): Promise<void> {
  const names = Object.keys(await import(module)).filter((name) => /^[A-Za-z]\w*$/.test(name));
  const exported = names.filter((name) => name !== 'default');
  appendFileSync(bundled, `0 && (module.exports = { ${exported.join(', ')} });\n`);
}

function describe(directory: string): Bundled {
  const manifest: { readonly name: string; readonly version: string; readonly license: string } =
    JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const { name, version } = manifest;
  const file = readdirSync(directory).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry));
  const license =
    file === undefined ? manifest.license : readFileSync(join(directory, file), 'utf8');
  return { name, version, license };
}
