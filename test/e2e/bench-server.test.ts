import { Server } from '../../bench/processes';

const idle = [process.execPath, '--eval', 'console.log("ready"); setInterval(() => {}, 1e9)'];

describe('a server that the bench measures', () => {
  test('is over when it is disposed of, also if it was killed before', async () => {
    const server = await Server.start('two', ...idle);
    process.kill(server.pid, 'SIGKILL');
    while (isThere(server.pid)) await new Promise((resolve) => setTimeout(resolve, 10));
    await server[Symbol.asyncDispose]();

    const other = await Server.start('two', ...idle);
    await other[Symbol.asyncDispose]();
    expect(isThere(other.pid)).toBe(false);
  });

  test('that ends before it is ready is an error with what it said', async () => {
    const fails = Server.start('two', process.execPath, '--eval', 'throw new Error("no port")');
    await expect(fails).rejects.toThrow('no port');
  });
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
