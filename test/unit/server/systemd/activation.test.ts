import type { Fd, SocketDescription } from '../../../../native';
import { takeActivation } from '../../../../server/systemd/activation';
import { fakeFd } from '../fake-fd';
import { systemError } from '../heaps/fake-kernel-calls';

const LISTENING = { stream: 'stream', seqpacket: 'seqpacket', datagram: 'other' } as const;

/** An addon in which each fd is what its number says. */
function addonWhere(fds: Readonly<Record<number, keyof typeof LISTENING | 'memfd' | 'session'>>) {
  const adopted: number[] = [];
  return {
    adopted,
    adoptFd(number: number): Fd {
      adopted.push(number);
      return fakeFd(number);
    },
    socketType({ number }: Fd): SocketDescription {
      const what = fds[number];
      if (what === undefined || what === 'memfd') throw systemError('ENOTSOCK', 'getsockopt');
      if (what === 'session') return { type: 'seqpacket', isListening: false };
      return { type: LISTENING[what], isListening: true };
    },
  };
}

const named = (...names: string[]) => names.map((name, index) => ({ number: 3 + index, name }));

describe('what a service manager hands over', () => {
  test('may be nothing', () => {
    const { sockets, stored } = takeActivation(addonWhere({}), []);
    expect([sockets, stored.size]).toEqual([null, 0]);
  });

  test('is told apart by what it is, in whatever order, and not by its name', () => {
    const addon = addonWhere({ 3: 'seqpacket', 4: 'memfd', 5: 'stream', 6: 'session', 7: 'memfd' });
    const { sockets, stored } = takeActivation(
      addon,
      named('a', 'buffer-7', 'a', 'session-3', 'buffer-7'),
    );
    expect(sockets?.fdListener.number).toBe(3);
    expect(sockets?.controlListener.number).toBe(5);
    const numbers = [...stored].map(([name, fds]) => [name, fds.map(({ number }) => number)]);
    expect(numbers).toEqual([
      ['buffer-7', [4, 7]],
      ['session-3', [6]],
    ]);
    expect(addon.adopted).toEqual([3, 4, 5, 6, 7]);
  });

  test.each([
    [['stream'], /^no listening seqpacket socket: see dmabufd\.socket/],
    [['seqpacket'], /^no listening stream socket: see dmabufd\.socket/],
    [['stream', 'stream'], /^fd-1: a second listening stream socket/],
    [['stream', 'datagram'], /^fd-1: a listening socket of a type that is not served/],
  ] as const)('is refused when the sockets are %j', (kinds, message) => {
    const addon = addonWhere(Object.fromEntries(kinds.map((kind, index) => [3 + index, kind])));
    const inherited = named(...kinds.map((_, index) => `fd-${index}`));
    expect(() => takeActivation(addon, inherited)).toThrow(message);
  });
});
