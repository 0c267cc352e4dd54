/** `dmabufctl policy`: who may do what, and why; and having the daemon read its policy file again. */
import { type Command, InvalidArgumentError } from 'commander';
import type { PolicySubject } from '../../policy';
import { UsageError } from '../exit-codes';
import { count, invocationOf } from '../invocation';
import { renderExplanation, renderPolicy } from '../policy-text';

interface ExplainOptions {
  readonly pid?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly groups?: readonly number[];
  readonly cgroup?: string;
}

export function addPolicyCommand(program: Command): void {
  const policy = program
    .command('policy')
    .description('show, reload or explain who may do what (for administrators)');
  addShow(policy);
  addReload(policy);
  addExplain(policy);
}

function addShow(policy: Command): void {
  policy
    .command('show')
    .description('show the policy that is in force')
    .action(async (_options: object, command: Command) => {
      const invocation = invocationOf(command);
      using inspector = invocation.inspector();
      const found = await inspector.policy(invocation.call);
      invocation.terminal.result(found, renderPolicy(found));
    });
}

function addReload(policy: Command): void {
  policy
    .command('reload')
    .description('have the daemon read its policy file again, as SIGHUP does')
    .action(async (_options: object, command: Command) => {
      const invocation = invocationOf(command);
      using inspector = invocation.inspector();
      const reload = await inspector.reloadPolicy(invocation.call);
      const line = `in force: ${reload.source}, ${reload.ruleCount} rules`;
      invocation.terminal.result(reload, [line]);
    });
}

function addExplain(policy: Command): void {
  policy
    .command('explain')
    .description('tell what the policy says of a process, and why; of you if nothing is given')
    .option('--pid <pid>', 'of this process', count)
    .option('--uid <uid>', 'of a process of this user', count)
    .option('--gid <gid>', 'with this effective group (default: the number of the user)', count)
    .option('--groups <gids>', 'in these groups too, such as 44,100', counts)
    .option('--cgroup <path>', 'in this cgroup, such as /system.slice/camera.service')
    .action(async (options: ExplainOptions, command: Command) => {
      const invocation = invocationOf(command);
      const subject = subjectOf(options);
      using inspector = invocation.inspector();
      const explanation = await inspector.explainPolicy(subject, invocation.call);
      invocation.terminal.result(explanation, renderExplanation(explanation));
    });
}

/** Null for oneself. */
export function subjectOf({ pid, uid, ...others }: ExplainOptions): PolicySubject | null {
  const [other] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
  if (pid !== undefined) {
    if (uid === undefined && other === undefined) return { pid };
    throw new UsageError('--pid names a process that is what it is: leave the others out');
  }
  if (uid !== undefined) return { uid, ...others };
  if (other === undefined) return null;
  throw new UsageError(`--${other} says more of a process of --uid: give that, too`);
}

function counts(text: string): number[] {
  if (text === '') throw new InvalidArgumentError('must be numbers with commas between them');
  return text.split(',').map(count);
}
