import { CallLimits } from '../../../client/call-limits';
import { Connection, type Endable } from '../../../client/connection';
import { ConnectionLostError, type DmabufdError } from '../../../client/errors';

class FakeSession implements Endable {
  closed = false;
  #callbacks: ((error: DmabufdError) => void)[] = [];
  onEnded(callback: (error: DmabufdError) => void): void {
    this.#callbacks.push(callback);
  }
  close(): void {
    this.closed = true;
  }
  end(reason: string): void {
    for (const callback of this.#callbacks.splice(0)) callback(new ConnectionLostError(reason));
  }
}

/** A daemon that is there or not. */
class FakeDaemon {
  readonly sessions: FakeSession[] = [];
  readonly told: string[] = [];
  there = true;
  attempts = 0;

  connect(reconnect = true): Promise<Connection<FakeSession>> {
    const openSession = async () => {
      this.attempts += 1;
      if (!this.there) throw new ConnectionLostError('no daemon');
      const session = new FakeSession();
      this.sessions.push(session);
      return session;
    };
    const listeners = {
      onDisconnected: ({ message }: DmabufdError) => this.told.push(`disconnected: ${message}`),
      onReconnected: () => this.told.push('reconnected'),
    };
    return Connection.open({ openSession, reconnect, listeners }, new CallLimits());
  }
}

describe('a connection that outlives its sessions', () => {
  test('says that it is lost, then that it is back, with another session', async () => {
    const daemon = new FakeDaemon();
    const connection = await daemon.connect();
    daemon.sessions[0]?.end('the daemon stops');
    expect(() => connection.session).toThrow('not connected to the daemon: the daemon stops');
    const found = await connection.whenConnected(new CallLimits());
    expect(found).toBe(daemon.sessions[1]);
    expect(connection.session).toBe(daemon.sessions[1]);
    expect(daemon.told).toEqual(['disconnected: the daemon stops', 'reconnected']);
    connection.close();
  });

  test('goes on trying while there is no daemon', async () => {
    const daemon = new FakeDaemon();
    const connection = await daemon.connect();
    daemon.there = false;
    daemon.sessions[0]?.end('killed');
    const soon = connection.whenConnected(new CallLimits({ timeoutMs: 200 }));
    await expect(soon).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    daemon.there = true;
    await connection.whenConnected(new CallLimits());
    expect(daemon.attempts).toBeGreaterThan(2);
    connection.close();
  });

  test('does not try again when told not to', async () => {
    const daemon = new FakeDaemon();
    const connection = await daemon.connect(false);
    daemon.sessions[0]?.end('killed');
    const soon = connection.whenConnected(new CallLimits({ timeoutMs: 200 }));
    await expect(soon).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(daemon.attempts).toBe(1);
  });

  test('is not lost by being closed, and ends the waits', async () => {
    const daemon = new FakeDaemon();
    const connection = await daemon.connect();
    daemon.there = false;
    daemon.sessions[0]?.end('killed');
    const waiting = connection.whenConnected(new CallLimits());
    connection.close();
    await expect(waiting).rejects.toThrow('the broker has been closed');
    expect(() => connection.session).toThrow('the broker has been closed');
    expect(daemon.told).toHaveLength(1);
  });

  test('is refused at once when there is no daemon at the first time', async () => {
    const daemon = new FakeDaemon();
    daemon.there = false;
    await expect(daemon.connect()).rejects.toThrow('no daemon');
  });
});
