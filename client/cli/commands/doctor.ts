/** `dmabufctl doctor`: what this machine has and lacks, and what to do about it. */
import type { Command } from 'commander';
import { examineDaemon } from '../doctor/daemon';
import type { Finding } from '../doctor/finding';
import { examineMachine } from '../doctor/machine';
import { ExitCode } from '../exit-codes';
import { invocationOf } from '../invocation';
import { printable } from '../table';

const MARKS = { good: 'ok  ', missing: 'no  ', bad: 'BAD ' };

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('tell what this machine has and lacks for dma-bufs, and what to do about it')
    .action(async (_options: object, command: Command) => {
      const invocation = invocationOf(command);
      using inspector = invocation.inspector();
      const findings = [
        ...(await examineMachine()),
        ...(await examineDaemon(inspector, invocation.call)),
      ];
      invocation.terminal.result(findings, renderFindings(findings));
      if (findings.some(({ state }) => state === 'bad')) process.exitCode = ExitCode.FAILED;
    });
}

/** The lines for people. */
export function renderFindings(findings: readonly Finding[]): string[] {
  const width = Math.max(0, ...findings.map(({ what }) => what.length));
  const lines = findings.flatMap(({ what, state, found, advice }) => [
    `${MARKS[state]}  ${what.padEnd(width)}  ${printable(found)}`,
    ...(advice === null ? [] : [`${' '.repeat(width + 8)}-> ${printable(advice)}`]),
  ]);
  const worst = findings.some(({ state }) => state === 'bad')
    ? 'something must be mended'
    : findings.some(({ state }) => state === 'missing')
      ? 'works, without what is marked no'
      : 'everything is there';
  return [...lines, '', worst];
}
