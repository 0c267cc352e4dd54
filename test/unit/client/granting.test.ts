import { exitCodeOf, UsageError } from '../../../client/cli/exit-codes';
import { grantAskedFor } from '../../../client/cli/granting';
import { openBy } from '../../../client/cli/opening';
import { ConnectionLostError, DmabufdError } from '../../../client/errors';

describe('the options of dmabufctl', () => {
  test('ask for no grant when they say nothing of one', () => {
    expect(grantAskedFor({})).toBeNull();
  });

  test('ask for a grant by name or by secret, not by both', () => {
    expect(grantAskedFor({ publish: 'a/b', access: 'read' })).toMatchObject({
      name: 'a/b',
      access: 'read',
    });
    expect(() => grantAskedFor({ publish: 'a', secretFile: '-' })).toThrow(UsageError);
  });

  test('refuse to say how to share without sharing', () => {
    expect(() => grantAskedFor({ ttl: 1000 })).toThrow('--ttl says how to share');
  });

  test('name a buffer in exactly one way', () => {
    expect(openBy('camera0', {})).toEqual({ name: 'camera0' });
    expect(() => openBy(undefined, {})).toThrow(UsageError);
    expect(() => openBy('camera0', { secretFile: '-' })).toThrow(UsageError);
  });
});

test.each([
  [new UsageError('x'), 2],
  [new DmabufdError('INVALID_ARGUMENT', 'x'), 2],
  [new ConnectionLostError('x'), 3],
  [new DmabufdError('NOT_FOUND', 'x'), 4],
  [new DmabufdError('PERMISSION_DENIED', 'x'), 5],
  [new DmabufdError('UNAUTHENTICATED', 'x'), 5],
  [new DmabufdError('RESOURCE_EXHAUSTED', 'x'), 6],
  [new DmabufdError('DEADLINE_EXCEEDED', 'x'), 7],
  [new DmabufdError('ALREADY_EXISTS', 'x'), 1],
  [new Error('x'), 1],
])('the exit code for %s is %i', (error, code) => {
  expect(exitCodeOf(error)).toBe(code);
});
