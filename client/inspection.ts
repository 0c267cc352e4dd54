/**
 * The questions about the daemon that change nothing, over any control connection: with a session's token, or without
 * one for what needs no session.
 */
import type { CallLimits } from './call-limits';
import type { ControlConnection } from './control-connection';
import {
  type BufferDescription,
  type BufferDetails,
  type DaemonStatus,
  describeBuffer,
  describeDetails,
  describeHeap,
  describeStatus,
  type HeapDescription,
} from './descriptions';
import { EventStream } from './event-stream';

/** The most that the daemon answers at once. */
const PAGE_SIZE = 1000;

/** Whose buffers or events: the session's, or all of the daemon's, which is for administrators. */
export interface Scope {
  readonly allSessions: boolean;
}

export async function listHeaps(
  control: ControlConnection,
  limits: CallLimits,
): Promise<HeapDescription[]> {
  const { heaps } = await control.call(control.methods.heaps.ListHeaps, {}, limits);
  return heaps.map(describeHeap);
}

export async function getStatus(
  control: ControlConnection,
  limits: CallLimits,
): Promise<DaemonStatus> {
  return describeStatus(await control.call(control.methods.daemon.GetDaemonStatus, {}, limits));
}

/** All pages of them. */
export async function listBuffers(
  control: ControlConnection,
  { allSessions }: Scope,
  limits: CallLimits,
): Promise<BufferDescription[]> {
  const buffers: BufferDescription[] = [];
  let pageToken = '';
  do {
    const request = { pageSize: PAGE_SIZE, pageToken, allSessions };
    const page = await control.call(control.methods.buffers.ListBuffers, request, limits);
    buffers.push(...page.buffers.map(describeBuffer));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return buffers;
}

export async function getBuffer(
  control: ControlConnection,
  bufferId: number,
  limits: CallLimits,
): Promise<BufferDetails> {
  const { GetBuffer } = control.methods.buffers;
  return describeDetails(await control.call(GetBuffer, { bufferId }, limits));
}

/** Resolves when the daemon tells of everything from now on. The signal ends the stream, too. */
export async function watchEvents(
  control: ControlConnection,
  { allSessions }: Scope,
  limits: CallLimits,
): Promise<EventStream> {
  const { WatchEvents } = control.methods.events;
  const stream = await control.stream(WatchEvents, { allSessions }, limits);
  return new EventStream(stream, control.closed, limits.signals[0]);
}
