/** An fd plane on a socket of its own, and what it told. */
import addon, {
  type Fd,
  type FdPlane,
  type FdPlaneArrival,
  type FdPlaneBooking,
} from '../../native';
import { Directory, parse, TestClient, until } from './sockets';

const WELCOME = 1;
export const TOKEN = new Uint8Array(32).fill(7);

type FdPlaneEvent = FdPlaneBooking | FdPlaneArrival;

export class Plane implements Disposable {
  readonly directory = new Directory();
  readonly events: FdPlaneEvent[] = [];
  readonly plane: FdPlane;
  /** How often the plane has called for attention. */
  calls = 0;
  takesAtOnce: boolean;

  constructor({
    maxSessions = 8,
    maxFdsInFlightPerAccount = 1000,
    takesAtOnce = true,
    firstSession = 1,
    isOpen = true,
  } = {}) {
    this.takesAtOnce = takesAtOnce;
    this.plane = addon.startFdPlane({
      listener: addon.listenUnix('seqpacket', this.path, 0o600),
      maxSessions,
      maxFdsInFlightPerAccount,
      firstSession,
      onEvents: () => {
        this.calls++;
        if (!this.takesAtOnce) return;
        this.events.push(...this.plane.takeBookings(), ...this.plane.takeArrivals(16));
      },
    });
    if (isOpen) this.plane.open();
  }

  get path(): string {
    return this.directory.join('fd.sock');
  }

  async event<Type extends FdPlaneEvent['type']>(
    type: Type,
  ): Promise<Extract<FdPlaneEvent, { type: Type }>> {
    await until(() => this.events.some((event) => event.type === type), `waited for '${type}'`);
    const index = this.events.findIndex((event) => event.type === type);
    const [event] = this.events.splice(index, 1);
    if (event === undefined || !isOf(event, type)) throw new Error('unreachable');
    return event;
  }

  /** Admits the next who connects, and answers its session. */
  async admit(account = 'test'): Promise<number> {
    const { session, peer } = await this.event('connected');
    peer.pidfd?.close();
    this.plane.admit(session, TOKEN, account);
    return session;
  }

  /** A client that has been admitted, and its session. */
  async client(account?: string): Promise<{ client: TestClient; session: number }> {
    const client = new TestClient(this.path);
    const session = await this.admit(account);
    expect(parse((await client.next()).bytes)).toMatchObject({ opcode: WELCOME, status: 0 });
    return { client, session };
  }

  [Symbol.dispose](): void {
    this.plane.close();
    for (const event of this.events) if (event.type === 'connected') event.peer.pidfd?.close();
    this.directory[Symbol.dispose]();
  }
}

function isOf<Type extends FdPlaneEvent['type']>(
  event: FdPlaneEvent,
  type: Type,
): event is Extract<FdPlaneEvent, { type: Type }> {
  return event.type === type;
}

/** A memfd that the session may fetch. */
export async function leased(plane: Plane, session: number, bufferId: number): Promise<Fd> {
  const fd = await addon.createMemfd(`buffer-${bufferId}`, 4096);
  plane.plane.putLease(session, { bufferId, fd, sizeBytes: 4096, flags: 3 });
  return fd;
}
