/** echo-client SOCKET COUNT CLIENTS: so many clients of grpc-js, each with one unary call in flight. */
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { time } from '../timings';
import { answer, argument } from './answer';
import { ECHO } from './echo';

async function main(): Promise<void> {
  const clients = Array.from(
    { length: Number(argument(2)) },
    () =>
      new Client(`unix:${argument(0)}`, credentials.createInsecure(), {
        'grpc.enable_channelz': 0,
        'grpc.use_local_subchannel_pool': 1,
      }),
  );
  const { path, requestSerialize, responseDeserialize } = ECHO.Echo;
  const metadata = new Metadata();
  const echo = (index: number) =>
    new Promise<void>((resolve, reject) => {
      clients[index]?.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        {},
        metadata,
        { deadline: Date.now() + 30_000 },
        (error) => (error === null ? resolve() : reject(error)),
      );
    });
  answer(await time(echo, Number(argument(1)), clients.length));
}

void main();
