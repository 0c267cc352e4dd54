/**
 * How the demo's processes speak with the one that started them: a scenario as JSON in the first argument, reports as lines
 * of JSON on stdout, reasons for a failure on stderr. Frames do not go this way.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** In a child: what it was told. */
export function scenarioOfThisProcess<Scenario>(): Scenario {
  const scenario: Scenario = JSON.parse(process.argv[2] ?? '{}');
  return scenario;
}

/** In a child: tells the process that started it. */
export function reportOf(report: object): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

/** In the parent: one child. */
export class Child<Report> {
  readonly name: string;
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Starts a script of this directory. */
  constructor(name: string, script: string, scenario: object) {
    this.name = name;
    const args = [join(__dirname, `${script}.js`), JSON.stringify(scenario)];
    this.#process = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.pid = this.#process.pid ?? 0;
    if (this.#process.stdout === null) throw new Error(`${name}: no stdout`);
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  /** Its next report. Rejects if it ends without one. */
  async report(): Promise<Report> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`${this.name}: ended without a report`);
    const report: Report = JSON.parse(value);
    return report;
  }

  /** Waits for its end. Rejects if that was no success. */
  async ended(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      await once(this.#process, 'exit');
    }
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== 0) throw new Error(`${this.name}: ended with ${signalCode ?? exitCode}`);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}
