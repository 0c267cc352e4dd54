/** fetch DIRECTORY COUNT: the SDK fetches the fd of one buffer, one time after the other. */
import { CallLimits } from '../../client/call-limits';
import { Session } from '../../client/session';
import addon from '../../native';
import { time } from '../timings';
import { answer, argument } from './answer';

async function main(): Promise<void> {
  const session = await Session.open(addon.connectSeqpacket, argument(0), new CallLimits());
  const memory = await addon.createMemfd('bench', 4096);
  const { bufferId } = await session.adopt(memory, 'bench', new CallLimits());
  const fetchOnce = async () => (await session.fetch(bufferId, new CallLimits())).fd.close();
  answer(await time(fetchOnce, Number(argument(1))));
}

void main();
