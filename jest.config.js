// Runs the tests that tsc has compiled, as they are: no second compiler, and little to do on a slow machine.
module.exports = {
  roots: ['<rootDir>/dist/test'],
  testMatch: ['**/*.test.js'],
  testEnvironment: 'node',
  transform: {},
  // A test machine may be an emulated one. What waits in a test has a deadline of its own.
  testTimeout: 30_000 * Number(process.env.DMABUFD_TEST_SLOWNESS ?? 1),
};
