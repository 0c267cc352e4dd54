/**
 * The directory through which the host tells the VM what to run and hears how it ended. The names
 * in it are the contract with init and pid-one:
 *
 *     command.sh, visible-branches, kernel-release, project-dir, system      from the host
 *     started, exit-code                                                     from the VM
 */
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface JobRequest {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly kernelRelease: string;
  /** The checkout, where the VM has a root of its own, and what is then its process 1. Null: the host's root, and none. */
  readonly system: { readonly projectDir: string } | null;
}

export interface Job extends AsyncDisposable {
  readonly directory: string;
  /** When the VM started the command, by the host's clock; undefined before. */
  startedMs(): number | undefined;
  /** Undefined when the VM ended before its command did. */
  readExitCode(): Promise<number | undefined>;
}

/** What the VM covers with empty filesystems of its own. */
const coveredDirectories = ['/tmp', '/run', '/dev/shm'];

export async function createJob(request: JobRequest): Promise<Job> {
  const cwd = await realpath(request.cwd);
  const directory = await mkdtemp(join(tmpdir(), 'dmabufd-vm-'));
  const path = (name: string) => join(directory, name);
  const branches = request.system === null ? visibleBranches([cwd, process.execPath]) : [];
  await writeFile(path('command.sh'), commandScript(request.command, cwd, request.env));
  await writeFile(path('visible-branches'), branches.map((branch) => `${branch}\n`).join(''));
  await writeFile(path('kernel-release'), `${request.kernelRelease}\n`);
  await writeFile(path('project-dir'), `${request.system?.projectDir ?? ''}\n`);
  await writeFile(path('system'), `${request.system === null ? '' : 'systemd'}\n`);
  return {
    directory,
    startedMs: () => statSync(path('started'), { throwIfNoEntry: false })?.mtimeMs,
    async readExitCode() {
      if (!existsSync(path('exit-code'))) {
        return undefined;
      }
      return Number.parseInt(await readFile(path('exit-code'), 'utf8'), 10);
    },
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The directories right below a covered one that lead to any of `paths`. */
export function visibleBranches(paths: readonly string[]): string[] {
  const branches = paths.flatMap((path) => {
    const covered = coveredDirectories.find((directory) => path.startsWith(`${directory}/`));
    const first = covered && path.slice(covered.length + 1).split('/')[0];
    return first ? [`${covered}/${first}`] : [];
  });
  return [...new Set(branches)];
}

/** A shell script that runs `command` with exactly this environment, whatever the words hold. */
export function commandScript(
  command: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): string {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const words = ['/usr/bin/env', '-i', ...assignments, ...command].map(shellWord).join(' ');
  return `cd ${shellWord(cwd)} || exit\nexec ${words}\n`;
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
