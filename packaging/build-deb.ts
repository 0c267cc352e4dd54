/**
 * `npm run deb`: builds dmabufd_VERSION_ARCH.deb from what has been compiled. It needs Debian's nodejs at run time, and holds what
 * runs: no compiler, no sources, no development dependencies.
 *
 *     /usr/lib/dmabufd                 the programs, each in one file with all of its modules, and the addon
 *     /usr/bin                         dmabufd, dmabufctl
 *     /usr/share/nodejs/dmabufd        where Debian's node finds the SDK: require('dmabufd')
 *     /usr/include/dmabufd_fd.h        fd.sock, for clients in C
 *     /usr/lib/systemd, …/udev, …      units, user and group, rule for the heaps
 *     /etc/dmabufd/policy.yaml         the policy, to be edited
 *     /usr/share/man, /usr/share/doc
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type Bundled, bundle } from './bundle';

const PROJECT = resolve(__dirname, '..', '..');
const APP = 'usr/lib/dmabufd';
/** By Debian's names: what node calls it, and the prefix of the tools that make programs for it. */
const ARCHITECTURES = {
  amd64: { node: 'x64', tools: 'x86_64-linux-gnu' },
  arm64: { node: 'arm64', tools: 'aarch64-linux-gnu' },
} as const;
type Architecture = keyof typeof ARCHITECTURES;
const ADDON = 'native/build/Release/dmabufd.node';
/** Proto files that these modules read from '../../proto' of where they are, which for a bundle in dist/server is the same as ours. */
const SERVICES_OF_MODULES = [
  ['grpc-health-check', 'proto/health/v1/health.proto'],
  ['@grpc/reflection', 'build/proto/grpc/reflection/v1/reflection.proto'],
  ['@grpc/reflection', 'build/proto/grpc/reflection/v1alpha/reflection.proto'],
] as const;

const HELP = `usage: npm run deb [-- --out DIRECTORY] [--arch amd64|arm64]

Builds dmabufd_VERSION_ARCH.deb in DIRECTORY (default: the current one), for this machine's architecture or, cross-compiled, for
the other one: then with Debian's g++-aarch64-linux-gnu, or g++-x86-64-linux-gnu. Needs dpkg-deb, strip and md5sum.
`;

interface Manifest {
  readonly version: string;
  readonly description: string;
}

class Tree {
  readonly path = mkdtempSync(join(tmpdir(), 'dmabufd-deb-'));
  /** What it becomes. */
  readonly package = `${this.path}.deb`;

  join(path: string): string {
    const full = join(this.path, path);
    mkdirSync(dirname(full), { recursive: true });
    return full;
  }

  copy(from: string, to: string, mode = 0o644): void {
    cpSync(join(PROJECT, from), this.join(to));
    chmodSync(join(this.path, to), mode);
  }

  write(to: string, text: string | Buffer, mode = 0o644): void {
    writeFileSync(this.join(to), text, { mode });
  }

  remove(): void {
    for (const path of [this.path, this.package]) rmSync(path, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[], cwd = PROJECT, env = process.env): string {
  return execFileSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Files below a directory. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

async function addProgram(tree: Tree, architecture: Architecture): Promise<readonly Bundled[]> {
  const bundled = await bundle(PROJECT, tree.join(`${APP}/dist`));
  // Of the programs here none reads ours: they are for clients in other languages.
  for (const path of filesBelow(join(PROJECT, 'proto'))) {
    const file = relative(PROJECT, path);
    if (file.endsWith('.proto')) tree.copy(file, join(APP, file));
  }
  for (const [module, file] of SERVICES_OF_MODULES) {
    tree.copy(join('node_modules', module, file), join(APP, file.slice(file.indexOf('proto/'))));
  }
  addAddon(tree, `${APP}/${ADDON}`, architecture);
  tree.copy('package.json', `${APP}/package.json`);
  for (const [name, main] of [
    ['dmabufd', 'server/main.js'],
    ['dmabufctl', 'client/cli/main.js'],
  ] as const) {
    chmodSync(join(tree.path, APP, 'dist', main), 0o755);
    symlinkSync(`../lib/dmabufd/dist/${main}`, tree.join(`usr/bin/${name}`));
  }
  symlinkSync('../../lib/dmabufd', tree.join('usr/share/nodejs/dmabufd'));
  tree.copy('proto/dmabufd_fd.h', 'usr/include/dmabufd_fd.h');
  return bundled;
}

function addAddon(tree: Tree, to: string, architecture: Architecture): void {
  const { node, tools } = ARCHITECTURES[architecture];
  if (node === process.arch) {
    tree.copy(ADDON, to);
    run('strip', ['--strip-unneeded', join(tree.path, to)]);
    return;
  }
  // In a copy: what is built for this machine stays.
  const copy = mkdtempSync(join(tmpdir(), 'dmabufd-cross-'));
  try {
    for (const part of ['native', 'proto', 'package.json', 'node_modules/node-addon-api']) {
      cpSync(join(PROJECT, part), join(copy, part), {
        recursive: true,
        filter: (path) => path !== join(PROJECT, 'native', 'build'),
      });
    }
    const env = { ...process.env, CC: `${tools}-gcc`, CXX: `${tools}-g++` };
    run(process.execPath, [join(copy, 'native', 'build-addon.js'), `--arch=${node}`], copy, env);
    run(`${tools}-strip`, ['--strip-unneeded', join(copy, ADDON)], copy);
    cpSync(join(copy, ADDON), tree.join(to));
    chmodSync(join(tree.path, to), 0o644);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function addService(tree: Tree): void {
  for (const unit of ['dmabufd.service', 'dmabufd.socket']) {
    tree.copy(`systemd/${unit}`, `usr/lib/systemd/system/${unit}`);
  }
  tree.copy('systemd/dmabufd.sysusers', 'usr/lib/sysusers.d/dmabufd.conf');
  tree.copy('systemd/dmabufd.tmpfiles', 'usr/lib/tmpfiles.d/dmabufd.conf');
  tree.copy('systemd/60-dmabufd.rules', 'usr/lib/udev/rules.d/60-dmabufd.rules');
  tree.copy('packaging/policy.yaml', 'etc/dmabufd/policy.yaml');
  tree.copy('packaging/dmabufd.default', 'etc/default/dmabufd');
}

function addDocuments(tree: Tree, bundled: readonly Bundled[]): void {
  for (const page of readdirSync(join(PROJECT, 'docs', 'man'))) {
    const section = page.slice(page.lastIndexOf('.') + 1);
    const text = readFileSync(join(PROJECT, 'docs', 'man', page));
    tree.write(`usr/share/man/man${section}/${page}.gz`, gzipSync(text, { level: 9 }));
  }
  for (const name of readdirSync(join(PROJECT, 'docs')).filter((file) => file.endsWith('.md'))) {
    tree.copy(`docs/${name}`, `usr/share/doc/dmabufd/${name}`);
  }
  for (const plot of readdirSync(join(PROJECT, 'docs', 'performance'))) {
    tree.copy(`docs/performance/${plot}`, `usr/share/doc/dmabufd/performance/${plot}`);
  }
  // Of what went into the bundles, too: what is distributed says whose it is.
  const own = readFileSync(join(PROJECT, 'LICENSE'), 'utf8');
  const others = bundled.map(
    ({ name, version, license }) =>
      `\n${'-'.repeat(72)}\n${name} ${version}\n\n${license.trim()}\n`,
  );
  tree.write('usr/share/doc/dmabufd/copyright', own + others.join(''));
}

function addControl(
  tree: Tree,
  { version, description }: Manifest,
  architecture: Architecture,
): void {
  const installed = filesBelow(tree.path).filter((path) => lstatSync(path).isFile());
  const kibibytes = installed.reduce((sum, path) => sum + Math.ceil(statSync(path).size / 1024), 0);
  const sums = run('md5sum', installed.map((path) => relative(tree.path, path)).sort(), tree.path);
  const fields = {
    Package: 'dmabufd',
    Version: version,
    Architecture: architecture,
    Maintainer: 'dmabufd maintainers <maintainers@dmabufd.invalid>',
    'Installed-Size': String(kibibytes),
    Depends: 'nodejs (>= 20), libc6 (>= 2.36), libstdc++6',
    Recommends: 'systemd',
    Section: 'video',
    Priority: 'optional',
    Description: `${description}\n Clients get the buffers' file descriptors over a Unix socket, and speak gRPC for everything else.`,
  };
  const control = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`);
  tree.write('DEBIAN/control', control.join(''));
  tree.write('DEBIAN/md5sums', sums);
  tree.write('DEBIAN/conffiles', '/etc/dmabufd/policy.yaml\n/etc/default/dmabufd\n');
  tree.write('DEBIAN/triggers', 'interest-noawait /usr/bin/node\n');
  for (const script of ['postinst', 'prerm', 'postrm']) {
    tree.copy(`packaging/maintainer/${script}`, `DEBIAN/${script}`, 0o755);
  }
}

function architectureOf(wanted: string | undefined): Architecture {
  for (const name of ['amd64', 'arm64'] as const) {
    if (wanted === undefined ? ARCHITECTURES[name].node === process.arch : name === wanted)
      return name;
  }
  throw new Error(`--arch: ${wanted ?? process.arch}: the package is for amd64 and arm64`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: '.' },
      arch: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const architecture = architectureOf(values.arch);
  const manifest: Manifest = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'));
  const tree = new Tree();
  try {
    const bundled = await addProgram(tree, architecture);
    addService(tree);
    addDocuments(tree, bundled);
    addControl(tree, manifest, architecture);
    chmodSync(tree.path, 0o755);
    const name = `dmabufd_${manifest.version}_${architecture}.deb`;
    run('dpkg-deb', ['--root-owner-group', '--build', tree.path, tree.package]);
    mkdirSync(values.out, { recursive: true });
    const file = resolve(values.out, name);
    cpSync(tree.package, `${file}.partial`);
    renameSync(`${file}.partial`, file);
    process.stdout.write(`${file}\n`);
  } finally {
    tree.remove();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
