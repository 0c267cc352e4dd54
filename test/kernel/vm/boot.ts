/**
 * Boots the VM for one command and ends with it. Everything here is bounded: the VM that does not
 * reach user space, the command that does not end and the caller that gives up all kill QEMU, and
 * the kernel kills it when this process dies in any other way.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { lastLines } from '../../host/last-lines';
import { projectRoot } from '../../jest-run';
import { findOrBuildInitramfs } from './initramfs';
import { createJob, type Job } from './job';
import type { VmFiles } from './provision';
import { type Acceleration, qemuArguments } from './qemu-arguments';

export interface VmRun {
  /** Program and arguments, as they are: no shell reads them. */
  readonly command: readonly string[];
  /** The same path in the VM as on the host; the caller's own by default. */
  readonly cwd?: string | undefined;
  /** On top of PATH, HOME and TERM. Nothing else of the host's environment is passed on. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** For all of it, boot included. Ten minutes by default. */
  readonly timeoutMs?: number | undefined;
  readonly memoryMb?: number | undefined;
  readonly cpus?: number | undefined;
  /** `tcg` by default, or what $DMABUFD_VM_ACCELERATION says. */
  readonly acceleration?: Acceleration | undefined;
  /** A host directory that the command finds, writable, at /results. */
  readonly resultsDir?: string | undefined;
  readonly onOutput?: ((chunk: Buffer, stream: 'stdout' | 'stderr') => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * The directory of a Debian system of the VM's own, which then boots systemd; the command runs as a service of it, and sees of
   * the host only this checkout, read-only, at the same path. By default it is the host's system that the command sees.
   */
  readonly systemDir?: string | undefined;
}

export interface VmResult {
  /** 128 and the signal's number for a command that a signal ended, as shells have it. */
  readonly exitCode: number;
  readonly seconds: number;
  readonly bootSeconds: number;
  /** The warnings that the guest's kernel gave. */
  readonly kernelLog: string;
}

/** The VM, not the command in it, failed. The message ends with the last lines of its console. */
export class VmError extends Error {
  override readonly name = 'VmError';
}

const bootTimeoutMs = 120_000;
const consoleLinesShown = 60;

export async function runInVm(files: VmFiles, run: VmRun): Promise<VmResult> {
  run.signal?.throwIfAborted();
  const initramfs = await findOrBuildInitramfs(files.cacheDir, files.kernel, run.signal);
  await using job = await createJob({
    command: run.command,
    cwd: run.cwd ?? process.cwd(),
    env: {
      PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      TERM: 'dumb',
      ...run.env,
    },
    kernelRelease: files.kernel.release,
    system: run.systemDir === undefined ? null : { projectDir: projectRoot },
  });
  const consoleFile = join(job.directory, 'console.log');
  const resultsDir = run.resultsDir ?? join(job.directory, 'results');
  await mkdir(resultsDir, { recursive: true });

  const startMs = Date.now();
  const args = qemuArguments({
    kernelImage: files.kernel.image,
    initramfs,
    memoryMb: run.memoryMb ?? 2048,
    cpus: run.cpus ?? 2,
    acceleration: run.acceleration ?? accelerationOf(process.env),
    rootDir: run.systemDir ?? '/',
    modulesDir: files.kernel.modulesDir,
    projectDir: run.systemDir === undefined ? null : projectRoot,
    jobDir: job.directory,
    resultsDir: await realpath(resultsDir),
    consoleFile,
    stdoutFd: 3,
    stderrFd: 4,
  });
  const failure = await runQemu(files, args, job, run);
  const seconds = (Date.now() - startMs) / 1000;
  run.signal?.throwIfAborted();
  const kernelLog = existsSync(consoleFile) ? await readFile(consoleFile, 'utf8') : '';
  const startedMs = job.startedMs();
  const exitCode = await job.readExitCode();
  if (exitCode === undefined || startedMs === undefined) {
    const last = lastLines(kernelLog, consoleLinesShown) || '(nothing)';
    throw new VmError(
      `${failure ?? 'The VM ended before its command did.'}\nIts console:\n${last}`,
    );
  }
  return { exitCode, seconds, bootSeconds: (startedMs - startMs) / 1000, kernelLog };
}

/** Resolves when QEMU has ended, to the reason if there was one other than the VM's own end. */
async function runQemu(
  files: VmFiles,
  args: readonly string[],
  job: Job,
  run: VmRun,
): Promise<string | undefined> {
  const timeoutMs = run.timeoutMs ?? 10 * 60_000;
  // setpriv becomes QEMU, with the kernel's promise to kill it when the thread that started it dies.
  const qemu = spawn(files.setpriv, ['--pdeathsig', 'KILL', files.qemu, ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
  });
  const [, , complaints, stdout, stderr] = qemu.stdio;
  let failure: string | undefined;
  const kill = (reason: string) => {
    failure ??= reason;
    qemu.kill('SIGKILL');
  };
  const onAbort = () => kill('Aborted.');
  run.signal?.addEventListener('abort', onAbort, { once: true });
  const bootTimer = setTimeout(() => {
    if (job.startedMs() === undefined) {
      kill(`The VM did not reach user space within ${bootTimeoutMs / 1000} s.`);
    }
  }, bootTimeoutMs);
  const timer = setTimeout(() => {
    kill(`The command in the VM did not end within ${timeoutMs / 1000} s, boot included.`);
  }, timeoutMs);
  let complaint = '';
  onData(complaints, (chunk) => {
    complaint += chunk.toString();
  });
  onData(stdout, (chunk) => run.onOutput?.(chunk, 'stdout'));
  onData(stderr, (chunk) => run.onOutput?.(chunk, 'stderr'));
  try {
    return await new Promise((resolve, reject) => {
      qemu.on('error', reject);
      qemu.on('close', (code, signal) => {
        const ended = `QEMU ended with ${signal ?? `exit code ${code}`}: ${lastLines(complaint, 5)}`;
        resolve(failure ?? (code === 0 ? undefined : ended));
      });
    });
  } finally {
    clearTimeout(bootTimer);
    clearTimeout(timer);
    run.signal?.removeEventListener('abort', onAbort);
  }
}

function onData(stream: unknown, take: (chunk: Buffer) => void): void {
  if (!(stream instanceof Readable)) {
    throw new Error('QEMU was started without its pipes');
  }
  stream.on('data', take);
}

function accelerationOf(env: NodeJS.ProcessEnv): Acceleration {
  const wanted = env.DMABUFD_VM_ACCELERATION || 'tcg';
  if (wanted !== 'tcg' && wanted !== 'kvm') {
    throw new Error(`DMABUFD_VM_ACCELERATION is tcg or kvm, not ${wanted}`);
  }
  return wanted;
}
