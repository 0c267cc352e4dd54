/** The contract of the echo: a unary call with nothing in it. */
import type { ServiceDefinition } from '@grpc/grpc-js';

const nothing = Buffer.alloc(0);

export const ECHO = {
  Echo: {
    path: '/bench.Echo/Echo',
    requestStream: false,
    responseStream: false,
    requestSerialize: () => nothing,
    requestDeserialize: () => ({}),
    responseSerialize: () => nothing,
    responseDeserialize: () => ({}),
  },
} satisfies ServiceDefinition;
