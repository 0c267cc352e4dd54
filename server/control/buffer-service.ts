/** BufferService of buffers.proto. */
import type { BufferServiceHandlers } from '../../proto/generated/dmabufd/v1/BufferService';
import type { Broker } from '../domain/broker';
import type { BufferView } from '../domain/views';
import { type CallContext, unary } from './call';
import { toBuffer, toCpuAccessEntry, toFormerHolder, toLease } from './messages';
import { type PageRequest, parseId, parsePage, parseSize } from './parse';

/** A heap that has to find contiguous memory may take long, but not longer. */
const ALLOCATION_TIMEOUT_MS = 30_000;

export function bufferService(broker: Broker, context: CallContext): BufferServiceHandlers {
  const { intake, buffers } = broker;
  return {
    AllocateBuffer: unary(context, async ({ heap, sizeBytes, label }, call) => {
      const request = { heap, sizeBytes: parseSize('size_bytes', sizeBytes), label };
      const signal = call.signal(ALLOCATION_TIMEOUT_MS);
      return { buffer: toBuffer(await intake.allocate(call.sessionId, request, signal)) };
    }),

    GetBuffer: unary(context, ({ bufferId }, { caller }) => {
      const found = buffers.describe(caller, parseId('buffer_id', bufferId));
      return {
        buffer: toBuffer(found.buffer),
        leases: found.leases.map(toLease),
        cpuAccesses: found.cpuAccesses.map(toCpuAccessEntry),
        formerHolders: found.formerHolders.map(toFormerHolder),
        ...(found.referencesElsewhere === null
          ? {}
          : { referencesElsewhere: found.referencesElsewhere }),
      };
    }),

    ListBuffers: unary(context, ({ pageSize, pageToken, allSessions }, call) => {
      const page = parsePage(pageSize, pageToken);
      // One more than asked for tells whether there is a next page.
      const found = allSessions
        ? buffers.listAll(call.caller, page.after, page.count + 1)
        : buffers.list(call.sessionId, page.after, page.count + 1);
      return toPage(found, page);
    }),

    ReleaseBuffer: unary(context, ({ bufferId }, call) => {
      buffers.release(call.sessionId, parseId('buffer_id', bufferId));
      return {};
    }),

    GetBufferSize: unary(context, ({ bufferId }, { caller }) => {
      const sizeBytes = buffers.querySize(caller, parseId('buffer_id', bufferId));
      return { sizeBytes: sizeBytes ?? 0, supported: sizeBytes !== null };
    }),
  };
}

function toPage(found: readonly BufferView[], { count }: PageRequest) {
  const shown = found.slice(0, count);
  const last = found.length > count ? shown[shown.length - 1] : undefined;
  return { buffers: shown.map(toBuffer), nextPageToken: last === undefined ? '' : String(last.id) };
}
