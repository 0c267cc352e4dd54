/**
 * Runs a tool of the host to its end within a deadline and returns what it printed. A tool that
 * fails becomes an error that names it and shows its last words.
 */
import { spawn } from 'node:child_process';
import { lastLines } from './last-lines';

export interface ToolOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What the tool reads from its standard input; nothing by default. */
  readonly input?: string;
  /** How many lines of its standard error an error shows; 5 by default. */
  readonly lastLines?: number;
}

export function runTool(
  program: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.timeout(options.timeoutMs);
    const child = spawn(program, args, {
      stdio: 'pipe',
      killSignal: 'SIGKILL',
      signal: options.signal ? AbortSignal.any([options.signal, deadline]) : deadline,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A tool that ends before it has read its input is judged by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => {
      if (deadline.aborted) {
        reject(new Error(`${program} did not end within ${options.timeoutMs / 1000} s`));
      } else if (error.name === 'AbortError') {
        reject(error);
      } else {
        reject(new Error(`${program} could not be run: ${error.message}`));
      }
    });
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve(Buffer.concat(stdout));
        return;
      }
      const words = lastLines(Buffer.concat(stderr).toString(), options.lastLines ?? 5);
      reject(new Error(`${program} failed (${signal ?? `exit code ${code}`}): ${words}`));
    });
  });
}
