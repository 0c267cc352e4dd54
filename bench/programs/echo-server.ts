/** echo-server SOCKET: a server of grpc-js that answers with nothing. */
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';
import { argument } from './answer';
import { ECHO } from './echo';

const server = new Server({ 'grpc.enable_channelz': 0 });
server.addService(ECHO, {
  Echo: (_call: unknown, respond: sendUnaryData<object>) => respond(null, {}),
});
server.bindAsync(`unix:${argument(0)}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  process.stdout.write('ready\n');
});
