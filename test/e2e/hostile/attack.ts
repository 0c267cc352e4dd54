/** Attackers in processes of their own, as a user of their own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../jest-run';
import type { DaemonProcess } from '../daemon-process';
import { patience } from '../slowness';

export const ATTACKER_UID = 4100;

// tsc copies no Python: it is where it was written. It is there, since the addon's build needs it.
const FOLDER = join(projectRoot, 'test', 'e2e', 'hostile', 'processes');

/** Compiles one that is written in C into the daemon's directory. Answers the program. */
export async function compiled(daemon: DaemonProcess, source: string): Promise<string> {
  const program = join(daemon.directory, basename(source, '.c'));
  const strict = ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror'];
  const include = ['-I', join(projectRoot, 'proto')];
  await promisify(execFile)('cc', [...strict, ...include, '-o', program, join(FOLDER, source)]);
  return program;
}

/** One or more processes of one attack, under way. */
export class Attack implements AsyncDisposable {
  private constructor(private readonly attackers: readonly Attacker[]) {}

  /** Starts them as `ATTACKER_UID` and waits until each has said that it is under way. */
  static start(
    daemon: DaemonProcess,
    program: string,
    args: readonly (string | number)[] = [],
    { processes = 1, uid = ATTACKER_UID } = {},
  ): Promise<Attack> {
    return Attack.against(daemon.runtimeDirectory, program, args, { processes, uid });
  }

  /** Starts one that plays the daemon in a directory, as a user. */
  static listen(directory: string, args: readonly string[], uid: number): Promise<Attack> {
    return Attack.against(directory, 'impostor.py', args, { processes: 1, uid });
  }

  private static async against(
    directory: string,
    program: string,
    args: readonly (string | number)[],
    { processes, uid }: { readonly processes: number; readonly uid: number },
  ): Promise<Attack> {
    const all = [directory, uid, ...args].map(String);
    const attackers = Array.from({ length: processes }, () => new Attacker(program, all));
    const attack = new Attack(attackers);
    try {
      await Promise.all(attackers.map((attacker) => attacker.saidSomething()));
    } catch (error) {
      await attack.end();
      throw error;
    }
    return attack;
  }

  /** What they have said since, line by line. */
  get said(): string[] {
    return this.attackers.flatMap(({ lines }) => lines.slice(1));
  }

  get pids(): number[] {
    return this.attackers.map(({ pid }) => pid);
  }

  /** Waits until they have done what they came for. Rejects if one failed. */
  async finished(): Promise<void> {
    await Promise.all(this.attackers.map((attacker) => attacker.finished()));
  }

  /** `kill -9`. Rejects if one had ended before by itself and not well. */
  async end(): Promise<void> {
    await Promise.all(this.attackers.map((attacker) => attacker.end()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

class Attacker {
  private readonly process: ChildProcess;
  private output = '';
  private complaints = '';

  constructor(program: string, args: readonly string[]) {
    const path = join(FOLDER, program);
    const [command, first] = extname(program) === '.py' ? ['python3', [path]] : [program, []];
    this.process = spawn(command, [...first, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString();
    });
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.complaints += chunk.toString();
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get lines(): string[] {
    return this.output.trimEnd().split('\n');
  }

  async saidSomething(): Promise<void> {
    if (this.output !== '' || this.process.stdout === null) return;
    const signal = AbortSignal.timeout(patience());
    await Promise.race([
      once(this.process.stdout, 'data', { signal }),
      once(this.process, 'close').then(() => this.requireSuccess()),
    ]);
  }

  async finished(): Promise<void> {
    if (!this.hasEnded) {
      await once(this.process, 'close', { signal: AbortSignal.timeout(patience(60_000)) });
    }
    this.requireSuccess();
  }

  async end(): Promise<void> {
    if (this.process.signalCode === 'SIGKILL') return;
    if (this.hasEnded) return this.requireSuccess();
    const gone = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await gone;
  }

  private get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  private requireSuccess(): void {
    const { exitCode, signalCode } = this.process;
    if (exitCode === 0) return;
    throw new Error(`an attacker failed (${exitCode ?? signalCode}): ${this.complaints}`);
  }
}
