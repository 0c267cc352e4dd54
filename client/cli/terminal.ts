/**
 * Where a command's result goes: text for people, or one JSON document for programs, on stdout; what is said about
 * the way there, on stderr.
 */
import { writeSync } from 'node:fs';
import { DmabufdError, systemErrorCode } from '../errors';
import { ExitCode, UsageError } from './exit-codes';
import { printable } from './table';

/** Prints the results of one run of dmabufctl. */
export class Terminal {
  readonly json: boolean;

  constructor(json: boolean) {
    this.json = json;
  }

  /** Prints a result: the value as JSON, or the lines. */
  result(value: unknown, lines: readonly string[]): void {
    if (this.json) writeAll(1, `${JSON.stringify(value)}\n`);
    else if (lines.length > 0) writeAll(1, `${lines.join('\n')}\n`);
  }

  /** Says something by the way; nothing with --json. */
  note(text: string): void {
    if (!this.json) writeAll(2, `${text}\n`);
  }

  /** Bytes as they are. */
  bytes(bytes: Uint8Array): void {
    writeAll(1, bytes);
  }

  failure(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof DmabufdError ? error.code : undefined;
    const text = this.json
      ? JSON.stringify({ error: { code: code ?? codeOf(error), message } })
      : `dmabufctl: ${message.split('\n').map(printable).join('\n  ')}`;
    writeAll(2, `${text}\n`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof UsageError ? 'USAGE' : 'FAILED';
}

/** Waits for a pipe that is full: process.exit would cut off what is buffered in a stream. */
function writeAll(fd: number, text: string | Uint8Array): void {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      const code = systemErrorCode(error);
      // Whoever read has had enough, as `head` does.
      if (code === 'EPIPE') process.exit(ExitCode.OK);
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
