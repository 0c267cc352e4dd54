import { Attack } from './attack';
import { describeAsRoot, Siege } from './siege';

/** The attacks of processes/frames.py, each from 16 connections at once. */
const ATTACKS = [
  'silence',
  'half a preface',
  'a preface and silence',
  'HTTP/1.1',
  'random bytes',
  'random bytes behind a preface',
  'random frames',
  'HEADERS that do not end',
  'HEADERS that do not end, and another frame',
  'CONTINUATION without end',
  'CONTINUATION of nothing',
  'a flood of SETTINGS',
  'a flood of PING',
  'a flood of PRIORITY',
  'a flood of WINDOW_UPDATE',
  'rapid reset',
  'RST_STREAM of idle streams',
  'empty DATA without end',
  'frames of 16 MB',
  'even streams',
  'streams that go backwards',
  'HEADERS on stream 0',
  'PUSH_PROMISE',
  'GOAWAY and calls',
  'HPACK that is none',
  'a message of 4 GB, it says',
  'a message of 4 GB, without end',
  'a message that says it is compressed',
  'half a message',
  'two messages where one belongs',
  'no message',
  'random messages',
  'metadata of 64 KB',
  'a thousand headers',
  'tokens of a wrong size',
  'two tokens',
  'a token that is no base64',
  'a path that is none',
  'a content type that is none',
  'no pseudo-headers',
  'a timeout that is none',
  'a timeout of nothing',
];

describeAsRoot(
  'while control.sock gets what is no HTTP/2 or no gRPC, an honest client works on',
  () => {
    let siege: Siege;

    beforeAll(async () => {
      siege = await Siege.start();
    });
    afterAll(() => siege?.[Symbol.asyncDispose]());

    test.each(ATTACKS)('%s', async (attack) => {
      await siege.withstandsOnce(() => Attack.start(siege.daemon, 'frames.py', [attack]));
    });
  },
);
