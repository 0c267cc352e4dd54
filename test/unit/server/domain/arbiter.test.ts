import { Arbiter, type Turn } from '../../../../server/domain/arbiter';

function enter(arbiter: Arbiter<string>, name: string, writes: boolean): Turn<string> {
  return arbiter.enter(name, writes, () => {});
}

describe('the queue of a buffer', () => {
  test('lets many readers in together', () => {
    const arbiter = new Arbiter<string>();
    const turns = ['a', 'b', 'c'].map((name) => enter(arbiter, name, false));
    expect(turns.map((turn) => turn.state)).toEqual(['held', 'held', 'held']);
  });

  test('lets a writer in alone', () => {
    const arbiter = new Arbiter<string>();
    const writer = enter(arbiter, 'w', true);
    const reader = enter(arbiter, 'r', false);
    const second = enter(arbiter, 'w2', true);
    expect([writer.state, reader.state, second.state]).toEqual(['held', 'waiting', 'waiting']);
    arbiter.leave(writer);
    expect([reader.state, second.state]).toEqual(['held', 'waiting']);
  });

  test('lets no later reader overtake a waiting writer', () => {
    const arbiter = new Arbiter<string>();
    const first = enter(arbiter, 'r1', false);
    const writer = enter(arbiter, 'w', true);
    const late = enter(arbiter, 'r2', false);
    expect(late.state).toBe('waiting');
    arbiter.leave(first);
    expect([writer.state, late.state]).toEqual(['held', 'waiting']);
  });

  test('lets those behind a waiter in who gives up', () => {
    const arbiter = new Arbiter<string>();
    enter(arbiter, 'r1', false);
    const writer = enter(arbiter, 'w', true);
    const late = enter(arbiter, 'r2', false);
    arbiter.leave(writer);
    expect(late.state).toBe('held');
  });

  test('does nothing when somebody leaves twice', () => {
    const arbiter = new Arbiter<string>();
    const first = enter(arbiter, 'w1', true);
    const second = enter(arbiter, 'w2', true);
    const third = enter(arbiter, 'w3', true);
    arbiter.leave(first);
    arbiter.leave(first);
    expect([second.state, third.state]).toEqual(['held', 'waiting']);
  });

  test('tells who holds before who waits, first come first', () => {
    const arbiter = new Arbiter<string>();
    for (const [name, writes] of [
      ['r', false],
      ['w', true],
      ['x', false],
    ] as const) {
      enter(arbiter, name, writes);
    }
    expect(Array.from(arbiter.turns(), (turn) => turn.owner)).toEqual(['r', 'w', 'x']);
  });
});
