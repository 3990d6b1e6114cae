/** The guest is what the tests beside this one take it for, and a container lives and ends in it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { args } from '../../../e2e/harness/config.ts';
import { cgroupMount, cgroupOf, mountsOf } from '../../../e2e/harness/kernel.ts';
import { mountAt } from '../../../e2e/harness/mountinfo.ts';
import { expect, test } from '../../../e2e/harness/test.ts';

test('cgroup v2 alone, with every controller', () => {
  expect(mountAt(mountsOf('self'), '/sys/fs/cgroup').type).toBe('cgroup2');
  expect(readFileSync('/proc/self/cgroup', 'utf8')).toBe('0::/\n');
  const controllers = readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim().split(' ');
  for (const name of ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma']) expect(controllers).toContain(name);
});

test('a container runs, and its exit status comes back', async ({ lab }) => {
  (await lab.run([args('exit=7')])).expectCode(7);
});

test("a container's cgroup is there while it lives and gone afterwards", async ({ lab }) => {
  const container = await lab.started([args('pause')]);
  await container.told('pause');
  const path = join(cgroupMount, cgroupOf(container.pid));
  expect(path).toContain(container.id);
  expect(readFileSync(join(path, 'cgroup.procs'), 'utf8')).toBe(`${container.pid}\n`);
  (await container.delete('--force')).expectCode(0);
  expect(existsSync(path)).toBe(false);
});
