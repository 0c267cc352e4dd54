import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOwnNamespaces } from '../../../../server/peers/namespaces';

describe('the namespaces of the daemon', () => {
  const proc = mkdtempSync(join(tmpdir(), 'dmabufd-proc-'));
  afterAll(() => rmSync(proc, { recursive: true }));

  test.each([
    ["are the machine's", 4026531836, 4026531835, { pid: false, cgroup: false }],
    ['may be its own, one or both', 4026532177, 4026531835, { pid: true, cgroup: false }],
    ['as an engine makes them', 4026532177, 4026532178, { pid: true, cgroup: true }],
  ])('%s', (_what, pid, cgroup, expected) => {
    const directory = join(proc, `${pid}-${cgroup}`);
    const ns = join(directory, 'self', 'ns');
    mkdirSync(ns, { recursive: true });
    symlinkSync(`pid:[${pid}]`, join(ns, 'pid'));
    symlinkSync(`cgroup:[${cgroup}]`, join(ns, 'cgroup'));
    expect(readOwnNamespaces(directory)).toEqual(expected);
  });
});
