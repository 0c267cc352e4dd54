/** What who provides for the arm64 tests, and they themselves, agree on. */
export const QEMU = 'qemu-aarch64-static';

/** The environment's names for two directories: Debian's arm64, and the package, unpacked with its control files. */
export const SETTINGS = {
  system: 'DMABUFD_TEST_ARM64_SYSTEM',
  package: 'DMABUFD_TEST_ARM64_PACKAGE',
} as const;
