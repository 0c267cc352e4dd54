import { buildProgram } from '../../../client/cli/program';

describe('dmabufctl refuses before it asks the daemon', () => {
  beforeEach(() => {
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  test.each([
    ['allocate much', /"much" is no size: try/],
    ['allocate', /missing required argument 'size'/],
    ['allocate 4096 --ttl 1s', /--ttl says how to share/],
    ['allocate 4096 --publish a --secret-file b', /a name or a secret, not both/],
    ['allocate 4096 --publish a --access all', /Allowed choices are read, read-write/],
    ['allocate 4096 --publish a --max-uses 0', /must be at least 1/],
    ['share 1', /--publish NAME or --secret-file FILE is needed/],
    ['share one --publish a', /"one" is no whole number/],
    ['open', /give either a name or --secret-file/],
    ['read name --secret-file -', /give either a name or --secret-file/],
    ['read name --json', /the bytes need a file of their own/],
    ['write --secret-file - --input -', /only one of them can be stdin/],
    ['list --timeout 0', /must be more than 0/],
    ['list --timeout soon', /"soon" is no duration/],
    ['list --no-such-option', /unknown option/],
    ['no-such-command', /unknown command/],
    ['policy', /outputHelp/],
    ['policy explain --pid 1 --uid 2', /--pid names a process that is what it is/],
    ['policy explain --gid 1', /--gid says more of a process of --uid/],
    ['policy explain --uid 1 --groups 1,x', /"x" is no whole number/],
    ['policy explain --uid 1 --groups 1,', /"" is no whole number/],
  ])('%s', async (line, reason) => {
    const argv = ['node', 'dmabufctl', ...line.split(' ')];
    await expect(buildProgram([]).parseAsync(argv)).rejects.toThrow(reason);
  });
});
