import { SessionTokens } from '../../../server/session-tokens';
import { keepsNothing } from '../../../server/state/state-keeper';
import { fakeSecrets, peer, refusal, sessionId } from './domain/fakes';

describe('a session token', () => {
  test('counts on a connection from the process that it was given to', () => {
    const tokens = new SessionTokens(fakeSecrets(), keepsNothing);
    const token = tokens.issue(sessionId(1), peer(10));
    expect(tokens.resolve(token, peer(10))).toBe(1);
  });

  test('is worthless to another process, to one that has its pid again, and to another user', async () => {
    const tokens = new SessionTokens(fakeSecrets(), keepsNothing);
    const token = tokens.issue(sessionId(1), peer(10));
    for (const thief of [peer(11), { ...peer(10), startTime: 1 }, peer(10, 0)]) {
      expect(await refusal(() => tokens.resolve(token, thief))).toContain(
        'unauthenticated: the token does not count here',
      );
    }
  });

  test('of a process that the daemon cannot see counts if the kernel names it by an inode, and for no other', async () => {
    const tokens = new SessionTokens(fakeSecrets(), keepsNothing);
    const invisible = { ...peer(10), pid: 0, startTime: 0 };
    const token = tokens.issue(sessionId(1), invisible);
    expect(tokens.resolve(token, invisible)).toBe(1);
    for (const thief of [
      { ...invisible, pidfsInode: 1 },
      { ...invisible, pidfsInode: 0 },
    ]) {
      expect(await refusal(() => tokens.resolve(token, thief))).toContain('does not count here');
    }
  });

  test('does not count between processes that the daemon cannot see, where the kernel has no such name', async () => {
    const tokens = new SessionTokens(fakeSecrets(), keepsNothing);
    const unnamed = { ...peer(10), pid: 0, startTime: 0, pidfsInode: 0 };
    const token = tokens.issue(sessionId(1), unnamed);
    expect(await refusal(() => tokens.resolve(token, unnamed))).toContain('another pid namespace');
  });

  test('ends with its session', async () => {
    const tokens = new SessionTokens(fakeSecrets(), keepsNothing);
    const token = tokens.issue(sessionId(1), peer(10));
    tokens.forget(sessionId(1));
    expect(await refusal(() => tokens.resolve(token, peer(10)))).toContain('has ended');
  });
});
