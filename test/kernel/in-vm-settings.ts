/** What the two sides of the kernel tests, on the host and in the VM, agree on. */
import { join } from 'node:path';
import { projectRoot } from '../jest-run';

/** Where the compiled C programs are. The VM sees the host's files. */
export const PROGRAMS_DIRECTORY = join(projectRoot, 'dist', 'test', 'kernel', 'programs');

/** The report that the VM leaves in its results, with the fields of jest's --json that are read. */
export const REPORT_NAME = 'report.json';

/** How much longer than usual everything may take: JIT-compiled code runs tens of times slower when emulated. */
export const SLOWNESS = 20;

/** The store with the container images for the VM. Not below dist/test, which jest looks through. */
export const IMAGES_DIRECTORY = join(projectRoot, 'dist', 'images');

/** Where the Debian package is built for the VM to install. */
export const PACKAGE_DIRECTORY = join(projectRoot, 'dist', 'test', 'kernel', 'package');
