import { setImmediate } from 'node:timers/promises';
import { Turns } from '../../../../server/control/turns';

describe('turns of the event loop', () => {
  function begin() {
    const turns = new Turns();
    const done: string[] = [];
    const ask = (account: string, ...works: string[]) => {
      for (const work of works) turns.take(account, () => done.push(work));
    };
    return { turns, done, ask };
  }

  test('one has this one at once, if nobody had it before', () => {
    const { done, ask } = begin();
    ask('alice', 'a1');
    expect(done).toEqual(['a1']);
  });

  test('one piece of work is done in each', async () => {
    const { done, ask } = begin();
    ask('alice', 'a1', 'a2', 'a3');
    expect(done).toEqual(['a1']);
    await setImmediate();
    expect(done).toEqual(['a1', 'a2']);
  });

  test('accounts have theirs one after the other, however much each asks for', async () => {
    const { done, ask } = begin();
    ask('alice', 'a1', 'a2', 'a3', 'a4');
    ask('bob', 'b1', 'b2');
    ask('carol', 'c1');
    while (done.length < 7) await setImmediate();
    expect(done).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
  });

  test('go on after one that failed', async () => {
    const { turns, done, ask } = begin();
    const fail = () => {
      turns.take('alice', () => {
        throw new Error('of no use');
      });
    };
    expect(fail).toThrow('of no use');
    ask('bob', 'b1');
    await setImmediate();
    expect(done).toEqual(['b1']);
  });
});
