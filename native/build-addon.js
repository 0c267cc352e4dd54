// Builds the addon when the package is installed. node-gyp comes with npm. It would download Node's headers
// from the internet; a Node that brought its headers along (NodeSource, Debian's libnode-dev, nvm) needs no download.
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const path = require('node:path');

const prefix = path.resolve(process.execPath, '..', '..');
const hasHeaders = existsSync(path.join(prefix, 'include', 'node', 'node_version.h'));
const nodedir = process.env.npm_config_nodedir ?? (hasHeaders ? prefix : undefined);

const args = ['rebuild', '--directory', __dirname, '--release', '--loglevel=warn'];
if (nodedir !== undefined) args.push(`--nodedir=${nodedir}`);
if (process.argv.includes('--sanitize')) args.push('--', '-Dsanitize=1');

const built = spawnSync('node-gyp', args, { stdio: 'inherit', shell: false });
if (built.error !== undefined) {
  console.error(
    `cannot run node-gyp (${built.error.message}): run this through npm, which brings it along`,
  );
  process.exit(1);
}
process.exit(built.status ?? 1);
