import { defineConfig } from 'vitest/config';

/** The tests that run inside the guest (guest/tests.sh); those of test/e2e need no guest. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['tests/{plain,conformance,rootless,systemd,engines,user}/*.test.ts'],
    // One process for all: a process takes seconds to load vitest there, and the tests are to have the machine alone.
    pool: 'threads',
    isolate: false,
    fileParallelism: false,
    // As in test/e2e.
    retry: process.env.CI === undefined ? 0 : 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
