/** What things are called among the files of the state directory, and in the service manager's fd store. */
import type { BufferId, GrantId, SessionId } from '../domain/ids';

export const nameOf = {
  session: (id: SessionId) => `session-${id}`,
  token: (id: SessionId) => `token-${id}`,
  buffer: (id: BufferId) => `buffer-${id}`,
  grant: (id: GrantId) => `grant-${id}`,
  lease: (sessionId: SessionId, bufferId: BufferId) => `lease-${sessionId}-${bufferId}`,
  cpuAccess: (sessionId: SessionId, bufferId: BufferId) => `access-${sessionId}-${bufferId}`,
  freeIds: () => 'ids',
  policy: () => 'policy',
} as const;
