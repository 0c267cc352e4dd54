// Runs clang-tidy over the C++ with the checks of .clang-tidy. Says what to install where it is missing.
const { execFile } = require('node:child_process');
const { readdirSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');

const run = promisify(execFile);

const source = path.join(__dirname, 'src');
const files = [source, path.join(__dirname, 'fuzz'), path.join(__dirname, 'race')].flatMap(
  (directory) =>
    readdirSync(directory, { recursive: true })
      .filter((file) => file.endsWith('.cc'))
      .map((file) => path.join(directory, file)),
);
const nodePrefix = process.env.npm_config_nodedir ?? path.resolve(process.execPath, '..', '..');
const nodeAddonApi = path.dirname(require.resolve('node-addon-api/package.json'));
const flags = ['-std=c++17', '-D_GNU_SOURCE', '-DNAPI_VERSION=8', `-I${source}`];
flags.push(`-I${path.join(__dirname, '..', 'proto')}`);
for (const system of [path.join(nodePrefix, 'include', 'node'), nodeAddonApi])
  flags.push('-isystem', system);

/** One clang-tidy for each processor: every file is parsed on its own anyway. */
async function tidy() {
  const waiting = [...files];
  let failed = false;
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      try {
        await run('clang-tidy', ['--quiet', file, '--', ...flags]);
      } catch (error) {
        if (error.code === 'ENOENT')
          throw new Error('clang-tidy is missing. On Debian: apt-get install clang-tidy');
        failed = true;
        process.stdout.write(error.stdout);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return failed ? 1 : 0;
}

tidy().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
