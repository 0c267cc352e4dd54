/**
 * The programs and the SDK in one file each, which start sooner and take half the room that their modules did: nothing is
 * looked for, and what no program reaches is left out. Names and lines stay, so that a stack trace can be read.
 */
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const SDK = 'client/index.js';
/** By their places below dist/, which they keep. */
const ENTRIES = ['server/main.js', 'client/cli/main.js', SDK];

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
    external: ['#addon', '#manifest'],
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

/**
 * So that `import { connect }` works, too: node looks for the names of a CommonJS module in its text, and does not find them in a bundle. It
 * gets a name of its own, and a module that says them in its place.
 */
async function nameExports(module: string, bundled: string): Promise<void> {
  renameSync(bundled, join(dirname(bundled), 'bundle.js'));
  const names = Object.keys(await import(module)).filter((name) => name !== 'default');
  const lines = names
    .filter((name) => /^[A-Za-z]\w*$/.test(name))
    .map((name) => `exports.${name} = bundle.${name};\n`);
  writeFileSync(bundled, `const bundle = require('./bundle.js');\n${lines.join('')}`);
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
