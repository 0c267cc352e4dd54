/** Debian systems in directories and archives, made of packages by mmdebstrap. */
import { debianMirror } from './debian-mirror';
import { findOrInstall } from './debian-packages';
import { runTool } from './run-tool';

const SUITE = 'trixie';
const TIMEOUT_MS = 15 * 60_000;

export interface DebianSystem {
  /** Beyond what is essential, and without what they recommend. */
  readonly packages: readonly string[];
  /** The machine's own, unless told. */
  readonly architecture?: string;
  /** `extract`: what the packages have in them, and none of their scripts run. mmdebstrap(1). */
  readonly variant?: 'minbase' | 'extract';
}

/** Makes a Debian 13 at `target`: a directory, or an archive if it ends so. */
export async function makeDebian(
  { packages, architecture, variant = 'minbase' }: DebianSystem,
  target: string,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('a Debian system is made by root only');
  const mmdebstrap = await findOrInstall('mmdebstrap', 'mmdebstrap', onProgress, signal);
  await runTool(
    mmdebstrap,
    [
      '--mode=root',
      `--variant=${variant}`,
      ...(architecture === undefined ? [] : [`--architectures=${architecture}`]),
      `--include=${packages.join()}`,
      '--aptopt=Acquire::Languages "none"',
      SUITE,
      target,
      `deb ${await debianMirror(signal)} ${SUITE} main`,
    ],
    { timeoutMs: TIMEOUT_MS, signal, lastLines: 10 },
  );
}
