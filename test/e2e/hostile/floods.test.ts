import { Attack } from './attack';
import { affordable, describeAsRoot, Siege } from './siege';

describeAsRoot('while fd.sock is flooded, an honest client works on', () => {
  let siege: Siege;

  beforeAll(async () => {
    siege = await Siege.start();
  });
  afterAll(() => siege?.[Symbol.asyncDispose]());

  test.each(
    affordable([
      ['FETCH of 64 fds', 'fetch'],
      ['FETCH of buffers that do not exist', 'missing'],
      ['ADOPT', 'adopt'],
      ['EXPORT_FENCE', 'export-fence'],
      ['IMPORT_FENCE', 'import-fence'],
    ]),
  )('with %s, 64 unanswered on each of 48 connections', async (_, attack) => {
    await siege.withstands(() => Attack.start(siege.daemon, 'flood.py', [attack]));
  });

  test('with garbage', async () => {
    await siege.withstands(() =>
      Attack.start(siege.daemon, 'flood.py', ['garbage'], { processes: 2 }),
    );
  });
});
