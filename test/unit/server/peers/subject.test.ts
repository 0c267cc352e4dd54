import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peerOfAttributes, peerOfPid } from '../../../../server/peers/subject';
import { refusal } from '../domain/fakes';

describe('whom the policy may be asked about', () => {
  const proc = mkdtempSync(join(tmpdir(), 'dmabufd-proc-'));
  mkdirSync(join(proc, '42'));
  writeFileSync(join(proc, '42', 'stat'), `42 (cam) S ${'0 '.repeat(18)}987654 0`);
  writeFileSync(join(proc, '42', 'cgroup'), '0::/system.slice/camera.service\n');
  writeFileSync(
    join(proc, '42', 'status'),
    'Name:\tcam\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNSpid:\t42\nGroups:\t44 100 \n',
  );
  afterAll(() => rmSync(proc, { recursive: true }));

  test('is a process by its pid, with its effective user and groups', () => {
    expect(peerOfPid(42, proc)).toEqual({
      pid: 42,
      startTime: 987654,
      pidfsInode: 0,
      uid: 2,
      gid: 6,
      groups: [44, 100],
      comm: 'cam',
      cgroup: '/system.slice/camera.service',
      unit: 'camera.service',
      container: '',
      isContained: false,
    });
  });

  test('is nobody where there is no such process', async () => {
    expect(await refusal(() => peerOfPid(7, proc))).toBe(
      'not-found: there is no process with pid 7',
    );
    expect(await refusal(() => peerOfPid(0, proc))).toContain('not-found');
  });

  test('is one that would be so, with the unit and the container of its cgroup', () => {
    const id = 'a'.repeat(64);
    const cgroup = `/system.slice/docker-${id}.scope`;
    expect(peerOfAttributes({ uid: 0, gid: 0, groups: [], cgroup })).toMatchObject({
      pid: 0,
      container: id,
      isContained: true,
    });
  });
});
