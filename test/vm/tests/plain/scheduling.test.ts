/** Scheduling once more, where no cgroup v1 keeps real-time policies from the processes of a test. */
import { args, set } from '../../../e2e/harness/config.ts';
import '../../../e2e/scheduling.test.ts';
import { expect, test } from '../../../e2e/harness/test.ts';

test.for<[object, object]>([
  [
    { policy: 'SCHED_FIFO', priority: 99 },
    { policy: 1, priority: 99 },
  ],
  [
    { policy: 'SCHED_RR', priority: 1 },
    { policy: 2, priority: 1 },
  ],
  [
    { policy: 'SCHED_DEADLINE', runtime: 1_000_000, deadline: 20_000_000, period: 30_000_000 },
    { policy: 6, runtime: 1_000_000, deadline: 20_000_000, period: 30_000_000 },
  ],
])('%j is what the process has', async ([asked, seen], { lab }) => {
  expect((await lab.facts(args('scheduler'), set('process.scheduler', asked))).of('scheduler')).toMatchObject(seen);
});
