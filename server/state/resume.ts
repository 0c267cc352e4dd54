/**
 * The start of a daemon that had a predecessor: what that kept is put together again, its files with its fds. An fd is believed
 * to be what its file says only if the kernel agrees: of a session, that the same process is at the other end of the connection;
 * of a buffer, that it is the same kernel object. Nothing else of it is served, and nothing that has ended comes back.
 */
import type { Fd, FdPlane, NativeAddon } from '../../native';
import type { Broker } from '../domain/broker';
import type { BufferFact, SessionFact } from '../domain/facts';
import type { SessionId } from '../domain/ids';
import { isSameAttested, type Peer } from '../domain/peer';
import type { Memory } from '../domain/ports';
import { resumeMemory } from '../heaps/kept-memory';
import type { KernelMemory } from '../heaps/kernel-memory';
import type { Log } from '../log';
import type { Identify } from '../peers/proc';
import type { SessionTokens } from '../session-tokens';
import { UNAUTHENTICATED } from '../status';
import { describeError } from '../system-error';
import type { FdStore } from '../systemd/fd-store';
import type { KeptFiles } from './kept-files';
import { nameOf } from './kept-names';
import type { StateKeeper } from './state-keeper';

export interface ResumePorts {
  readonly addon: NativeAddon;
  readonly plane: Pick<FdPlane, 'resume' | 'readmit' | 'dismiss'>;
  readonly broker: Pick<Broker, 'restore' | 'closeSession'>;
  readonly tokens: Pick<SessionTokens, 'resume'>;
  readonly identify: Identify;
  readonly keeper: StateKeeper;
  readonly store: Pick<FdStore, 'remove'>;
  readonly log: Log;
}

/** Takes the stored fds over, those that nobody wants, too. */
export function resumeState(
  ports: ResumePorts,
  files: KeptFiles,
  stored: ReadonlyMap<string, readonly Fd[]>,
): void {
  new Resumption(ports, stored).run(files);
}

class Resumption {
  private readonly stored: Map<string, readonly Fd[]>;

  constructor(
    private readonly ports: ResumePorts,
    stored: ReadonlyMap<string, readonly Fd[]>,
  ) {
    this.stored = new Map(stored);
  }

  run(files: KeptFiles): void {
    const { broker, plane, keeper, log } = this.ports;
    const living = files.sessions.filter((fact) => {
      const peer = this.resumeConnection(fact);
      return peer !== null && this.resumeToken(fact.id, peer, files.tokenDigests);
    });
    const buffers = files.buffers.flatMap((fact) => {
      const memory = this.resumeBuffer(fact);
      return memory === null ? [] : [{ fact, memory }];
    });
    broker.restore({ ...files, buffers });
    for (const { id, account } of living) plane.readmit(id, account);
    const back = new Set(living.map(({ id }) => id));
    for (const { id } of files.sessions) {
      if (back.has(id)) continue;
      keeper.forgetToken(id);
      broker.closeSession(id, 'its client went away while the daemon was restarted');
    }
    this.dropOthers();
    if (files.sessions.length + files.buffers.length === 0) return;
    log.info({ sessions: living.length, buffers: buffers.length }, 'taken over after a restart');
  }

  /** Who is at the other end of the client's connection, if that is the same process. A session that is not resumed is to be closed. */
  private resumeConnection(fact: SessionFact): Peer | null {
    const { plane, identify, log } = this.ports;
    const socket = this.take(nameOf.session(fact.id));
    if (socket === null) return null;
    try {
      const peer = identify(plane.resume(fact.id, socket));
      if (isSameAttested(peer, fact.peer)) return peer;
      plane.dismiss(fact.id, UNAUTHENTICATED, 'this connection is not that of the session');
      log.error({ session: fact.id, peer, kept: fact.peer }, 'a connection is of another process');
    } catch (error) {
      plane.dismiss(fact.id, UNAUTHENTICATED, describeError(error));
      log.info({ session: fact.id, why: describeError(error) }, 'a session has not come back');
    }
    return null;
  }

  private resumeBuffer(fact: BufferFact): Memory | null {
    const { addon, keeper, log } = this.ports;
    const fd = this.take(nameOf.buffer(fact.id));
    try {
      if (fd === null) throw new Error('its fd is not among those that the service manager kept');
      const memory: KernelMemory = resumeMemory(addon, fd, fact);
      memory.lend(() => true);
      return memory;
    } catch (error) {
      void keeper.forgetBuffer(fact.id);
      log.error({ buffer: fact.id, why: describeError(error) }, 'a buffer has not come back');
      return null;
    }
  }

  /** Without it the client could do nothing with its session: it is to open another one. */
  private resumeToken(id: SessionId, peer: Peer, digests: KeptFiles['tokenDigests']): boolean {
    const { tokens, plane, log } = this.ports;
    const digest = digests.get(id);
    if (digest === undefined) {
      plane.dismiss(id, UNAUTHENTICATED, "the session's token did not outlive a restart");
      log.error({ session: id }, 'the token of a session has not come back');
      return false;
    }
    tokens.resume(id, peer, digest);
    return true;
  }

  private take(name: string): Fd | null {
    const [fd, ...others] = this.stored.get(name) ?? [];
    this.stored.delete(name);
    for (const other of others) void this.ports.addon.closeFd(other);
    return fd ?? null;
  }

  private dropOthers(): void {
    for (const [name, fds] of this.stored) {
      this.ports.log.warn(
        { fdName: name },
        'the service manager kept an fd that is of no use any more',
      );
      for (const fd of fds) void this.ports.addon.closeFd(fd);
      void this.ports.store.remove(name);
    }
  }
}
