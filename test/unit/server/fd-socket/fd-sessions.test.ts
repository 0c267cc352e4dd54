import type { FdPlaneArrival, FdPlaneBooking } from '../../../../native';
import { isSessionId } from '../../../../server/domain/ids';
import { FdSessions, type ServingPlane } from '../../../../server/fd-socket/fd-sessions';
import { openLog } from '../../../../server/log';
import { SessionTokens } from '../../../../server/session-tokens';
import { keepsNothing } from '../../../../server/state/state-keeper';
import { Bench, fakeSecrets, NEVER, peer, settle } from '../domain/fakes';
import { fakeFd } from '../fake-fd';
import { FakeKernelCalls } from '../heaps/fake-kernel-calls';

const ADOPT = 4;
const EXPORT_FENCE = 6;

class FakePlane implements ServingPlane {
  bookings: FdPlaneBooking[] = [];
  arrivals: FdPlaneArrival[] = [];
  readonly told: string[] = [];

  admit(session: number, token: Uint8Array, account: string): void {
    this.told.push(`admit ${session} of ${account} with ${token.length} bytes`);
  }

  dismiss(session: number, status: number, reason: string): void {
    this.told.push(`dismiss ${session} ${status} ${reason}`);
  }

  duplicateSocket(): null {
    return null;
  }

  answer(
    session: number,
    { serial }: { serial: number },
    status: number,
    payload: Uint8Array,
  ): void {
    const text = status === 0 ? `${payload.length} bytes` : Buffer.from(payload).toString();
    this.told.push(`answer ${session}/${serial} ${status} ${text}`);
  }

  takeBookings(): FdPlaneBooking[] {
    return this.bookings.splice(0);
  }

  takeArrivals(most: number): FdPlaneArrival[] {
    return this.arrivals.splice(0, most);
  }
}

function setUp() {
  const bench = new Bench();
  const plane = new FakePlane();
  const calls = new FakeKernelCalls();
  const tokens = new SessionTokens(fakeSecrets(), keepsNothing);
  const identify = ({ pid }: { pid: number }) => {
    if (pid === 13) throw new Error('a defect');
    return peer(pid);
  };
  const { log } = openLog('silent');
  const sessions = new FdSessions(calls, plane, bench.broker, tokens, identify, keepsNothing, log);
  const happen = (...events: (FdPlaneBooking | FdPlaneArrival)[]) => {
    for (const event of events) {
      if (event.type === 'connected' || event.type === 'request') plane.arrivals.push(event);
      else plane.bookings.push(event);
      sessions.serve();
    }
    return plane.told.splice(0);
  };
  return { bench, calls, happen };
}

const connected = (session: number, pid = session): FdPlaneArrival => ({
  type: 'connected',
  session,
  peer: { pid, uid: 1000, gid: 1000, groups: [], pidfsInode: 0, pidfd: null },
});

describe('a client of fd.sock', () => {
  test('is admitted with a token once it is known who it is', () => {
    const { bench, happen } = setUp();
    expect(happen(connected(1))).toEqual(['admit 1 of uid 1000 with 2 bytes']);
    expect(bench.broker.totals().sessions).toBe(1);
  });

  test('that cannot be admitted is dismissed, and the next one is not touched by it', () => {
    const { bench, happen } = setUp();
    expect(happen(connected(1, 13), connected(2))).toEqual([
      'dismiss 1 13 the daemon failed to do this; its log tells why',
      'admit 2 of uid 1000 with 2 bytes',
    ]);
    expect(bench.broker.totals().sessions).toBe(1);
  });

  test('leaves nothing when its connection ends', () => {
    const { bench, happen } = setUp();
    happen(connected(1), { type: 'disconnected', session: 1, reason: 'closed' });
    expect(bench.broker.totals().sessions).toBe(0);
  });

  test('has its releases booked, also those of leases that are gone already', async () => {
    const { bench, happen } = setUp();
    happen(connected(1));
    const session = 1;
    if (!isSessionId(session)) throw new Error('no id');
    const request = { heap: '', sizeBytes: 1, label: '' };
    const { id } = await bench.broker.intake.allocate(session, request, NEVER);
    happen({ type: 'released', session: 1, bufferIds: [id] });
    expect(bench.broker.totals().buffers).toBe(0);
    expect(happen({ type: 'released', session: 1, bufferIds: [id] })).toEqual([]);
  });

  test('has its request answered and the fds that came with it closed, off the event loop', async () => {
    const { bench, calls, happen } = setUp();
    calls.description = { ...calls.description, kind: 'memfd', seals: 2 };
    const fd = fakeFd();
    const adopt = { type: 'request', session: 1, serial: 5, opcode: ADOPT, fds: [fd] } as const;
    const told = happen(connected(1), { ...adopt, payload: Buffer.alloc(32), fds: [fd] });
    expect(told).toContain('answer 1/5 0 24 bytes');
    expect(calls.closedElsewhere).toEqual([fd]);
    expect(fd.closed).toBe(true);
    expect(fd.duplicates.map((duplicate) => duplicate.closed)).toEqual([false]);
    happen({ type: 'disconnected', session: 1, reason: 'closed' });
    await settle();
    expect(fd.duplicates.map((duplicate) => duplicate.closed)).toEqual([true]);
    expect(bench.broker.totals().chargedBytes).toBe(0);
  });

  test('whose request is wrong is told why, and the fds that came with it are closed', () => {
    const { happen } = setUp();
    const fds = [fakeFd(), fakeFd()];
    const request = { type: 'request', session: 1, serial: 6, opcode: ADOPT } as const;
    expect(happen(connected(1), { ...request, payload: Buffer.alloc(32), fds })).toContain(
      'answer 1/6 3 fd_count is 2; ADOPT takes exactly 1 fd',
    );
    expect(fds.map((fd) => fd.closed)).toEqual([true, true]);
  });

  test('that asks for a fence of a buffer that it does not lease is told that there is none', () => {
    const { happen } = setUp();
    const payload = Buffer.alloc(16);
    payload.writeBigUInt64LE(9n);
    payload.writeUInt32LE(1, 8);
    const request = {
      type: 'request',
      session: 1,
      serial: 7,
      opcode: EXPORT_FENCE,
      fds: [],
    } as const;
    expect(happen(connected(1), { ...request, payload, fds: [] })).toContain(
      'answer 1/7 5 there is no buffer 9 that this session leases',
    );
  });
});
