/** Asks the addon for SYNCs, one after the other, and prints what became of each: `begin FLAGS` or `sync FLAGS`. */
import addon from '../../../native';

async function main(calls: readonly string[]): Promise<void> {
  using fd = await addon.createMemfd('synced', 4096);
  for (const call of calls) {
    const [what = '', flags = ''] = call.split(' ');
    const asked: Promise<unknown> =
      what === 'begin' ? addon.beginSync(fd, Number(flags)) : addon.syncDmaBuf(fd, Number(flags));
    const answer = await asked.catch((error: { code: string }) => error.code);
    process.stdout.write(`${answer ?? 'done'}\n`);
  }
}

void main(process.argv.slice(2));
