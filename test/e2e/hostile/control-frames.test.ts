import { Attack } from './attack';
import { affordable, describeAsRoot, Siege } from './siege';

/** The attacks of processes/frames.py, each over six connections at once. */
const ATTACKS: Record<string, readonly string[]> = {
  'connections that do not begin': [
    'silence',
    'half a preface',
    'a preface and silence',
    'HTTP/1.1',
    'random bytes',
  ],
  'frames that do not end': [
    'HEADERS that do not end',
    'HEADERS that do not end, and another frame',
    'CONTINUATION without end',
    'empty DATA without end',
  ],
  'floods of frames that cost little': [
    'a flood of SETTINGS',
    'a flood of PING',
    'a flood of PRIORITY',
    'a flood of WINDOW_UPDATE',
    'rapid reset',
  ],
  'frames that are none': [
    'random bytes behind a preface',
    'random frames',
    'CONTINUATION of nothing',
    'RST_STREAM of idle streams',
    'frames of 16 MB',
    'HPACK that is none',
  ],
  'streams in disorder': [
    'even streams',
    'streams that go backwards',
    'HEADERS on stream 0',
    'PUSH_PROMISE',
    'GOAWAY and calls',
  ],
  'messages that are none': [
    'a message of 4 GB, it says',
    'a message of 4 GB, without end',
    'a message that says it is compressed',
    'half a message',
    'two messages where one belongs',
    'no message',
    'random messages',
  ],
  'metadata that is none': [
    'metadata of 64 KB',
    'a thousand headers',
    'tokens of a wrong size',
    'two tokens',
    'a token that is no base64',
  ],
  'calls that are none': [
    'a path that is none',
    'a content type that is none',
    'no pseudo-headers',
    'a timeout that is none',
    'a timeout of nothing',
    'while control.sock gets what is no HTTP/2 or no gRPC, an honest client works on',
  ],
};

describeAsRoot(
  'while control.sock gets what is no HTTP/2 or no gRPC, an honest client works on',
  () => {
    let siege: Siege;

    beforeAll(async () => {
      siege = await Siege.start();
    });
    afterAll(() => siege?.[Symbol.asyncDispose]());

    test.each(affordable(Object.entries(ATTACKS)))('%s', async (_, attacks) => {
      await siege.withstands(() => Attack.start(siege.daemon, 'frames.py', attacks));
    });
  },
);
