import { Attack } from './attack';
import { affordable, describeAsRoot, Siege } from './siege';

describeAsRoot('while control.sock is flooded, an honest client works on', () => {
  let siege: Siege;

  beforeAll(async () => {
    siege = await Siege.start();
  });
  afterAll(() => siege?.[Symbol.asyncDispose]());

  // 128 calls at once on each of 64 connections, from two processes.
  test.each(
    affordable([
      ['calls that are answered', 'status'],
      ['allocations', 'allocate'],
      ['lists of many buffers', 'list'],
      ['event streams', 'watch'],
      ['steps of accesses that there are not', 'steps'],
      ['calls that are denied', 'denied'],
      ['tokens that are none', 'stolen'],
      ['methods that do not exist', 'unknown'],
    ]),
  )('with %s', async (_, attack) => {
    await siege.withstands(() =>
      Attack.start(siege.daemon, 'call_flood.py', [attack], { processes: 2 }),
    );
  });
});
