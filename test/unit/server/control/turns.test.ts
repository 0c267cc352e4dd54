import { setImmediate } from 'node:timers/promises';
import { Turns } from '../../../../server/control/turns';

describe('turns of the event loop', () => {
  /** Each piece of work takes so long. */
  function begin({ workMs = 1 } = {}) {
    let nowMs = 0;
    const turns = new Turns(() => nowMs);
    const done: string[] = [];
    const ask = (account: string, ...works: string[]) => {
      for (const work of works) {
        turns.take(account, () => {
          done.push(work);
          nowMs += workMs;
        });
      }
    };
    const pass = (ms: number) => {
      nowMs += ms;
    };
    return { turns, done, ask, pass };
  }

  test('one has this one at once, if nobody had it before', () => {
    const { done, ask } = begin();
    ask('alice', 'a1');
    expect(done).toEqual(['a1']);
  });

  test('one piece of work is done in each, if it takes all of the time', async () => {
    const { done, ask } = begin();
    ask('alice', 'a1', 'a2', 'a3');
    expect(done).toEqual(['a1']);
    await setImmediate();
    expect(done).toEqual(['a1', 'a2']);
    await setImmediate();
    expect(done).toEqual(['a1', 'a2', 'a3']);
  });

  test('as much is done in each as there is time for', async () => {
    const { done, ask } = begin({ workMs: 0.4 });
    ask('alice', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7');
    expect(done).toEqual(['a1', 'a2', 'a3']);
    await setImmediate();
    expect(done).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
    await setImmediate();
    expect(done).toHaveLength(7);
  });

  test('what a piece of work leaves to promises counts as its time', async () => {
    const { turns, done, ask, pass } = begin({ workMs: 0 });
    ask('alice', 'a1');
    pass(1);
    const later = (work: string) => async () => {
      await null;
      done.push(work);
      pass(1);
    };
    for (const work of ['a2', 'a3']) turns.take('alice', () => void later(work)());
    await setImmediate();
    expect(done).toEqual(['a1', 'a2']);
    await setImmediate();
    expect(done).toEqual(['a1', 'a2', 'a3']);
  });

  test('however long nobody asked, the next one has time', async () => {
    const { done, ask, pass } = begin();
    ask('alice', 'a1');
    await setImmediate();
    pass(1000);
    ask('alice', 'a2');
    expect(done).toEqual(['a1', 'a2']);
  });

  test.each([0.3, 1])(
    'accounts have theirs one after the other, however much each asks for (%d ms each)',
    async (workMs) => {
      const { done, ask, pass } = begin({ workMs });
      ask('alice', 'a0');
      pass(1);
      ask('alice', 'a1', 'a2', 'a3', 'a4');
      ask('bob', 'b1', 'b2');
      ask('carol', 'c1');
      while (done.length < 8) await setImmediate();
      expect(done).toEqual(['a0', 'a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
    },
  );

  test('whoever comes while others wait waits behind them, even if there is time', async () => {
    const { turns, done, ask, pass } = begin({ workMs: 0.1 });
    ask('alice', 'a1');
    pass(1);
    turns.take('alice', () => ask('bob', 'b1'));
    ask('carol', 'c1');
    await setImmediate();
    await setImmediate();
    expect(done).toEqual(['a1', 'c1', 'b1']);
  });

  test('all is done, however many ask', async () => {
    const { done, ask, pass } = begin({ workMs: 0 });
    ask('alice', 'first');
    pass(1);
    for (let i = 0; i < 1000; i += 1) ask(`account ${i % 10}`, String(i));
    for (let turn = 0; turn < 1000 && done.length < 1001; turn += 1) await setImmediate();
    expect(new Set(done).size).toBe(1001);
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
