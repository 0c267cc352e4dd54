/**
 * The contract as TypeScript sees it: the services of proto/dmabufd/v1, loaded by proto-loader, with the types that
 * its generator wrote to proto/generated.
 */
import { dirname } from 'node:path';
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType as AccessTypes } from './generated/access';
import type { ProtoGrpcType as BufferTypes } from './generated/buffers';
import type { ProtoGrpcType as DaemonTypes } from './generated/daemon';
import type { ProtoGrpcType as EventTypes } from './generated/events';
import type { ProtoGrpcType as HeapTypes } from './generated/heaps';
import type { ProtoGrpcType as PolicyTypes } from './generated/policy';
import type { ProtoGrpcType as ShareTypes } from './generated/shares';

/** The metadata key that carries a session's token: binary, so gRPC transports it as base64. */
export const SESSION_METADATA_KEY = 'dmabufd-session-bin';
/** The file names of the two sockets in the runtime directory. */
export const CONTROL_SOCKET_NAME = 'control.sock';
export const FD_SOCKET_NAME = 'fd.sock';

const FILES = ['access', 'buffers', 'daemon', 'events', 'heaps', 'policy', 'shares'].map(
  (name) => `dmabufd/v1/${name}.proto`,
);

/** uint64 as decimal strings: a double would round silently above 2^53. The generator is given the same. */
const OPTIONS: Options = { longs: String, enums: String, defaults: true, oneofs: true };

type Contract = AccessTypes &
  BufferTypes &
  DaemonTypes &
  EventTypes &
  HeapTypes &
  PolicyTypes &
  ShareTypes;

/** The package definition, for server reflection, and the service constructors of package dmabufd.v1. */
export function loadContract(): {
  readonly definition: PackageDefinition;
  readonly services: Contract['dmabufd']['v1'];
} {
  const root = dirname(dirname(dirname(require.resolve('#proto/dmabufd/v1/heaps.proto'))));
  const definition = loadSync(FILES, { ...OPTIONS, includeDirs: [root] });
  // The one place where the types that were generated from the files are taken for what was loaded from them.
  const loaded: GrpcObject & Partial<Contract> = loadPackageDefinition(definition);
  if (loaded.dmabufd === undefined) throw new Error(`no package dmabufd.v1 in ${root}`);
  return { definition, services: loaded.dmabufd.v1 };
}
