/**
 * Finds what the VM needs, or gets it where this user may: QEMU from the machine's own Debian, the
 * kernel from Debian 13. Once it has succeeded, doing it again needs neither root nor the network.
 */
import { cacheDirectory } from '../../host/cache-directory';
import { findProgram } from '../../host/debian-packages';
import { lastLines } from '../../host/last-lines';
import { findOrInstallHostTools } from './host-tools';
import { findOrDownloadKernel, type Kernel } from './kernel';

export interface VmFiles {
  readonly cacheDir: string;
  readonly qemu: string;
  readonly setpriv: string;
  readonly kernel: Kernel;
}

export type Provision =
  | { readonly ready: true; readonly files: VmFiles }
  | {
      readonly ready: false;
      /** What is missing, in one line. */
      readonly reason: string;
      /** What would bring it, in one line. */
      readonly remedy: string;
    };

export interface ProvisionOptions {
  readonly cacheDir?: string | undefined;
  readonly onProgress?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function provision(options: ProvisionOptions = {}): Promise<Provision> {
  const { cacheDir = cacheDirectory(), onProgress = () => {}, signal } = options;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return {
      ready: false,
      reason: `the VM runs programs of this machine, which is ${process.platform} ${process.arch}`,
      remedy: 'run on x86-64 Linux',
    };
  }
  try {
    const tools = await findOrInstallHostTools(onProgress, signal);
    if (!tools.found) {
      const reason = `not installed: ${tools.missing.join(', ')}`;
      return { ready: false, reason, remedy: tools.remedy };
    }
    const kernel = await findOrDownloadKernel(cacheDir, tools.path.depmod, onProgress, signal);
    const files = {
      cacheDir,
      qemu: tools.path['qemu-system-x86_64'],
      setpriv: tools.path.setpriv,
      kernel,
    };
    return { ready: true, files };
  } catch (error) {
    signal?.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    return {
      ready: false,
      reason: lastLines(message, 10).replaceAll(/\s*\n\s*/g, ' / '),
      remedy:
        findProgram('apt-get') === undefined
          ? `run on Debian, or copy ${cacheDir} from a machine that is one`
          : `see that this machine reaches a Debian mirror and can write to ${cacheDir}, then run again`,
    };
  }
}
