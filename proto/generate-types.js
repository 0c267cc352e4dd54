// Writes TypeScript types of the messages and services to proto/generated, by proto-loader's own generator. The
// options here are those with which proto/index.ts loads the files, so that the types are true.
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const fs = require('node:fs');

const files = fs
  .readdirSync(path.join(__dirname, 'dmabufd', 'v1'))
  .filter((name) => name.endsWith('.proto'))
  .map((name) => `dmabufd/v1/${name}`);
const generator = path.join(
  path.dirname(require.resolve('@grpc/proto-loader/package.json')),
  'build/bin/proto-loader-gen-types.js',
);
const out = path.join(__dirname, 'generated');
fs.rmSync(out, { recursive: true, force: true });
const args = ['--longs=String', '--enums=String', '--defaults', '--oneofs'];
args.push('--grpcLib=@grpc/grpc-js', `--includeDirs=${__dirname}`, `--outDir=${out}`);
const generated = spawnSync(process.execPath, [generator, ...args, ...files], {
  cwd: __dirname,
  stdio: ['ignore', 'ignore', 'inherit'],
});
process.exit(generated.status ?? 1);
