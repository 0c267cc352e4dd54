import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { connect as connectTo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../client';
import { CONTROL_SOCKET_NAME, FD_SOCKET_NAME } from '../../proto';
import { DaemonProcess } from './daemon-process';
import { patience } from './slowness';

/** A way to control.sock that can be blocked, while fd.sock, and with it the session, lives on. It is of this process, and so is its peer. */
class Road implements Disposable {
  readonly runtimeDirectory = mkdtempSync(join(tmpdir(), 'dmabufd-road-'));
  readonly #daemon: DaemonProcess;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  constructor(daemon: DaemonProcess) {
    this.#daemon = daemon;
    const fdSocket = join(daemon.runtimeDirectory, FD_SOCKET_NAME);
    symlinkSync(fdSocket, join(this.runtimeDirectory, FD_SOCKET_NAME));
  }

  async open(): Promise<void> {
    const to = join(this.#daemon.runtimeDirectory, CONTROL_SOCKET_NAME);
    const server = createServer((one) => {
      const other = connectTo(to);
      for (const socket of [one, other]) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          one.destroy();
          other.destroy();
        });
      }
      one.pipe(other);
      other.pipe(one);
    });
    this.#server = server;
    const path = join(this.runtimeDirectory, CONTROL_SOCKET_NAME);
    await new Promise<void>((listening) => server.listen(path, listening));
  }

  block(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  [Symbol.dispose](): void {
    this.block();
    rmSync(this.runtimeDirectory, { recursive: true, force: true });
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a client that cannot reach control.sock for a while', () => {
  test('is alone inside of an access that it begins afterwards, whatever it owed before', async () => {
    await using daemon = await DaemonProcess.start();
    using road = new Road(daemon);
    await road.open();
    await using mine = await connect({ runtimeDirectory: road.runtimeDirectory });
    await using other = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    const buffer = await mine.allocate({ sizeBytes: 4096 });
    await buffer.share({ name: 'shared' });
    const same = await other.open({ name: 'shared' });
    await buffer.access('write', () => {});

    road.block();
    const timeoutMs = 2_000;
    const givenUp = buffer.access('write', () => {}, { timeoutMs });
    // It has given up, and still tells the daemon so.
    const opened = pause(timeoutMs + 50).then(() => road.open());
    await expect(givenUp).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await opened;

    let inside = false;
    const seen: boolean[] = [];
    const others: Promise<void>[] = [];
    const enter = async () => {
      inside = true;
      const look = () => {
        seen.push(inside);
      };
      others.push(same.access('write', look, { timeoutMs: patience() }));
      // As long as the longest pause before a call is made again, and more.
      await pause(1_000);
      inside = false;
    };
    await buffer.access('write', enter, { timeoutMs: patience() });
    await Promise.all(others);
    expect(seen).toEqual([false]);
  });
});
