import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { loadDefinition } from '../../../proto';
import { contract } from '../../../proto/generated/contract';
import { lazyDefinition } from '../../../proto/lazy-definition';
import { projectRoot } from '../../jest-run';

function fromFiles(): PackageDefinition {
  const root = join(projectRoot, 'proto');
  const files = readdirSync(join(root, 'dmabufd', 'v1')).map((name) => `dmabufd/v1/${name}`);
  const options = { longs: String, enums: String, defaults: true, oneofs: true };
  return loadSync(files, { ...options, includeDirs: [root] });
}

/** What two definitions of the same thing have in common; the rest are functions. */
function outline(definition: PackageDefinition) {
  return Object.entries(definition)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, entry]) =>
      'format' in entry
        ? [name, entry.type]
        : [
            name,
            Object.entries(entry).map(
              ([method, { path, requestStream, responseStream, requestType, responseType }]) => ({
                ...{ method, path, requestStream, responseStream },
                types: [requestType.type, responseType.type],
              }),
            ),
          ],
    );
}

const services = (definition: PackageDefinition): PackageDefinition =>
  Object.fromEntries(Object.entries(definition).filter(([, entry]) => !('format' in entry)));

describe('the contract', () => {
  test('is, as it was generated, what the files say', () => {
    expect(outline(loadDefinition())).toEqual(outline(fromFiles()));
  });

  test('has all of its services before any message is ready', () => {
    const lazy = lazyDefinition(contract, loadDefinition);
    expect(outline(lazy)).toEqual(outline(services(loadDefinition())));
  });

  test('makes the messages once, for the first that is written or read', () => {
    const load = jest.fn(loadDefinition);
    const lazy = lazyDefinition(contract, load);
    const methods = Object.values(lazy).flatMap((entry) =>
      'format' in entry ? [] : Object.values(entry),
    );
    expect(load).not.toHaveBeenCalled();
    for (const { requestSerialize, requestDeserialize } of methods) {
      expect(requestDeserialize(requestSerialize({}))).toBeInstanceOf(Object);
    }
    expect(load).toHaveBeenCalled();
    expect(loadDefinition()).toBe(loadDefinition());
  });
});
