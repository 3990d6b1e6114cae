/** The smallest memory limit with which a static program starts: near what crun needs, which is the program's own need. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resources } from '../../../e2e/harness/cgroups.ts';
import { args, type Part } from '../../../e2e/harness/config.ts';
import type { Lab } from '../../../e2e/harness/lab.ts';
import { call, type Result, runtime } from '../../../e2e/harness/runtime.ts';
import { expect, test } from '../../../e2e/harness/test.ts';

const crun = '/usr/bin/crun';
const KIB = 1024;
/** The kernel charges in batches for each CPU: a limit near the edge may do once and not the next time. */
const attempts = 2;

type Runner = (bundle: string, id: string) => Promise<Result>;

/** The least limit, in KiB, with which the program ran each time. */
async function floorOf(lab: Lab, run: Runner): Promise<number> {
  const bundle = lab.bundle(args('exit=0'));
  const works = async (kib: number): Promise<boolean> => {
    const limit: Part = resources({ memory: { limit: kib * KIB, swap: kib * KIB } });
    limit(bundle);
    writeFileSync(join(bundle.dir, 'config.json'), JSON.stringify(bundle.config));
    for (let attempt = 0; attempt < attempts; attempt++) if ((await run(bundle.dir, lab.id())).code !== 0) return false;
    return true;
  };
  let [fails, does] = [0, 4 * KIB];
  expect(await works(does)).toBe(true);
  while (does - fails > 64) {
    const middle = Math.floor((fails + does) / 2 / 4) * 4;
    if (await works(middle)) does = middle;
    else fails = middle;
  }
  return does;
}

test('at most 256 KiB more than crun', async ({ lab, skip }) => {
  skip(!existsSync(crun), 'there is no crun to compare with');
  const root = lab.directory('crun');
  const theirs = await floorOf(lab, (bundle, id) =>
    call([crun, '--root', root, '--cgroup-manager', 'cgroupfs', 'run', '--bundle', bundle, id]),
  );
  const ours = await floorOf(lab, (bundle, id) => call(runtime(lab.root, 'run', '--bundle', bundle, id)));
  process.stdout.write(`a static program starts with ${ours} KiB; under crun with ${theirs} KiB\n`);
  expect(ours).toBeLessThanOrEqual(theirs + 256);
});
