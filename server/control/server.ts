/**
 * The gRPC server on control.sock: the services of proto/dmabufd/v1, health and reflection. It listens on nothing
 * itself; connections are accepted and identified in connections.ts.
 */
import { type ConnectionInjector, Server, ServerCredentials } from '@grpc/grpc-js';
import { loadDefinition, loadServices } from '../../proto';
import type { Broker } from '../domain/broker';
import { accessService } from './access-service';
import { AccessStreams } from './access-streams';
import { bufferService } from './buffer-service';
import type { CallContext } from './call';
import { type DaemonFacts, daemonService } from './daemon-service';
import { eventService } from './event-service';
import { addHealth } from './health';
import { heapService } from './heap-service';
import { nameConnections } from './paced-connection';
import { type PolicyPort, policyService } from './policy-service';
import { addReflection } from './reflection';
import { shareService } from './share-service';

/** No request of this contract comes near it: the longest has a cgroup of 4096 bytes. */
const MAX_RECEIVED_MESSAGE_BYTES = 16 * 1024;
/** Calls of one connection at once: those that wait for an access, mostly. */
const MAX_CONCURRENT_CALLS = 128;

/**
 * What one connection may have waiting, answers that its client does not read for the most part: beyond it no call is
 * taken (node's maxSessionMemory, which grpc-js switches off by default).
 */
const MAX_CONNECTION_MEGABYTES = 2;

export interface ControlServer {
  readonly injector: ConnectionInjector;
  /** Tells health watchers, lets calls end, and cuts what is left after the grace time. */
  drain(graceMs: number): void;
}

export function createControlServer(
  broker: Broker,
  policy: PolicyPort,
  context: CallContext,
  about: DaemonFacts,
): ControlServer {
  const services = loadServices();
  const server = new Server({
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': MAX_RECEIVED_MESSAGE_BYTES,
    'grpc.max_concurrent_streams': MAX_CONCURRENT_CALLS,
    'grpc-node.max_session_memory': MAX_CONNECTION_MEGABYTES,
  });
  const accessStreams = new AccessStreams(broker, context);
  server.addService(services.HeapService.service, heapService(broker, context));
  server.addService(services.BufferService.service, bufferService(broker, context));
  server.addService(services.ShareService.service, shareService(broker, context));
  server.addService(services.AccessService.service, accessService(broker, context, accessStreams));
  server.addService(services.EventService.service, eventService(broker, context));
  server.addService(services.DaemonService.service, daemonService(broker, context, about));
  server.addService(services.PolicyService.service, policyService(policy, context));
  addReflection(server, loadDefinition);
  const names = ['', ...Object.values(services).flatMap(serviceName)];
  const health = addHealth(server, names);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  nameConnections(server);
  return {
    injector,
    drain(graceMs) {
      health.stop();
      accessStreams.close();
      injector.drain(graceMs);
    },
  };
}

/** `dmabufd.v1.HeapService` of a service's constructor; nothing of a message type. */
function serviceName(entry: object): string[] {
  if (!('service' in entry) || typeof entry.service !== 'object' || entry.service === null)
    return [];
  for (const method of Object.values(entry.service)) {
    const path: unknown = method?.path;
    if (typeof path === 'string') return [path.split('/')[1] ?? ''];
  }
  return [];
}
