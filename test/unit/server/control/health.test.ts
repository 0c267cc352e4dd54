import { Server } from '@grpc/grpc-js';
import { addHealth } from '../../../../server/control/health';

/** Asks as a client would, without one. */
function check(server: Server): Promise<unknown> {
  const handlers: unknown = Reflect.get(server, 'handlers');
  const handler: unknown =
    handlers instanceof Map ? handlers.get('/grpc.health.v1.Health/Check') : undefined;
  return new Promise((resolve, reject) => {
    if (typeof handler !== 'object' || handler === null) return reject(new Error('no Check'));
    const call = { request: { service: '' } };
    const answer = (error: unknown, response: unknown) =>
      error === null ? resolve(response) : reject(error);
    Reflect.apply(Reflect.get(handler, 'func'), undefined, [call, answer]);
  });
}

describe('health', () => {
  test('is SERVING until the daemon stops', async () => {
    const server = new Server();
    const health = addHealth(server, ['']);
    await expect(check(server)).resolves.toEqual({ status: 'SERVING' });
    health.stop();
    await expect(check(server)).resolves.toEqual({ status: 'NOT_SERVING' });
  });

  test('is NOT_SERVING also for who is the first to ask, after that', async () => {
    const server = new Server();
    addHealth(server, ['']).stop();
    await expect(check(server)).resolves.toEqual({ status: 'NOT_SERVING' });
  });
});
