/** clang with the runtimes of its fuzzer and sanitizers: found, or installed where this user may. */
import { devNull } from 'node:os';
import {
  findProgram,
  installCommand,
  installPackages,
  mayInstallPackages,
} from '../host/debian-packages';
import { runTool } from '../host/run-tool';

/** Debian's own names for its default version: 14 in Debian 12, 19 in Debian 13. */
const packages = ['clang', 'libclang-rt-dev'];

/** What -fsanitize= takes. */
export const SANITIZERS = 'fuzzer,address,undefined';

export type Clang =
  | { readonly ready: true; readonly compiler: string }
  /** Each in one line: what is missing, and what would bring it. */
  | { readonly ready: false; readonly reason: string; readonly remedy: string };

export async function findOrInstallClang(say: (message: string) => void): Promise<Clang> {
  const found = await findClang();
  if (found.ready || !mayInstallPackages()) return found;
  say(`installing ${packages.join(' ')}`);
  try {
    await installPackages(packages);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...found, reason: reason.replaceAll(/\s*\n\s*/g, ' / ') };
  }
  return findClang();
}

async function findClang(): Promise<Clang> {
  const compiler = findProgram('clang++');
  const remedy = installCommand(packages);
  if (compiler === undefined) return { ready: false, reason: 'there is no clang++', remedy };
  return (await canFuzz(compiler))
    ? { ready: true, compiler }
    : { ready: false, reason: `${compiler} has no runtime for -fsanitize=${SANITIZERS}`, remedy };
}

/** Where the runtimes lie changes between versions; whether they are there does not. */
async function canFuzz(compiler: string): Promise<boolean> {
  const input = 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }';
  const args = ['-x', 'c++', '-', `-fsanitize=${SANITIZERS}`, '-o', devNull];
  return runTool(compiler, args, { timeoutMs: 60_000, input }).then(
    () => true,
    () => false,
  );
}
