/** A private directory with a listening socket or an fd plane in it, and clients of it. */
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import addon, { type Fd, type SeqpacketSocket, type SystemError } from '../../native';

/** A directory of its own, removed by `using`. */
export class Directory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'dmabufd-native-'));

  join(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Waits until a condition holds, turn by turn of the event loop. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000 * Number(process.env.DMABUFD_TEST_SLOWNESS ?? 1);
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/**
 * A listening stream socket to whose connections anybody may attach fds, on every kernel: one of node's own, which does not
 * refuse them as `listenUnix` does where it can.
 */
export async function listenForFds(path: string): Promise<Fd> {
  const server = createServer().listen(`${path}.node`);
  await once(server, 'listening');
  const handle: unknown = Reflect.get(server, '_handle');
  if (typeof handle !== 'object' || handle === null) throw new Error('a server without a handle');
  const nodes = addon.adoptFd(Number(Reflect.get(handle, 'fd')));
  const listener = nodes.duplicate();
  nodes.release();
  renameSync(`${path}.node`, path);
  server.close();
  await once(server, 'close');
  return listener;
}

/** A client of a seqpacket socket that keeps what it receives. */
export class TestClient implements Disposable {
  readonly datagrams: { bytes: Uint8Array; fds: Fd[] }[] = [];
  closed: { error: SystemError | null } | null = null;
  writable = 0;
  readonly socket: SeqpacketSocket;

  constructor(path: string) {
    this.socket = addon.connectSeqpacket(path, {
      onDatagram: (bytes, fds) => this.datagrams.push({ bytes, fds }),
      onWritable: () => this.writable++,
      onClosed: (error) => {
        this.closed = { error };
      },
    });
  }

  /** The next datagram, in the order in which they came. */
  async next(): Promise<{ bytes: Uint8Array; fds: Fd[] }> {
    await until(() => this.datagrams.length > 0 || this.closed !== null, 'waited for a datagram');
    const datagram = this.datagrams.shift();
    if (datagram === undefined) throw new Error('the connection was closed');
    return datagram;
  }

  [Symbol.dispose](): void {
    this.socket.close();
    for (const { fds } of this.datagrams) for (const fd of fds) fd.close();
  }
}

/** A datagram as dmabufd_fd.h lays it out. Each part of the header can be set wrong. */
export function datagram(
  opcode: number,
  serial: number,
  payload: Uint8Array,
  header: { fdCount?: number; length?: number; status?: number } = {},
): Uint8Array {
  const bytes = new Uint8Array(16 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, opcode, true);
  view.setUint16(2, header.fdCount ?? 0, true);
  view.setUint32(4, header.length ?? bytes.length, true);
  view.setUint32(8, serial, true);
  view.setUint32(12, header.status ?? 0, true);
  bytes.set(payload, 16);
  return bytes;
}

/** The payload of FETCH and RELEASE. */
export function bufferIds(...ids: number[]): Uint8Array {
  const bytes = new Uint8Array(8 * ids.length);
  const view = new DataView(bytes.buffer);
  for (const [index, id] of ids.entries()) view.setBigUint64(8 * index, BigInt(id), true);
  return bytes;
}

/** What a datagram from the daemon says. */
export function parse(bytes: Uint8Array): {
  opcode: number;
  fdCount: number;
  serial: number;
  status: number;
  payload: Uint8Array;
  text: string;
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  expect(view.getUint32(4, true)).toBe(bytes.length);
  const payload = bytes.subarray(16);
  return {
    opcode: view.getUint16(0, true),
    fdCount: view.getUint16(2, true),
    serial: view.getUint32(8, true),
    status: view.getUint32(12, true),
    payload,
    text: new TextDecoder().decode(payload),
  };
}
