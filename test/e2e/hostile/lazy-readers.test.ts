import { Attack } from './attack';
import { affordable, describeAsRoot, Siege } from './siege';

describeAsRoot('while somebody asks and never reads, an honest client works on', () => {
  let siege: Siege;

  beforeAll(async () => {
    siege = await Siege.start();
  });
  afterAll(() => siege?.[Symbol.asyncDispose]());

  test.each(
    affordable([
      ['253 fds, again and again', 'fetch'],
      ['calls, and the socket is full', 'answers'],
      ['calls, within a window of 0', 'window'],
      ['reflection, within a window of 0', 'reflection'],
      ['steps of accesses, within a window of 0', 'steps'],
      ['events, more than can be queued', 'watch'],
    ]),
  )('%s', async (_, attack) => {
    await siege.withstands(() => Attack.start(siege.daemon, 'lazy_reader.py', [attack]));
  });
});
