/** Podman of the VM's system. Its containers are on a tmpfs, since a file system that already is an overlay carries no other. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../e2e/slowness';
import { IMAGES_DIRECTORY } from '../in-vm-settings';
import { type Ran, shell, tryShell } from './shell';

const PLACE = '/run/podman-of-tests';

/** For all tests of a file. */
export function withPodman(): void {
  beforeAll(() => {
    mkdirSync(PLACE);
    const file = join(PLACE, 'storage.conf');
    writeFileSync(
      file,
      `[storage]
driver = "overlay"
graphroot = "${PLACE}/graph"
runroot = "${PLACE}/run"
[storage.options]
additionalimagestores = ["${IMAGES_DIRECTORY}"]
`,
    );
    // containers-storage.conf(5). Whatever is started from here has it.
    process.env['CONTAINERS_STORAGE_CONF'] = file;
  });
  afterAll(() => {
    tryShell('podman rm --all --force --time=0');
    rmSync(PLACE, { recursive: true, force: true });
  });
}

/** One that goes on, until it is disposed of. */
export class Container implements Disposable {
  constructor(
    readonly name: string,
    /** What follows `podman run`: its options, the image, the command. */
    run: string,
  ) {
    shell(`podman run --detach --name=${name} ${run}`);
  }

  get id(): string {
    return shell(`podman inspect --format='{{.Id}}' ${this.name}`);
  }

  async says(text: string): Promise<void> {
    await eventually(`${this.name} says ${text}`, async () => {
      if (tryShell(`podman logs ${this.name}`).output.includes(text)) return true;
      // A look costs seconds of an emulated machine, which those that are looked at need.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return undefined;
    });
  }

  run(command: string): Ran {
    return tryShell(`podman exec ${this.name} ${command}`);
  }

  [Symbol.dispose](): void {
    tryShell(`podman rm --force --time=0 ${this.name}`);
  }
}
