/** A Python program of test/native/processes that is told what to do line by line, and answers each with a line. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { projectRoot } from '../jest-run';

/** For what Node cannot do. Python is there: the addon's build needs it. */
export class PythonProcess implements AsyncDisposable {
  private readonly process: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: AsyncIterator<string>;

  constructor(program: string, ...args: string[]) {
    const path = join(projectRoot, 'test', 'native', 'processes', program);
    this.process = spawn('python3', [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
  }

  async tell(line: string): Promise<string> {
    this.process.stdin.write(`${line}\n`);
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error(`it ended instead of an answer to ${line}`);
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await gone;
  }
}
