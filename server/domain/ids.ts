/**
 * Names of things. An id counts up and is never used again, so that an old one can never mean something new.
 * The brands keep a session's id from being taken for a buffer's.
 */

declare const brand: unique symbol;

/** Names a session; given by the fd plane when it accepts the connection. */
export type SessionId = number & { readonly [brand]: 'session' };
/** Names a buffer on both sockets. */
export type BufferId = number & { readonly [brand]: 'buffer' };
/** Names a grant towards its maker. */
export type GrantId = number & { readonly [brand]: 'grant' };

function isId(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

export function isSessionId(value: number): value is SessionId {
  return isId(value);
}

export function isBufferId(value: number): value is BufferId {
  return isId(value);
}

export function isGrantId(value: number): value is GrantId {
  return isId(value);
}
