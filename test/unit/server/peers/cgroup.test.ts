import { identityOfCgroup } from '../../../../server/peers/cgroup';

const ID = 'f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f';
const OTHER = ID.replaceAll('f', '0');

describe('the cgroup of a process', () => {
  test.each([
    ['/system.slice/camera.service', 'camera.service', ''],
    ['/system.slice/system-getty.slice/getty@tty1.service', 'getty@tty1.service', ''],
    ['/user.slice/user-1000.slice/session-3.scope', 'session-3.scope', ''],
    ['/init.scope', 'init.scope', ''],
    [`/system.slice/docker-${ID}.scope`, `docker-${ID}.scope`, ID],
    [`/machine.slice/libpod-${ID}.scope/container`, `libpod-${ID}.scope`, ID],
    ['/machine.slice/machine-debian.scope/payload', 'machine-debian.scope', 'debian'],
    [
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-${ID}.scope`,
      `cri-containerd-${ID}.scope`,
      ID,
    ],
    [`/docker/${ID}`, '', ID],
    [`/kubepods/burstable/pod0a-1b/${ID}`, '', ID],
    [`/libpod_parent/libpod-${ID}/container`, '', ID],
    ['/lxc.payload.web/init.scope', '', 'web'],
    ['/', '', ''],
    ['', '', ''],
    [`/machine.slice/libpod-conmon-${ID}.scope`, `libpod-conmon-${ID}.scope`, ''],
  ])('%s is of the unit %j and the container %j', (path, unit, container) => {
    expect(identityOfCgroup(path)).toMatchObject({ unit, container });
  });

  // Below a unit a user may make cgroups, and call them what they like.
  test.each([
    `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`,
    `/system.slice/camera.service/libpod-payload-${ID}`,
    `/system.slice/camera.service/docker/${ID}`,
    '/system.slice/camera.service/other.service',
  ])('attests no container and no other unit below a unit: %s', (path) => {
    const { unit, container } = identityOfCgroup(path);
    expect(unit).toMatch(/^(?:user@1000|camera)\.service$/);
    expect(container).toBe('');
  });

  test('of a container stays its own, whatever is made below it', () => {
    const path = `/machine.slice/libpod-${ID}.scope/libpod-${OTHER}.scope`;
    expect(identityOfCgroup(path).container).toBe(ID);
  });

  test('looks contained if any part of it does, which is enough not to be an administrator’s', () => {
    const looks = (path: string) => identityOfCgroup(path).looksContained;
    expect(looks(`/user.slice/user-0.slice/user@0.service/libpod-${ID}.scope`)).toBe(true);
    expect(looks(`/system.slice/quadlet.service/libpod-payload-${ID}`)).toBe(true);
    expect(looks('/system.slice/camera.service')).toBe(false);
    expect(looks(`/machine.slice/libpod-conmon-${ID}.scope`)).toBe(false);
  });

  test('that is outside of what the daemon sees attests nothing', () => {
    expect(identityOfCgroup('/../camera.service')).toMatchObject({ unit: '', container: '' });
  });
});
