// Writes to proto/generated what TypeScript needs of the files in dmabufd/v1: the types of messages and services, by proto-loader's
// own generator, and the contract itself as protobufjs describes it, so that nothing is parsed or looked for when a program runs.
// The options here are those with which proto/index.ts makes messages of it, so that the types are true.
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const fs = require('node:fs');

const files = fs
  .readdirSync(path.join(__dirname, 'dmabufd', 'v1'))
  .filter((name) => name.endsWith('.proto'))
  .map((name) => `dmabufd/v1/${name}`);
const loader = path.dirname(require.resolve('@grpc/proto-loader/package.json'));
const out = path.join(__dirname, 'generated');

function generateTypes() {
  const generator = path.join(loader, 'build/bin/proto-loader-gen-types.js');
  const args = ['--longs=String', '--enums=String', '--defaults', '--oneofs'];
  args.push('--grpcLib=@grpc/grpc-js', `--includeDirs=${__dirname}`, `--outDir=${out}`);
  const generated = spawnSync(process.execPath, [generator, ...args, ...files], {
    cwd: __dirname,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (generated.status !== 0) process.exit(generated.status ?? 1);
}

function generateContract() {
  // proto-loader's, which will read it.
  const { Root } = require(require.resolve('protobufjs', { paths: [loader] }));
  const root = new Root();
  root.resolvePath = (_origin, target) => path.join(__dirname, target);
  root.loadSync(files).resolveAll();
  // As a string, of which V8 has nothing to compile.
  const text = JSON.stringify(JSON.stringify(root.toJSON()));
  fs.writeFileSync(
    path.join(out, 'contract.ts'),
    `import type { fromJSON } from '@grpc/proto-loader';

export const contract: Parameters<typeof fromJSON>[0] = JSON.parse(
  ${text},
);
`,
  );
}

fs.rmSync(out, { recursive: true, force: true });
generateTypes();
generateContract();
