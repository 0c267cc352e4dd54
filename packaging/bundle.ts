/**
 * The programs and the SDK in one file each, which start sooner and take half the room that their modules did: nothing is
 * looked for, and what no program reaches is left out, which is seen in the sources: compiled to CommonJS, a module is all or nothing. Names
 * and lines stay, so that a stack trace can be read.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { wrap } from 'node:module';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const SDK = 'client/index.js';
/**
 * By their places below dist/, which they keep, and how they are executed: the daemon stays, so it has glibc have one heap for all
 * threads instead of one for each.
 */
const PROGRAMS = {
  'server/main.js': '/usr/bin/env -S MALLOC_ARENA_MAX=1 node',
  'client/cli/main.js': '/usr/bin/env node',
} as const;
const ENTRIES = [...Object.keys(PROGRAMS), SDK];

/** A module that went into a bundle. */
export interface Bundled {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** commander starts subcommands that are programs of their own; here there are none, and to load what it does that with takes time. */
const WITHOUT_SUBPROGRAMS: Plugin = {
  name: 'commander without child_process',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      importer.includes('/node_modules/commander/') ? { path, namespace: 'nothing' } : null,
    );
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: '' }));
  },
};

/** Writes the bundles of a project that is built to `target`, and answers whose code is in them. */
export async function bundle(project: string, target: string): Promise<Bundled[]> {
  const dist = join(project, 'dist');
  const { metafile } = await build({
    absWorkingDir: project,
    entryPoints: ENTRIES.map((entry) => join(project, entry.replace(/\.js$/, '.ts'))),
    outbase: project,
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
    plugins: [WITHOUT_SUBPROGRAMS],
    metafile: true,
    logLevel: 'error',
  });
  for (const [program, interpreter] of Object.entries(PROGRAMS)) {
    addStarter(dist, join(target, program), interpreter);
  }
  nameExports(join(dist, SDK), join(target, SDK));
  const modules = Object.keys(metafile.inputs).flatMap((input) => {
    const [, path] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input) ?? [];
    return path === undefined ? [] : [join(project, path)];
  });
  return [...new Set(modules)].sort().map(describe);
}

/**
 * It takes the program's name, and finds the bundle beside it: as the function that node would make of it, since to do that at the start
 * would leave a second copy of the text in memory.
 */
function addStarter(dist: string, program: string, interpreter: string): void {
  const bundled = wrap(withoutInterpreter(program));
  const digest = createHash('sha256').update(bundled, 'latin1').digest('hex');
  writeFileSync(join(dirname(program), 'program.js'), `//${digest}\n${bundled}`, 'latin1');
  const starter = withoutInterpreter(join(dist, 'packaging', 'starter.js'));
  writeFileSync(program, `#!${interpreter}\n${starter}`);
}

function withoutInterpreter(file: string): string {
  return readFileSync(file, 'latin1').replace(/^#!.*\n/, '');
}

/**
 * So that `import { connect }` works, too: node looks for the names of a CommonJS module in its text, and does not find them in a bundle. It
 * gets a name of its own, and a module that says them in its place.
 */
function nameExports(module: string, bundled: string): void {
  renameSync(bundled, join(dirname(bundled), 'bundle.js'));
  const exported: object = require(module);
  const lines = Object.keys(exported).map((name) => `exports.${name} = bundle.${name};\n`);
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
