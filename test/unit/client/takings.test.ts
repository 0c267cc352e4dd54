import { CallLimits } from '../../../client/call-limits';
import { Takings } from '../../../client/takings';

const limits = () => new CallLimits({ timeoutMs: 5_000 });
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Something that is under way until it is told to end. */
function held() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { ended, end: () => end() };
}

describe('what gives a session something', () => {
  test('is compared while none of it is under way, and none begins meanwhile', async () => {
    const takings = new Takings();
    const said: string[] = [];
    const first = held();
    const taking = takings.attempt(limits(), 'first', () => first.ended);
    const compared = takings.whileNone(limits(), 'comparing', async () => {
      said.push('compares');
      await settle();
      said.push('has compared');
    });
    const second = takings.attempt(limits(), 'second', async () => {
      said.push('takes');
    });
    await settle();
    expect(said).toEqual([]);
    first.end();
    await Promise.all([taking, compared, second]);
    expect(said).toEqual(['compares', 'has compared', 'takes']);
  });

  test('waits no longer than it may', async () => {
    const takings = new Takings();
    const long = held();
    const comparing = takings.whileNone(limits(), 'comparing', () => long.ended);
    const short = new CallLimits({ timeoutMs: 20 });
    await expect(takings.attempt(short, 'AllocateBuffer', settle)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    long.end();
    await comparing;
  });

  test('goes on when comparing fails', async () => {
    const takings = new Takings();
    const failing = takings.whileNone(limits(), 'comparing', () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await takings.attempt(limits(), 'taking', () => Promise.resolve('taken'))).toBe('taken');
  });
});
