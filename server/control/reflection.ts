/**
 * Server reflection, from its package, which answers every request of a stream at once and so would queue answers without
 * end for a client that asks and does not read. Here such a client is not listened to until it has read.
 */

import { Duplex } from 'node:stream';
import type { Server, UntypedHandleCall } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { addLazily, type Service } from './lazy-service';

/** Of reflection.proto: the two versions are one. */
const METHODS = ['v1', 'v1alpha'].map((version) => ({
  path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
  requestStream: true,
  responseStream: true,
}));

/** `loadDefinition` is called with the first question. */
export function addReflection(server: Server, loadDefinition: () => PackageDefinition): void {
  addLazily(server, METHODS, () => serviceOf(loadDefinition()));
}

function serviceOf(definition: PackageDefinition): Service {
  const module: typeof import('@grpc/reflection') = require('@grpc/reflection');
  const reflection = new module.ReflectionService(definition);
  return (server) =>
    reflection.addToServer({
      addService(service, implementation) {
        const handlers = Object.entries(implementation).map(
          ([name, handle]) => [name, atReadersPace(handle)] as const,
        );
        server.addService(service, Object.fromEntries(handlers));
      },
    });
}

function atReadersPace(handle: UntypedHandleCall): UntypedHandleCall {
  return (call: unknown, ...rest: unknown[]) => {
    Reflect.apply(handle, undefined, [call, ...rest]);
    if (!(call instanceof Duplex)) return;
    call.on('data', () => {
      if (!call.writableNeedDrain) return;
      call.pause();
      call.once('drain', () => call.resume());
    });
  };
}
