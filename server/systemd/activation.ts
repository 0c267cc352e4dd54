/**
 * What the service manager handed over: the listening sockets of its socket unit, told apart by their type, and what an
 * earlier process of the service left in the fd store, told apart by its name.
 */
import type { Fd, NativeAddon } from '../../native';
import { isSystemError } from '../system-error';
import type { InheritedFd } from './environment';

/** The sockets that the daemon serves, whoever bound them. */
export interface Sockets {
  readonly controlListener: Fd;
  readonly fdListener: Fd;
}

export interface Activation {
  /** Null if none were handed over. */
  readonly sockets: Sockets | null;
  /** By FDNAME=. Whoever wants one takes it over; the others are to be closed. */
  readonly stored: ReadonlyMap<string, readonly Fd[]>;
}

/** A socket unit that is not what this daemon needs. */
export class ActivationError extends Error {
  override readonly name = 'ActivationError';
}

const ADVICE = 'see dmabufd.socket: one ListenStream= and one ListenSequentialPacket=';

/** Takes all of them over. */
export function takeActivation(
  addon: Pick<NativeAddon, 'adoptFd' | 'socketType'>,
  inherited: readonly InheritedFd[],
): Activation {
  const listeners = new Map<'stream' | 'seqpacket', Fd>();
  const stored = new Map<string, Fd[]>();
  for (const { number, name } of inherited) {
    const fd = addon.adoptFd(number);
    const type = listenerType(addon, fd);
    if (type === null) stored.set(name, [...(stored.get(name) ?? []), fd]);
    else if (type === 'other')
      throw new ActivationError(
        `${name}: a listening socket of a type that is not served: ${ADVICE}`,
      );
    else if (listeners.has(type))
      throw new ActivationError(`${name}: a second listening ${type} socket: ${ADVICE}`);
    else listeners.set(type, fd);
  }
  return { sockets: bothOf(listeners), stored };
}

function bothOf(listeners: ReadonlyMap<string, Fd>): Sockets | null {
  const controlListener = listeners.get('stream');
  const fdListener = listeners.get('seqpacket');
  if (controlListener === undefined && fdListener === undefined) return null;
  if (controlListener === undefined)
    throw new ActivationError(`no listening stream socket: ${ADVICE}`);
  if (fdListener === undefined)
    throw new ActivationError(`no listening seqpacket socket: ${ADVICE}`);
  return { controlListener, fdListener };
}

/** Null for what is no listening Unix socket. */
function listenerType(addon: Pick<NativeAddon, 'socketType'>, fd: Fd) {
  try {
    const { type, isListening } = addon.socketType(fd);
    return isListening ? type : null;
  } catch (error) {
    if (isSystemError(error) && ['ENOTSOCK', 'EAFNOSUPPORT'].includes(error.code)) return null;
    throw error;
  }
}
