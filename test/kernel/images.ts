/**
 * The container images, built as docker/Dockerfile has it, of the package that the service tests install. No registry is asked:
 * what they begin with is a Debian 13 of packages, made once and kept in the cache.
 */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedEntry } from '../host/cache-directory';
import { findOrInstall } from '../host/debian-packages';
import { makeDebian } from '../host/make-debian';
import { runTool } from '../host/run-tool';
import { projectRoot } from '../jest-run';
import { IMAGES_DIRECTORY } from './in-vm-settings';

const BASE = 'localhost/debian';
/** By the stage of the Dockerfile, as compose.yaml names them. */
const IMAGES = { broker: 'dmabufd', frames: 'dmabufd-frames' };
const TIMEOUT_MS = 10 * 60_000;

/** Leaves them in a store that another Podman can read. */
export async function buildImages(
  packageFile: string,
  cacheDir: string,
  onProgress: (message: string) => void,
): Promise<void> {
  const program = await findOrInstall('podman', 'podman', onProgress);
  const base = await findOrMakeBase(cacheDir, onProgress);
  const place = await mkdtemp(join(tmpdir(), 'dmabufd-images-'));
  const podman = (...args: string[]) =>
    runTool(
      program,
      [
        ...['--root', IMAGES_DIRECTORY, '--runroot', join(place, 'run')],
        ...['--storage-driver', 'overlay', ...args],
      ],
      { timeoutMs: TIMEOUT_MS, lastLines: 20 },
    );
  try {
    await rm(IMAGES_DIRECTORY, { recursive: true, force: true });
    await mkdir(IMAGES_DIRECTORY, { recursive: true });
    const context = join(place, 'context');
    await mkdir(context);
    for (const part of ['docker', 'package.json', 'package-lock.json']) {
      await cp(join(projectRoot, part), join(context, part), { recursive: true });
    }
    await cp(packageFile, join(context, 'dmabufd.deb'));
    await podman('import', base, BASE);
    for (const [stage, name] of Object.entries(IMAGES)) {
      onProgress(`building the image ${name}`);
      await podman(
        // The format that has health checks. The isolation that needs no cgroups of this machine.
        ...['build', '--format=docker', '--isolation=chroot', '--network=host'],
        // The mirror of this machine's packages may have a certificate that only this machine knows.
        '--volume=/etc/ssl/certs:/etc/ssl/certs:ro',
        ...[`--build-arg=BASE=${BASE}`, '--build-arg=PACKAGE=dmabufd.deb'],
        ...[`--file=${join(context, 'docker', 'Dockerfile')}`, `--target=${stage}`],
        `--tag=${name}`,
        context,
      );
    }
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

function findOrMakeBase(cacheDir: string, onProgress: (message: string) => void): Promise<string> {
  return cachedEntry(cacheDir, 'debian-13-base.tar', async (aside) => {
    const archive = join(aside, 'base.tar');
    onProgress('making a base image of Debian 13 (about 130 MB)');
    await makeDebian({ packages: ['ca-certificates'] }, archive, onProgress);
    return archive;
  });
}
