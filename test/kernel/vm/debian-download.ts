/**
 * Brings packages of another Debian suite without touching the machine's own apt state: the
 * lists, the cache and the sources are apt's own formats in a directory of ours. The machine's mirror,
 * proxy and keyring are used, and apt checks every signature.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianMirror } from '../../host/debian-mirror';
import { runTool } from '../../host/run-tool';

const keyrings = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
];

/** A suite of Debian whose package lists have been fetched into a directory of ours. */
export interface DebianSuite {
  /** The fields of a package as `apt-cache show` prints them. */
  describe(packageName: string): Promise<string>;
  /** Downloads the packages and unpacks them all into `directory`. */
  unpack(packageNames: readonly string[], directory: string): Promise<void>;
}

export async function openSuite(
  suite: string,
  workDir: string,
  signal?: AbortSignal,
): Promise<DebianSuite> {
  const keyring = keyrings.find((path) => existsSync(path));
  if (keyring === undefined) {
    throw new Error('Debian’s archive keys are missing (package debian-archive-keyring)');
  }
  const sources = join(workDir, 'sources.list');
  const downloads = join(workDir, 'downloads');
  await mkdir(join(workDir, 'lists', 'partial'), { recursive: true });
  await mkdir(join(workDir, 'cache', 'archives', 'partial'), { recursive: true });
  await mkdir(downloads, { recursive: true });
  const mirror = await debianMirror(signal);
  await writeFile(sources, `deb [arch=amd64 signed-by=${keyring}] ${mirror} ${suite} main\n`);
  const apt = (program: 'apt-get' | 'apt-cache', timeoutMs: number, ...args: string[]) =>
    runTool(program, [...aptOptions(workDir, sources), ...args], {
      timeoutMs,
      signal,
      cwd: downloads,
      env: { ...process.env, LC_ALL: 'C' },
    });

  await apt('apt-get', 5 * 60_000, 'update');
  return {
    async describe(packageName) {
      const fields = await apt('apt-cache', 60_000, 'show', '--no-all-versions', packageName);
      return fields.toString();
    },
    async unpack(packageNames, directory) {
      await apt('apt-get', 30 * 60_000, 'download', ...packageNames);
      for (const file of await readdir(downloads)) {
        await runTool('dpkg-deb', ['--extract', join(downloads, file), directory], {
          timeoutMs: 5 * 60_000,
          signal,
        });
      }
    },
  };
}

function aptOptions(workDir: string, sources: string): string[] {
  const settings = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State::lists': join(workDir, 'lists'),
    'Dir::Cache': join(workDir, 'cache'),
    'APT::Default-Release': '',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    // As root, apt would download as the user _apt, who may not enter a cache below root's home.
    'APT::Sandbox::User': 'root',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}
