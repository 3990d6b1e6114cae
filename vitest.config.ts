import { defineConfig } from 'vitest/config';

/** The tests that need no box: pure ones, and those of the native programs. For test/e2e see its own configuration. */
export default defineConfig({
  test: {
    // A process for each file: some tests change the working directory or load the addon.
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/golden/**/*.test.ts'], testTimeout: 20_000 },
      },
      {
        extends: true,
        test: {
          name: 'native',
          include: ['test/native/**/*.test.ts'],
          // As in test/e2e.
          retry: process.env.CI === undefined ? 0 : 1,
          testTimeout: 20_000,
        },
      },
    ],
  },
});
