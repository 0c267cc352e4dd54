/**
 * What is started in the package, main.js beside the bundle of its program. It has V8 take the bundle's functions from a cache,
 * which it made when the package was installed, instead of compiling them again: a third of a start. Without the cache, or with
 * one of another bundle, node or V8 option, the program is the same and starts later.
 *
 *     main.js --write-code-cache    makes the cache, of what `main.js --version` has needed
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, wrap } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

const BUNDLE = join(__dirname, 'program.js');
const CACHE = join(__dirname, 'program.cache');
/** A bundle begins with a comment of its own digest, and a cache with the digest of its bundle: V8 compares no more than lengths. */
const COMMENT = '//';
const DIGEST_CHARACTERS = 64;

function start(): void {
  // As esbuild writes it: ASCII. It takes half the memory of a text that might be more.
  const text = readFileSync(BUNDLE, 'latin1');
  const digest = text.slice(COMMENT.length, COMMENT.length + DIGEST_CHARACTERS);
  const cachedData = readCache(digest);
  const script = new Script(wrap(text), {
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
    const isOfBundle = cache.toString('latin1', 0, DIGEST_CHARACTERS) === digest;
    return isOfBundle ? cache.subarray(DIGEST_CHARACTERS) : null;
  } catch {
    return null;
  }
}

/** Whole or not at all: somebody may be starting. */
function writeCache(digest: string, script: Script): void {
  const partial = `${CACHE}.partial`;
  const bytes = Buffer.concat([Buffer.from(digest, 'latin1'), script.createCachedData()]);
  try {
    writeFileSync(partial, bytes);
    renameSync(partial, CACHE);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

start();
