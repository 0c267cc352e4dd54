import { accessService } from '../../../../server/control/access-service';
import { AccessStreams } from '../../../../server/control/access-streams';
import { bufferService } from '../../../../server/control/buffer-service';
import type { Broker } from '../../../../server/domain/broker';
import type { Charge } from '../../../../server/domain/quota';
import { Bench, FakeMemory, NEVER, peer, sessionId, settle } from '../domain/fakes';
import { answerTo, callOfSession, context } from './fake-call';

/** A buffer of session 1 whose kernel tells, or does not tell, its size. */
function bench(sizeBytes: number | null = 4096) {
  const made = new Bench();
  const session = sessionId(1);
  made.broker.openSession(session, peer(10));
  const memory = new FakeMemory(made.kernel, sizeBytes);
  const { id } = made.broker.intake.adopt(session, memory, { label: '', exporter: 'drm' });
  return { made, session, memory, id, request: { bufferId: String(id) } };
}

function accessServiceOf(broker: Broker) {
  const shared = context([], broker);
  return accessService(broker, shared, new AccessStreams(broker, shared));
}

describe('GetBufferSize', () => {
  test.each([
    [8192, { sizeBytes: 8192, supported: true }],
    [null, { sizeBytes: 0, supported: false }],
  ])('tells a kernel that says %p apart from an error', async (sizeBytes, answer) => {
    const { made, request } = bench(sizeBytes);
    const { GetBufferSize } = bufferService(made.broker, context([], made.broker));
    expect(await answerTo(GetBufferSize, callOfSession(request))).toEqual(answer);
  });
});

describe('BeginCpuAccess', () => {
  test('ends the access that began when nobody waited for the answer any more', async () => {
    const { made, memory, request } = bench();
    const { BeginCpuAccess } = accessServiceOf(made.broker);
    const call = callOfSession<Parameters<typeof BeginCpuAccess>[0]['request'], object>({
      ...request,
      mode: 'CPU_ACCESS_MODE_WRITE',
    });
    const answered = answerTo(BeginCpuAccess, call);
    // Without the event, as when it comes a moment after the access has begun.
    call.cancelled = true;
    await answered;
    expect(memory.log).toEqual(['START write', 'END write']);
    expect(made.broker.totals()).toMatchObject({ cpuAccesses: 0, waiters: 0 });
  });
});

describe('EndCpuAccess', () => {
  test('is refused to nobody for having too many calls under way', async () => {
    const { made, session, memory, id, request } = bench();
    await made.broker.buffers.beginCpuAccess(session, id, 'write', NEVER);
    const charges: Charge[] = [];
    try {
      for (;;) charges.push(made.broker.admitCall(peer(10)));
    } catch {
      // As many as it may have.
    }
    const { EndCpuAccess } = accessServiceOf(made.broker);
    expect(await answerTo(EndCpuAccess, callOfSession(request))).toEqual({});
    await settle();
    expect(memory.log).toEqual(['START write', 'END write']);
    for (const charge of charges) charge.refund();
  });
});
