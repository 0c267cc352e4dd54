/**
 * What is started in the package, main.js beside the bundle of its program. It has V8 take the bundle's functions from a cache,
 * which it made when the package was installed, instead of compiling them again: a third of a start. Without the cache, or with
 * one of another bundle, node or V8 option, the program is the same and starts later.
 *
 *     main.js --write-code-cache    makes the cache, of what `main.js --version` has needed
 */
import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

const BUNDLE = join(__dirname, 'program.js');
const CACHE = join(__dirname, 'program.cache');
/**
 * A bundle begins with a comment of its own digest, and a cache with the digest of its bundle and then its own: V8 compares no more than
 * lengths and versions, and crashes on what a loss of power has left of a file.
 */
const COMMENT = '//';
const DIGEST_CHARACTERS = 64;
const HEADER_CHARACTERS = 2 * DIGEST_CHARACTERS;

function start(): void {
  // As esbuild writes it: ASCII. It takes half the memory of a text that might be more.
  const text = readFileSync(BUNDLE, 'latin1');
  const digest = text.slice(COMMENT.length, COMMENT.length + DIGEST_CHARACTERS);
  const cachedData = readCache(digest);
  const script = new Script(text, {
    filename: BUNDLE,
    ...(cachedData === null ? {} : { cachedData }),
  });
  if (process.argv[2] === '--write-code-cache') {
    process.argv[2] = '--version';
    process.on('exit', () => writeCache(digest, script));
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(BUNDLE), module, BUNDLE, dirname(BUNDLE));
}

function readCache(digest: string): Buffer | null {
  try {
    const cache = readFileSync(CACHE);
    const data = cache.subarray(HEADER_CHARACTERS);
    const isWhole = cache.toString('latin1', 0, HEADER_CHARACTERS) === digest + digestOf(data);
    return isWhole ? data : null;
  } catch {
    return null;
  }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Whole or not at all: somebody may be starting. For everybody to read, and its writer alone to write, whatever the umask says. */
function writeCache(digest: string, script: Script): void {
  const partial = `${CACHE}.partial`;
  const data = script.createCachedData();
  try {
    writeFileSync(partial, Buffer.concat([Buffer.from(digest + digestOf(data), 'latin1'), data]));
    chmodSync(partial, 0o644);
    renameSync(partial, CACHE);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

start();
