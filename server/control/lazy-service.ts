/**
 * Services of packages that take long to load and are seldom called: each is loaded with the first call of it. Until then the
 * server knows the names of its methods.
 */
import type { MethodDefinition, Server, UntypedHandleCall } from '@grpc/grpc-js';

type AddService = Server['addService'];
type Definition = Parameters<AddService>[0];

/** How such a package gives its services away. */
export type Service = (server: { readonly addService: AddService }) => void;

interface Method {
  readonly path: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
}

interface Loaded {
  readonly definition: MethodDefinition<unknown, unknown>;
  readonly handle: UntypedHandleCall;
}

export function addLazily(server: Server, methods: readonly Method[], load: () => Service): void {
  let loaded: ReadonlyMap<string, Loaded> | null = null;
  const find = (path: string) => {
    loaded ??= collect(load());
    const found = loaded.get(path);
    if (found === undefined) throw new Error(`no ${path} in what was loaded for it`);
    return found;
  };
  for (const { path, requestStream = false, responseStream = false } of methods) {
    const definition: MethodDefinition<unknown, unknown> = {
      path,
      requestStream,
      responseStream,
      requestSerialize: (value) => find(path).definition.requestSerialize(value),
      requestDeserialize: (bytes) => find(path).definition.requestDeserialize(bytes),
      responseSerialize: (value) => find(path).definition.responseSerialize(value),
      responseDeserialize: (bytes) => find(path).definition.responseDeserialize(bytes),
    };
    const handle: UntypedHandleCall = (...call: unknown[]) =>
      Reflect.apply(find(path).handle, undefined, call);
    server.addService({ [path]: definition }, { [path]: handle });
  }
}

function collect(service: Service): Map<string, Loaded> {
  const all = new Map<string, Loaded>();
  service({
    addService(definition: Definition, implementation) {
      for (const [name, method] of Object.entries(definition)) {
        const handle = implementation[name] ?? implementation[method.originalName ?? ''];
        if (handle !== undefined) all.set(method.path, { definition: method, handle });
      }
    },
  });
  return all;
}
