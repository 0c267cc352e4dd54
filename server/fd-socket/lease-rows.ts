/** Keeps the fd plane's table in step with the ledger: the domain's LeaseTable over the plane. */
import type { FdPlane } from '../../native';
import type { BufferId, SessionId } from '../domain/ids';
import type { LeaseRow, LeaseTable } from '../domain/ports';
import { KernelMemory } from '../heaps/kernel-memory';
import { encodeFlags } from './answers';

export class LeaseRows implements LeaseTable {
  constructor(private readonly plane: Pick<FdPlane, 'putLease' | 'dropLease' | 'revokeLease'>) {}

  put(sessionId: SessionId, { bufferId, memory, access }: LeaseRow): void {
    if (!(memory instanceof KernelMemory))
      throw new Error(`buffer ${bufferId} has no fd to hand out`);
    this.plane.putLease(sessionId, {
      bufferId,
      fd: memory.fdFor(access),
      sizeBytes: memory.sizeBytes ?? 0,
      flags: encodeFlags(access, memory.kind),
    });
  }

  drop(sessionId: SessionId, bufferId: BufferId): void {
    this.plane.dropLease(sessionId, bufferId);
  }

  revoke(sessionId: SessionId, bufferId: BufferId): void {
    this.plane.revokeLease(sessionId, bufferId);
  }
}
