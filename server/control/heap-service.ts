/** HeapService of heaps.proto. */
import type { HeapServiceHandlers } from '../../proto/generated/dmabufd/v1/HeapService';
import type { Broker } from '../domain/broker';
import { type CallContext, unary } from './call';
import { toHeap } from './messages';

export function heapService(broker: Broker, context: CallContext): HeapServiceHandlers {
  return {
    ListHeaps: unary(context, () => {
      const standard = broker.heaps.default?.description.name;
      return { heaps: broker.heaps.list().map((heap) => toHeap(heap, heap.name === standard)) };
    }),
  };
}
