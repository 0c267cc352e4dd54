/**
 * Server reflection, from its package, which answers every request of a stream at once and so would queue answers without
 * end for a client that asks and does not read. Here such a client is not listened to until it has read.
 */

import { Duplex } from 'node:stream';
import type { Server, UntypedHandleCall } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

export function addReflection(server: Server, definition: PackageDefinition): void {
  new ReflectionService(definition).addToServer({
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
