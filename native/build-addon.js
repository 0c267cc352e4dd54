// Builds the addon when the package is installed. node-gyp comes with npm. It would download Node's headers
// from the internet; a Node that brought its headers along (NodeSource, Debian's libnode-dev, nvm) needs no download.
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const path = require('node:path');

const prefix = path.resolve(process.execPath, '..', '..');
const hasHeaders = existsSync(path.join(prefix, 'include', 'node', 'node_version.h'));
const nodedir = process.env.npm_config_nodedir ?? (hasHeaders ? prefix : undefined);

/** Runs node-gyp; ends this process if it fails. */
function nodeGyp(...args) {
  const options = ['--directory', __dirname, '--release', '--loglevel=warn'];
  if (nodedir !== undefined) options.push(`--nodedir=${nodedir}`);
  const [command, ...more] = args;
  const built = spawnSync('node-gyp', [command, ...options, ...more], { stdio: 'inherit' });
  if (built.error !== undefined) {
    console.error(
      `cannot run node-gyp (${built.error.message}): run this through npm, which brings it along`,
    );
  }
  if (built.status !== 0) process.exit(built.status ?? 1);
}

// The sanitized addon is another file beside the ordinary one, which stays as it is. It is for tests alone (test/sanitize).
if (process.argv.includes('--sanitize')) {
  nodeGyp('configure', '--', '-Daddon=dmabufd_sanitized');
  nodeGyp('build', '--jobs=max');
} else {
  // With another --arch for the machine that CC and CXX compile for.
  nodeGyp('rebuild', ...process.argv.slice(2));
}
