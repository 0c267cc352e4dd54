/**
 * What the sanitizers wrote about the processes of a test run.
 *
 * Node leaves memory of its own to the end of the process, and every stack that leads to the addon goes through Node, so
 * that no suppression of LeakSanitizer's can tell the two apart: it would match all. Who asked for the memory does: a leak
 * counts if the frame that called the allocator, the standard library left out, is the addon's. Not counted are so the
 * objects that Node-API makes on the addon's behalf, which are V8's to free: externals that no collection came for, and
 * the promises of a worker that was terminated.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The options with which {@link readReports} can read what comes out: a file for each process. */
export function reportOptions(directory: string): Record<string, string> {
  return {
    ASAN_OPTIONS: `log_path=${join(directory, 'report')}:detect_leaks=1:stack_trace_format="    #%n %m %f %S"`,
    // Its report goes to standard error, and the process ends with it.
    UBSAN_OPTIONS: 'print_stacktrace=1',
    // A leak is judged here, and ends no process with another exit code.
    LSAN_OPTIONS: 'exitcode=0',
  };
}

/** Errors and leaks of the addon, each as a text for a person. */
export async function readReports(directory: string, addonFile: string): Promise<string[]> {
  const names = await readdir(directory);
  const logs = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  return logs.flatMap((log) => [...errorsIn(log), ...leaksIn(log, addonFile)]);
}

function errorsIn(log: string): string[] {
  const isError = /ERROR: AddressSanitizer|LeakSanitizer has encountered/.test(log);
  return isError ? [log] : [];
}

function leaksIn(log: string, addonFile: string): string[] {
  return log.split(/\n\s*\n/).filter((block) => {
    if (!/^(Direct|Indirect) leak of /m.test(block)) return false;
    const modules = [...block.matchAll(/^ +#\d+ (\S+) /gm)].map((match) => match[1] ?? '');
    const asker = modules.find((path) => !/\/lib(asan|stdc\+\+)\.so[.\d]*$/.test(path));
    // Of a stack that cannot be read nobody can say whose it is.
    return modules.length === 0 || asker?.endsWith(addonFile);
  });
}
