/** Limits by their effect, where all of them are enforced: every controller in cgroup v2, disks, swap, huge pages. */
import { readFileSync } from 'node:fs';
import { resources } from '../../../e2e/harness/cgroups.ts';
import { args, hook } from '../../../e2e/harness/config.ts';
import { testLimits } from '../../../e2e/harness/limit-tests.ts';
import { expect, test } from '../../../e2e/harness/test.ts';
import { testMachineLimits } from '../../machine-limits.ts';

testLimits();
testMachineLimits();

test('limits are there before the first process, and hooks find them', async ({ lab }) => {
  const record = lab.path('record');
  await lab.started([
    resources({ pids: { limit: 9 } }),
    hook('createRuntime', {
      path: '/bin/sh',
      args: ['sh', '-c', `cat /sys/fs/cgroup/tsrun/*/pids.max > ${record}`],
    }),
    args('pause'),
  ]);
  expect(readFileSync(record, 'utf8')).toBe('9\n');
});
