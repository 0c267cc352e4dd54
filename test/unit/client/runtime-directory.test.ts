import { findRuntimeDirectory } from '../../../client/runtime-directory';

const surroundings = (environment: Record<string, string>, ...existing: string[]) => ({
  environment,
  uid: 1000,
  exists: (path: string) => existing.includes(path),
  isOwn: () => false,
});

describe('the directory to look for a daemon in', () => {
  test('is what DMABUFD_RUNTIME_DIR says', () => {
    const environment = { DMABUFD_RUNTIME_DIR: '/srv/dma', XDG_RUNTIME_DIR: '/run/user/1000' };
    expect(findRuntimeDirectory(surroundings(environment, '/run/dmabufd'))).toBe('/srv/dma');
  });

  test("is the service's, if there is a service", () => {
    const environment = { DMABUFD_RUNTIME_DIR: '', XDG_RUNTIME_DIR: '/run/user/1000' };
    expect(findRuntimeDirectory(surroundings(environment, '/run/dmabufd'))).toBe('/run/dmabufd');
  });

  test("is the user's own otherwise", () => {
    const environment = { XDG_RUNTIME_DIR: '/run/user/1000' };
    expect(findRuntimeDirectory(surroundings(environment))).toBe('/run/user/1000/dmabufd');
    expect(findRuntimeDirectory(surroundings({}))).toBe('/tmp/dmabufd-1000');
  });

  test('is never one in /tmp that somebody else made', () => {
    const found = surroundings({}, '/tmp/dmabufd-1000');
    expect(findRuntimeDirectory({ ...found, isOwn: () => true })).toBe('/tmp/dmabufd-1000');
    expect(() => findRuntimeDirectory(found)).toThrow('belongs to another user');
  });
});
