/**
 * The programs and the SDK in one file each, which start sooner and take half the room that their modules did: nothing is
 * looked for, and what no program reaches is left out, which is seen in the sources: compiled to CommonJS, a module is all or nothing. Lines
 * stay, and names, with a number where two modules have the same, so that a stack trace can be read.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { wrap } from 'node:module';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

/**
 * By their places below dist/, and how they are executed: the daemon stays, so it has glibc have one heap for all threads instead
 * of one for each.
 */
const PROGRAMS = {
  'server/main': '/usr/bin/env -S MALLOC_ARENA_MAX=1 node',
  'client/cli/main': '/usr/bin/env node',
} as const;
const SDK = 'client/index';

const OPTIONS = { platform: 'node', format: 'cjs', target: 'node20', logLevel: 'error' } as const;

/** A module that went into a bundle. */
export interface Bundled {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** commander starts subcommands that are programs of their own: here there are none, and to load what it would do that with takes time. */
const WITHOUT_SUBPROGRAMS: Plugin = {
  name: 'commander without child_process',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?child_process$/ }, ({ importer, path }) =>
      importer.includes('/node_modules/commander/') ? { path, namespace: 'nothing' } : null,
    );
    const contents = `exports.spawn = () => { throw new Error('a subcommand that is a program of its own'); };`;
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents }));
  },
};

/** Writes the bundles of a project to `target`, and answers whose code is in them. */
export async function bundle(project: string, target: string): Promise<Bundled[]> {
  const { metafile } = await build({
    ...OPTIONS,
    absWorkingDir: project,
    entryPoints: [...Object.keys(PROGRAMS), SDK].map((entry) => join(project, `${entry}.ts`)),
    outbase: project,
    outdir: target,
    bundle: true,
    // Of this package, which is around the bundles as it was around the modules.
    external: ['#addon', '#manifest'],
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 120,
    legalComments: 'none',
    plugins: [WITHOUT_SUBPROGRAMS],
    metafile: true,
  });
  const inputs = Object.keys(metafile.inputs);
  for (const input of inputs) expectCompiled(project, input);
  const starter = await compileStarter(project);
  for (const [program, interpreter] of Object.entries(PROGRAMS)) {
    addStarter(starter, join(target, `${program}.js`), interpreter);
  }
  const modules = inputs.flatMap((input) => {
    const [, path] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input) ?? [];
    return path === undefined ? [] : [join(project, path)];
  });
  return [...new Set(modules)].sort().map(describe);
}

/** What goes into a package is what the compiler has accepted. */
function expectCompiled(project: string, source: string): void {
  if (!source.endsWith('.ts') || source.includes('node_modules')) return;
  const compiled = join(project, 'dist', source.replace(/\.ts$/, '.js'));
  if (modifiedMs(compiled) >= modifiedMs(join(project, source))) return;
  throw new Error(`${source} has been changed since it was compiled: npm run build first`);
}

/** 0 if there is no such file. */
function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

async function compileStarter(project: string): Promise<string> {
  const source = join(project, 'packaging', 'starter.ts');
  const { outputFiles } = await build({ ...OPTIONS, entryPoints: [source], write: false });
  const [compiled] = outputFiles;
  if (compiled === undefined) throw new Error(`${source}: esbuild has made nothing of it`);
  return compiled.text;
}

/**
 * It takes the program's name, and finds the bundle beside it: as the function that node would make of it, since to do that at the start
 * would leave a second copy of the text in memory.
 */
function addStarter(starter: string, program: string, interpreter: string): void {
  const bundled = wrap(readFileSync(program, 'latin1').replace(/^#!.*\n/, ''));
  const digest = createHash('sha256').update(bundled, 'latin1').digest('hex');
  writeFileSync(join(dirname(program), 'program.js'), `//${digest}\n${bundled}`, 'latin1');
  writeFileSync(program, `#!${interpreter}\n${starter}`);
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
