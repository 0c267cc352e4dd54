/** The package, installed for the tests of one file, and purged after them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { patience } from '../../e2e/slowness';
import { PACKAGE_DIRECTORY } from '../in-vm-settings';
import { shell } from './shell';

export function packageFile(): string {
  const [name = ''] = readdirSync(PACKAGE_DIRECTORY).filter((file) => file.endsWith('.deb'));
  return join(PACKAGE_DIRECTORY, name);
}

export function installedPackage(): void {
  beforeAll(() => {
    shell(`apt-get install --yes '${packageFile()}'`);
  }, patience(30_000));
  afterAll(() => {
    shell('apt-get purge --yes dmabufd');
  }, patience());
}
