import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** The tests that need nothing of the compiled executable: those which also run under Node (`run.sh --core`). */
const core = ['lifecycle', 'process', 'namespaces', 'mounts', 'hooks', 'devices', 'exit'];

/** The tests of a caller without privileges (`run.sh --rootless`), and those whose tests of root fit such a caller too. */
const rootless = [
  'rootless',
  'bad-input',
  'bundle-rootless',
  'by-hand',
  'cgroup',
  'cli',
  'damaged',
  'devices',
  'engine',
  'events',
  'bad-attributes',
  'exec',
  'exec-affinity',
  'exec-hostile',
  'exec-life',
  'live-mounts',
  'seccomp-podman',
  'exit',
  'freeze',
  'hooks',
  'hostile',
  'interrupted',
  'killed',
  'leaks',
  'lifecycle',
  'limits',
  'mounts',
  'namespaces',
  'notify',
  'process',
  'ps',
  'sandbox-network',
  'sandbox-overlay',
  'sandbox-user',
  'scheduling',
  'seccomp',
  'state-root',
  'terminal',
];

/** The tests of callers that are daemons (`run.sh --engines`). */
const engines = ['containerd.test.ts', 'docker.test.ts', 'docker-default.test.ts'];

function included(): string[] {
  if (process.env.TSRUN_TEST_PODMAN === '1') return ['podman.test.ts'];
  if (process.env.TSRUN_TEST_ENGINES === '1') return engines;
  if (process.env.TSRUN_TEST_USER !== undefined) return rootless.map((name) => `${name}.test.ts`);
  return process.env.TSRUN_TEST_CORE === '1' ? core.map((name) => `${name}.test.ts`) : ['*.test.ts'];
}

/** podman and the others make files, mounts and cgroups beside those of their containers, which others would see. */
function excluded(): string[] {
  return [
    ...(process.env.TSRUN_TEST_USER === undefined
      ? ['bundle-rootless.test.ts', 'rootless.test.ts', 'sandbox-user.test.ts']
      : []),
    ...(process.env.TSRUN_TEST_PODMAN === '1' ? [] : ['podman.test.ts']),
    ...(process.env.TSRUN_TEST_ENGINES === '1' ? [] : engines),
  ];
}

export default defineConfig({
  // Beside the packages, not beside the tests.
  cacheDir: resolve(import.meta.dirname, '../../node_modules/.vite/e2e'),
  test: {
    root: import.meta.dirname,
    include: included(),
    exclude: excluded(),
    globalSetup: './harness/leaks.ts',
    pool: 'forks',
    // Daemons and their containers have the box alone.
    maxWorkers: process.env.TSRUN_TEST_ENGINES === '1' ? 1 : 2,
    // On a machine that nobody watches, others can take its time for as long as a test has: then once more, and it is told.
    retry: process.env.CI === undefined ? 0 : 1,
    testTimeout: 40_000,
    hookTimeout: 40_000,
    teardownTimeout: 20_000,
  },
});
