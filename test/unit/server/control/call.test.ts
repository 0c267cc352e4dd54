import type { handleUnaryCall } from '@grpc/grpc-js';
import { SESSION_METADATA_KEY } from '../../../../proto';
import { type Call, unary } from '../../../../server/control/call';
import { DomainError } from '../../../../server/domain/errors';
import { answerTo, context, FakeCall as FakeCallOf, token } from './fake-call';

class FakeCall extends FakeCallOf<string, string> {
  constructor() {
    super('request');
  }
}

async function answer(handle: handleUnaryCall<string, string>, call = new FakeCall()) {
  return (await answerTo(handle, call)) ?? '';
}

describe('a unary call', () => {
  test('is answered with what its handler answers', async () => {
    const handle = unary(context(), (request: string) => `${request} done`);
    expect(await answer(handle)).toBe('request done');
  });

  test('sees all that the fd plane has done before it', async () => {
    const drained: string[] = [];
    const handle = unary(context(drained), () => drained.join());
    expect(await answer(handle)).toBe('drained');
  });

  test('whose handler refuses ends with its code and message', async () => {
    const handle = unary<string, string>(context(), () => {
      throw new DomainError('not-found', 'no such thing');
    });
    expect(await answer(handle)).toBe('5 no such thing');
  });

  test('whose handler has a defect ends with a fixed text', async () => {
    const handle = unary<string, string>(context(), async () => {
      throw new TypeError('internal detail');
    });
    expect(await answer(handle)).toBe('13 the daemon failed to do this; its log tells why');
  });

  test('is of the session whose token it carries', async () => {
    const handle = unary(context(), (_request: string, call: Call) => `session ${call.sessionId}`);
    const call = new FakeCall();
    call.metadata.add(SESSION_METADATA_KEY, token);
    expect(await answer(handle, call)).toBe('session 1');
  });

  test.each([
    ['no token', [], 'send the token'],
    [
      'a short one',
      [Buffer.alloc(5)],
      '1 value(s), the first of 5 bytes; it must be one of 32 bytes',
    ],
    ['two', [token, token], '2 value(s), the first of 32 bytes; it must be one of 32 bytes'],
    ['an unknown one', [Buffer.alloc(32)], 'has ended'],
  ])('that needs a session and carries %s is unauthenticated', async (_what, values, reason) => {
    const handle = unary(context(), (_request: string, call: Call) => `session ${call.sessionId}`);
    const call = new FakeCall();
    for (const value of values) call.metadata.add(SESSION_METADATA_KEY, value);
    const told = await answer(handle, call);
    expect(told).toMatch(/^16 /);
    expect(told).toContain(reason);
    expect(told).not.toContain(token.toString('base64'));
  });

  function waiting(timeoutMs: number): handleUnaryCall<string, string> {
    return unary(context(), (_request: string, call: Call) => {
      const signal = call.signal(timeoutMs);
      return new Promise((_resolve, reject) => {
        const stop = () => reject(signal.reason);
        if (signal.aborted) stop();
        signal.addEventListener('abort', stop);
      });
    });
  }

  test('that waits is told at the default deadline if it has none', async () => {
    expect(await answer(waiting(1))).toBe('4 the deadline was reached');
  });

  test('that waits is told a little before its own deadline, while its client still listens', async () => {
    const call = new FakeCall();
    call.deadline = Date.now() + 500;
    expect(await answer(waiting(60_000), call)).toBe('4 the deadline was reached');
    expect(Date.now()).toBeLessThan(call.deadline);
  });

  test('that is cancelled, now or before it began to wait, stops waiting', async () => {
    const later = new FakeCall();
    const told = answer(waiting(60_000), later);
    await new Promise((resolve) => setImmediate(resolve));
    later.emit('cancelled', 'cancelled');
    expect(await told).toBe('1 the call was cancelled');
    const before = new FakeCall();
    before.cancelled = true;
    expect(await answer(waiting(60_000), before)).toBe('1 the call was cancelled');
  });
});
