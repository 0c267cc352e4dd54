/**
 * Runs one command in the test VM and ends with its exit code, for a person at a terminal:
 *
 *     npm run vm -- ls -l /dev/dma_heap
 */
import { Command } from 'commander';
import { positiveInteger } from '../../host/command-line';
import { runInVm } from './boot';
import { provision } from './provision';
import { findOrMakeSystem } from './system';

/** As `env` and `timeout` do: the failure is ours and not the command's. */
const ownFailure = 125;

interface Options {
  readonly memory: number;
  readonly cpus: number;
  readonly timeout: number;
  readonly results?: string;
  readonly console?: true;
  readonly systemd?: true;
}

async function run(command: string[], options: Options): Promise<void> {
  const abort = new AbortController();
  for (const [name, exitCode] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(name, () => {
      process.exitCode = exitCode;
      abort.abort(new Error(name));
    });
  }
  const say = (message: string) => process.stderr.write(`vm: ${message}\n`);
  try {
    const provided = await provision({ onProgress: say, signal: abort.signal });
    if (!provided.ready) {
      say(`cannot run here: ${provided.reason}`);
      say(`to enable it: ${provided.remedy}`);
      process.exitCode = ownFailure;
      return;
    }
    say(`booting Debian ${provided.files.kernel.release} in QEMU`);
    const systemDir = options.systemd
      ? await findOrMakeSystem(provided.files.cacheDir, say, abort.signal)
      : undefined;
    const result = await runInVm(provided.files, {
      systemDir,
      command,
      memoryMb: options.memory,
      cpus: options.cpus,
      timeoutMs: options.timeout * 1000,
      resultsDir: options.results,
      signal: abort.signal,
      onOutput: (chunk, stream) => process[stream].write(chunk),
    });
    if (options.console) {
      process.stderr.write(result.kernelLog);
    }
    const times = `${result.seconds.toFixed(1)} s, ${result.bootSeconds.toFixed(1)} s of them to boot`;
    say(`exit code ${result.exitCode} after ${times}`);
    process.exitCode = result.exitCode;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode ??= ownFailure;
  }
}

new Command('vm')
  .description(
    'Run a command in a VM with a stock Debian 13 kernel that has real dma-bufs. It sees this machine’s root, and what it writes is gone afterwards, except below /results.',
  )
  .argument('<command...>', 'program and arguments, run in the current directory')
  .option('--memory <MiB>', 'memory of the VM', positiveInteger, 2048)
  .option('--cpus <count>', 'processors of the VM', positiveInteger, 2)
  .option('--timeout <seconds>', 'most that all of it may take', positiveInteger, 600)
  .option('--results <directory>', 'host directory to see, writable, at /results')
  .option(
    '--systemd',
    'a Debian 13 system of the VM’s own, with systemd: of this machine the command sees this checkout only',
  )
  .option('--console', 'show the warnings of the VM’s kernel at the end')
  .passThroughOptions()
  .action(run)
  .parseAsync();
