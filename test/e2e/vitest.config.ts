import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** The tests that need nothing of the compiled executable: those which also run under Node (`run.sh --core`). */
const core = ['lifecycle', 'process', 'namespaces', 'mounts', 'hooks', 'devices', 'exit'];

export default defineConfig({
  // Beside the packages, not beside the tests.
  cacheDir: resolve(import.meta.dirname, '../../node_modules/.vite/e2e'),
  test: {
    root: import.meta.dirname,
    include: process.env.TSRUN_TEST_CORE === '1' ? core.map((name) => `${name}.test.ts`) : ['*.test.ts'],
    globalSetup: './harness/leaks.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 40_000,
    hookTimeout: 40_000,
    teardownTimeout: 20_000,
  },
});
