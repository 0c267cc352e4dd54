/**
 * The services of a contract, to be offered and called before there is anything that reads and writes their messages. That takes
 * tens of milliseconds to make, and is made for the first message of any of them.
 */
import type { fromJSON, MethodDefinition, PackageDefinition } from '@grpc/proto-loader';

type Namespace = Parameters<typeof fromJSON>[0];
type Method = MethodDefinition<object, object>;

/** What is known of a method without its messages. */
interface Outline {
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
}

/** `load` answers the whole, which it makes when it is first asked. */
export function lazyDefinition(
  contract: Namespace,
  load: () => PackageDefinition,
): PackageDefinition {
  const definition: PackageDefinition = {};
  for (const [service, outlines] of servicesOf(contract)) {
    const methods = Object.entries(outlines).map(([name, outline]) => {
      const whole = () => methodOf(load(), service, name);
      return [name, new LazyMethod(`/${service}/${name}`, outline, whole)] as const;
    });
    definition[service] = Object.fromEntries(methods);
  }
  return definition;
}

function* servicesOf(
  { nested = {} }: Namespace,
  prefix = '',
): Generator<[string, Readonly<Record<string, Outline>>]> {
  for (const [name, entry] of Object.entries(nested)) {
    if ('methods' in entry) yield [prefix + name, entry.methods];
    else if ('nested' in entry) yield* servicesOf(entry, `${prefix}${name}.`);
  }
}

function methodOf(definition: PackageDefinition, service: string, name: string): Method {
  const entry = definition[service];
  const methods = entry !== undefined && !('format' in entry) ? entry : {};
  const method = methods[name];
  if (method === undefined) throw new Error(`there is no ${name} in ${service}`);
  return method;
}

/** What is an own property is copied by those who take a definition apart; the rest is asked for by few. */
class LazyMethod implements Method {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: Method['requestSerialize'] = (value) =>
    this.#method.requestSerialize(value);
  readonly requestDeserialize: Method['requestDeserialize'] = (bytes) =>
    this.#method.requestDeserialize(bytes);
  readonly responseSerialize: Method['responseSerialize'] = (value) =>
    this.#method.responseSerialize(value);
  readonly responseDeserialize: Method['responseDeserialize'] = (bytes) =>
    this.#method.responseDeserialize(bytes);
  readonly #load: () => Method;
  #loaded: Method | null = null;

  constructor(
    readonly path: string,
    { requestStream = false, responseStream = false }: Outline,
    load: () => Method,
  ) {
    this.requestStream = requestStream;
    this.responseStream = responseStream;
    this.#load = load;
  }

  get requestType(): Method['requestType'] {
    return this.#method.requestType;
  }

  get responseType(): Method['responseType'] {
    return this.#method.responseType;
  }

  get options(): Method['options'] {
    return this.#method.options;
  }

  get #method(): Method {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }
}
