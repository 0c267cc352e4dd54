import { Attack } from './attack';
import { affordable, describeAsRoot, Siege } from './siege';

const FETCH = 3;
const ADOPT = 4;

describeAsRoot('while fds come that nobody asked for, an honest client works on', () => {
  let siege: Siege;

  beforeAll(async () => {
    siege = await Siege.start();
  });
  afterAll(() => siege?.[Symbol.asyncDispose]());

  test.each(
    affordable([
      ['253 memfds where none belongs', 'memfd', FETCH, 253],
      ['253 memfds where one belongs', 'memfd', ADOPT, 253],
      ['253 pipes where one belongs', 'pipe', ADOPT, 253],
      ['an unsealed memfd', 'unsealed', ADOPT, 1],
      ['a pipe', 'pipe', ADOPT, 1],
      ['a file', 'file', ADOPT, 1],
      ['a directory', 'directory', ADOPT, 1],
      ['a device', 'device', ADOPT, 1],
      ['an epoll instance', 'epoll', ADOPT, 1],
      ['sockets that carry sockets that carry sockets', 'nested', ADOPT, 1],
      ['253 times the same, where none belongs', 'nested', FETCH, 253],
      ['sockets that carry themselves', 'cycle', ADOPT, 1],
    ]),
  )('%s', async (_, kind, opcode, count) => {
    await siege.withstandsOnce(() =>
      Attack.start(siege.daemon, 'fd_bomb.py', [kind, opcode, count]),
    );
  });
});
