#!/usr/bin/env node
/**
 * `npm test`: all tests, here and on a real kernel, and one line at the end that says how many.
 *
 * Unit, native and e2e tests run on this machine, whatever it has; then the native ones once more with sanitizers
 * (test/sanitize), each fuzz target for some seconds (test/fuzz), clients upon clients for a minute (test/soak), what it costs beside its
 * baselines (bench/guard.ts), and the package
 * for arm64, translated by QEMU (test/arm64). The kernel tests, and some e2e tests once more, run in a VM with a stock kernel that
 * has real dma-bufs (test/kernel), the service tests in one with a Debian system of its own and systemd. What all that needs is got while the others run.
 */
import { parseArgs } from 'node:util';
import { guard } from '../bench/guard';
import { testOnArm64 } from './arm64/run';
import { type Clang, findOrInstallClang } from './fuzz/clang';
import { fuzzAll } from './fuzz/run-targets';
import { TARGETS } from './fuzz/targets';
import { cacheDirectory } from './host/cache-directory';
import { add, type Counts, NO_TESTS, runJest } from './jest-run';
import { runKernelTests, runServiceTests } from './kernel/run-in-vm';
import { type Provision, provision } from './kernel/vm/provision';
import { findOrMakeSystem } from './kernel/vm/system';
import { runSanitized } from './sanitize/run';
import { soak } from './soak/soak';

const FUZZ_SECONDS = 10;
const RACE_SECONDS = 5;
const SOAK_SECONDS = 60;

const HELP = `usage: npm test [-- OPTIONS]

Runs the unit, native and e2e tests on this machine, the native tests with sanitizers, each fuzz target for ${FUZZ_SECONDS} seconds,
clients upon clients for ${SOAK_SECONDS} seconds, a few figures of the bench against their limits, and the package for arm64 under QEMU; then the
kernel tests and the e2e tests in a VM with a stock Debian 13 kernel (QEMU, without KVM), and those of the service on a Debian 13
system with systemd. As root on Debian it gets clang, QEMU, the kernel and the system by itself.

  --no-vm          leave the VM out; its tests count as skipped
  --forbid-skips   a skipped test is a failure (also: DMABUFD_FORBID_SKIPS=1)
  --help           this text
`;

interface Options {
  readonly vm: boolean;
  readonly forbidSkips: boolean;
}

function parseOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      'no-vm': { type: 'boolean', default: false },
      'forbid-skips': { type: 'boolean', default: process.env.DMABUFD_FORBID_SKIPS === '1' },
      help: { type: 'boolean', default: false },
    },
  });
  return values.help ? null : { vm: !values['no-vm'], forbidSkips: values['forbid-skips'] };
}

/** Announces on standard error, so that standard output keeps to results. */
function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** Each target counts as one test. */
async function fuzzShortly(provided: Promise<Clang>): Promise<Counts> {
  const clang = await provided;
  if (!clang.ready) {
    say(`fuzzing skipped: ${clang.reason}. To enable it: ${clang.remedy}`);
    return { ...NO_TESTS, skipped: TARGETS.length };
  }
  const results = await fuzzAll(clang.compiler, TARGETS, FUZZ_SECONDS, say);
  const passed = results.filter(({ finding }) => finding === null).length;
  return { ...NO_TESTS, passed, failed: results.length - passed };
}

/** Counts as one test. */
async function soakShortly(): Promise<Counts> {
  const seed = (Date.now() % 2 ** 31) + 1;
  const { differences, ...sum } = await soak(SOAK_SECONDS, seed, () => {});
  say(`soaked for ${SOAK_SECONDS} s, seed ${seed}: ${JSON.stringify(sum)}`);
  for (const difference of differences) say(`not as before: ${difference}`);
  const failed = differences.length === 0 ? 0 : 1;
  return { ...NO_TESTS, passed: 1 - failed, failed };
}

/** Each figure counts as one test. */
async function guardSpeed(): Promise<Counts> {
  const verdicts = await guard(say);
  const passed = verdicts.filter(({ isWithinLimit }) => isWithinLimit).length;
  return { ...NO_TESTS, passed, failed: verdicts.length - passed };
}

async function testOnKernel(vm: Promise<Provision>): Promise<Counts> {
  const readiness = await vm;
  if (!readiness.ready) {
    say(`kernel tests skipped: ${readiness.reason}. To enable them: ${readiness.remedy}`);
    return { ...NO_TESTS, skipped: 1 };
  }
  return runKernelTests(readiness.files, say);
}

/** A system of the VM's own can be made by root only; who is not may have one in the cache. */
async function testAsService(vm: Promise<Provision>, system: Promise<string>): Promise<Counts> {
  const readiness = await vm;
  const [made] = await Promise.allSettled([system]);
  if (readiness.ready && made.status === 'fulfilled') {
    return runServiceTests(readiness.files, made.value, say);
  }
  const reason = made.status === 'rejected' ? String(made.reason) : 'there is no VM';
  say(`service tests skipped: ${reason}. To enable them: run as root on Debian`);
  return { ...NO_TESTS, skipped: 1 };
}

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === null) {
    process.stdout.write(HELP);
    return 0;
  }
  // Whatever ends this in the middle.
  process.exitCode = 1;
  const vm = options.vm ? provision({ onProgress: say }) : null;
  // One after the other, since apt lets in one at a time. A failure of the VM's is reported where it is awaited, and not
  // before the other tests have had their turn.
  const clang = Promise.allSettled([vm]).then(() => findOrInstallClang(say));
  const system = Promise.allSettled([clang]).then(() =>
    vm === null ? '' : findOrMakeSystem(cacheDirectory(), say),
  );
  system.catch(() => undefined);
  let counts = await runJest(['unit', 'native', 'e2e']);
  counts = add(counts, await runSanitized(RACE_SECONDS, say));
  counts = add(counts, await fuzzShortly(clang));
  counts = add(counts, await soakShortly());
  // After the system, whose maker uses apt too, and keeps the machine busy.
  await Promise.allSettled([system]);
  counts = add(counts, await guardSpeed());
  counts = add(counts, await testOnArm64(cacheDirectory(), say));
  if (vm === null) {
    say('kernel and service tests skipped: --no-vm');
    counts = add(counts, { ...NO_TESTS, skipped: 2 });
  } else {
    counts = add(counts, await testAsService(vm, system));
    counts = add(counts, await testOnKernel(vm));
  }
  process.stdout.write(
    `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`,
  );
  return counts.failed > 0 || (options.forbidSkips && counts.skipped > 0) ? 1 : 0;
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.stdout.write('0 passed, 1 failed, 0 skipped\n');
    process.exitCode = 1;
  },
);
