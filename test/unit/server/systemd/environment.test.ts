import { takeServiceEnvironment } from '../../../../server/systemd/environment';

const PID = 42;
const take = (environment: NodeJS.ProcessEnv) => takeServiceEnvironment(environment, PID);

describe('what a service manager says in the environment', () => {
  test('is nothing where there is none', () => {
    expect(take({})).toEqual({
      notifySocket: null,
      watchdogMs: null,
      inherited: [],
      fdStoreCapacity: 0,
    });
  });

  test('is where to notify it, how often, and which fds there are by which names', () => {
    const said = take({
      NOTIFY_SOCKET: '/run/systemd/notify',
      WATCHDOG_USEC: '30000000',
      WATCHDOG_PID: '42',
      LISTEN_PID: '42',
      LISTEN_FDS: '3',
      LISTEN_FDNAMES: 'dmabufd:dmabufd:buffer-7',
      FDSTORE: '4096',
    });
    expect(said).toEqual({
      notifySocket: '/run/systemd/notify',
      watchdogMs: 30_000,
      inherited: [
        { number: 3, name: 'dmabufd' },
        { number: 4, name: 'dmabufd' },
        { number: 5, name: 'buffer-7' },
      ],
      fdStoreCapacity: 4096,
    });
  });

  test('is taken out of it: what this process starts is not meant', () => {
    const environment = { NOTIFY_SOCKET: '@name', LISTEN_PID: '42', LISTEN_FDS: '0', PATH: '/bin' };
    expect(take(environment).notifySocket).toBe('@name');
    expect(environment).toEqual({ PATH: '/bin' });
  });

  test('for another process is none of ours', () => {
    const others = { WATCHDOG_USEC: '1000', WATCHDOG_PID: '41', LISTEN_PID: '41', LISTEN_FDS: '1' };
    expect(take(others)).toMatchObject({ watchdogMs: null, inherited: [] });
  });

  test('may leave fds without names', () => {
    const { inherited } = take({ LISTEN_PID: '42', LISTEN_FDS: '2', LISTEN_FDNAMES: 'one' });
    expect(inherited.map(({ name }) => name)).toEqual(['one', 'unknown']);
  });

  test.each([
    [{ NOTIFY_SOCKET: 'relative' }, /^NOTIFY_SOCKET is relative: it must be an absolute path/],
    [{ WATCHDOG_USEC: 'often' }, /^WATCHDOG_USEC is often: it must be a number from 0 to/],
    [{ LISTEN_PID: '42', LISTEN_FDS: '-1' }, /^LISTEN_FDS is -1: it must be a number from 0 to/],
    [{ LISTEN_PID: '42', LISTEN_FDS: '99999999' }, /^LISTEN_FDS is 99999999: it must be/],
  ])('is refused when it is %j', (environment, message) => {
    expect(() => take({ ...environment })).toThrow(message);
  });
});
