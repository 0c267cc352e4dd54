import { runTool } from './run-tool';

/** The mirror that this machine takes Debian itself from, where it is a Debian machine. */
export async function debianMirror(signal?: AbortSignal): Promise<string> {
  const format = '$(REPO_URI) $(LABEL)';
  const targets = await runTool(
    'apt-get',
    ['indextargets', '--format', format, 'Created-By: Packages'],
    { timeoutMs: 60_000, signal },
  );
  // The label is known only once the machine has fetched its lists; the path is known before.
  const own = targets
    .toString()
    .split('\n')
    .find((line) => /^https?:\S* Debian$/.test(line) || /^https?:\S*\/debian\/? /.test(line));
  return own?.split(' ')[0] ?? 'http://deb.debian.org/debian';
}
