/**
 * The contract as TypeScript sees it: the services of proto/dmabufd/v1, of which proto-loader makes messages, with the types that
 * its generator wrote to proto/generated.
 */
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js';
import type { Options, PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType as AccessTypes } from './generated/access';
import type { ProtoGrpcType as BufferTypes } from './generated/buffers';
import { contract } from './generated/contract';
import type { ProtoGrpcType as DaemonTypes } from './generated/daemon';
import type { ProtoGrpcType as EventTypes } from './generated/events';
import type { ProtoGrpcType as HeapTypes } from './generated/heaps';
import type { ProtoGrpcType as PolicyTypes } from './generated/policy';
import type { ProtoGrpcType as ShareTypes } from './generated/shares';
import { lazyDefinition } from './lazy-definition';

/** The metadata key that carries a session's token: binary, so gRPC transports it as base64. */
export const SESSION_METADATA_KEY = 'dmabufd-session-bin';
/** The file names of the two sockets in the runtime directory. */
export const CONTROL_SOCKET_NAME = 'control.sock';
export const FD_SOCKET_NAME = 'fd.sock';

/** uint64 as decimal strings: a double would round silently above 2^53. The generator is given the same. */
const OPTIONS: Options = { longs: String, enums: String, defaults: true, oneofs: true };

type Contract = AccessTypes &
  BufferTypes &
  DaemonTypes &
  EventTypes &
  HeapTypes &
  PolicyTypes &
  ShareTypes;

/** The services of package dmabufd.v1. Their messages are made ready with the first that is sent or received. */
export function loadServices(): Contract['dmabufd']['v1'] {
  const definition = lazyDefinition(contract, loadDefinition);
  // The one place where the types that were generated from the files are taken for what was loaded from them.
  const loaded: GrpcObject & Partial<Contract> = loadPackageDefinition(definition);
  if (loaded.dmabufd === undefined) throw new Error('no package dmabufd.v1 in the contract');
  return loaded.dmabufd.v1;
}

let loadedDefinition: PackageDefinition | null = null;

/** All of the contract with its messages, as server reflection tells it. Made once. */
export function loadDefinition(): PackageDefinition {
  if (loadedDefinition === null) {
    const loader: typeof import('@grpc/proto-loader') = require('@grpc/proto-loader');
    loadedDefinition = loader.fromJSON(contract, OPTIONS);
  }
  return loadedDefinition;
}
