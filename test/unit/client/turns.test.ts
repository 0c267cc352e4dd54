import { CallLimits } from '../../../client/call-limits';
import { Turns } from '../../../client/turns';

const limits = () => new CallLimits();

describe('the turns to one buffer within a process', () => {
  test('go first come, first served, one at a time', async () => {
    const turns = new Turns();
    const order: number[] = [];
    const leaveFirst = await turns.enter(limits(), 'first');
    const rest = [1, 2, 3].map(async (number) => {
      const leave = await turns.enter(limits(), 'later');
      order.push(number);
      leave();
    });
    expect(order).toEqual([]);
    leaveFirst();
    await Promise.all(rest);
    expect(order).toEqual([1, 2, 3]);
  });

  test('pass over one that gave up', async () => {
    const turns = new Turns();
    const leave = await turns.enter(limits(), 'first');
    const impatient = turns.enter(new CallLimits({ timeoutMs: 1 }), 'second');
    const patient = turns.enter(limits(), 'third');
    await expect(impatient).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    leave();
    (await patient)();
  });

  test('are not given twice by leaving twice', async () => {
    const turns = new Turns();
    const leave = await turns.enter(limits(), 'first');
    const second = turns.enter(limits(), 'second');
    leave();
    leave();
    await second;
    const third = turns.enter(new CallLimits({ timeoutMs: 1 }), 'third');
    await expect(third).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });
});
