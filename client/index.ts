/**
 * The client SDK of dmabufd: what a multimedia application imports. `connect()` is where to begin.
 */
export type { Fd, Mapping } from '../native';
export type { AccessMode } from './access-mode';
export {
  type Allocation,
  Broker,
  type BrokerEvents,
  type ConnectOptions,
  connect,
  type OpenBy,
} from './broker';
export { SharedBuffer } from './buffer';
export { type CallOptions, DEFAULT_TIMEOUT_MS } from './call-limits';
export type { AccessOptions } from './cpu-access';
export type {
  Audience,
  BufferDescription,
  BufferDetails,
  CpuAccessDescription,
  DaemonStatus,
  FormerHolderDescription,
  GrantDescription,
  HeapCapability,
  HeapDescription,
  HeapKind,
  LeaseAccess,
  LeaseDescription,
  LedgerTotals,
  MemoryKind,
  PeerDescription,
} from './descriptions';
export { ConnectionLostError, DmabufdError, type StatusName } from './errors';
export { EventStream } from './event-stream';
export type { BrokerEvent, GrantEnd, Happening } from './events';
export type { FenceOptions } from './fences';
export { Inspector } from './inspector';
export type {
  PolicyDescription,
  PolicyExplanation,
  PolicyLimit,
  PolicyLimitKind,
  PolicyReload,
  PolicyResource,
  PolicyRights,
  PolicyRule,
  PolicyStep,
  PolicySubject,
  PolicyUsage,
} from './policy';
export { findRuntimeDirectory } from './runtime-directory';
export type { RevokeOptions, Share, ShareOptions } from './share';
