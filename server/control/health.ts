/**
 * The standard health service, from gRPC's own package, with one thing kept from it: it remembers every name that was ever
 * watched, and those are the clients' to invent. Watching a name that this server does not have is
 * answered here, as the protocol says: SERVICE_UNKNOWN, and nothing more until the client leaves.
 */
import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

export interface Health {
  /** From now on nothing of this server is SERVING. */
  stop(): void;
}

/** Adds the service for these names; all are SERVING. */
export function addHealth(server: Server, names: readonly string[]): Health {
  const health = new HealthImplementation(
    Object.fromEntries(names.map((name) => [name, 'SERVING'])),
  );
  const addService: Server['addService'] = (service, implementation) => {
    const { watch } = implementation;
    if (typeof watch !== 'function') throw new Error('the health service has no Watch');
    server.addService(service, { ...implementation, watch: onlyOf(names, watch) });
  };
  health.addToServer(Object.assign(Object.create(server), { addService }));
  return {
    stop() {
      for (const name of names) health.setStatus(name, 'NOT_SERVING');
    },
  };
}

type Watch = Parameters<Server['addService']>[1][string];

function onlyOf(names: readonly string[], watch: Watch): Watch {
  const known = new Set(names);
  return (call: WatchCall, ...rest: unknown[]) => {
    if (known.has(call.request.service)) return Reflect.apply(watch, undefined, [call, ...rest]);
    call.write({ status: 'SERVICE_UNKNOWN' });
    return undefined;
  };
}

interface WatchCall {
  readonly request: { readonly service: string };
  write(message: { readonly status: string }): unknown;
}
