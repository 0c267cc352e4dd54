/**
 * The standard health service, from gRPC's own package, with one thing kept from it: it remembers every name that was ever
 * watched, and those are the clients' to invent. Watching a name that this server does not have is
 * answered here, as the protocol says: SERVICE_UNKNOWN, and nothing more until the client leaves.
 */
import type { Server } from '@grpc/grpc-js';
import type { HealthImplementation } from 'grpc-health-check';
import { addLazily, type Service } from './lazy-service';

/** Of health/v1/health.proto. */
const METHODS = [
  { path: '/grpc.health.v1.Health/Check' },
  { path: '/grpc.health.v1.Health/List' },
  { path: '/grpc.health.v1.Health/Watch', responseStream: true },
] as const;

export interface Health {
  /** From now on nothing of this server is SERVING. */
  stop(): void;
}

/** Adds the service for these names; all are SERVING. */
export function addHealth(server: Server, names: readonly string[]): Health {
  let status: 'SERVING' | 'NOT_SERVING' = 'SERVING';
  let health: HealthImplementation | null = null;
  addLazily(server, METHODS, () => {
    const module: typeof import('grpc-health-check') = require('grpc-health-check');
    const made = new module.HealthImplementation(
      Object.fromEntries(names.map((name) => [name, status])),
    );
    health = made;
    return serviceOf(made, names);
  });
  return {
    stop() {
      status = 'NOT_SERVING';
      for (const name of names) health?.setStatus(name, status);
    },
  };
}

function serviceOf(health: HealthImplementation, names: readonly string[]): Service {
  return (server) => {
    const addService: Server['addService'] = (service, implementation) => {
      const { watch } = implementation;
      if (typeof watch !== 'function') throw new Error('the health service has no Watch');
      server.addService(service, { ...implementation, watch: onlyOf(names, watch) });
    };
    health.addToServer(Object.create(null, { addService: { value: addService } }));
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
