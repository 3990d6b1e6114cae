/** linux.resources: written where the controller is bound, in the v2 hierarchy or in one of version 1. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { args, set } from './harness/config.ts';
import { cgroupMount, mountsOf } from './harness/kernel.ts';
import { describe, expect, test } from './harness/test.ts';

const inV2 = new Set(readFileSync(join(cgroupMount, 'cgroup.controllers'), 'utf8').trim().split(/\s+/));

/** Where a controller of version 1 is mounted. */
const legacyMount = (controller: string): string | undefined =>
  mountsOf('self').find(({ type, superOptions }) => type === 'cgroup' && superOptions.includes(controller))?.target;

/** A file of the process's cgroup in a controller's hierarchy. */
function limit(pid: number, controller: string, legacyFile: string, file: string): string {
  const legacy = inV2.has(controller) ? undefined : legacyMount(controller);
  const row = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, names]) => (legacy === undefined ? names === '' : names?.split(',').includes(controller)));
  return readFileSync(
    join(legacy ?? cgroupMount, row?.[2] ?? '', legacy === undefined ? file : legacyFile),
    'utf8',
  ).trim();
}

describe('limits', () => {
  /** controller, property, value, the file of version 1 and its text, the file of version 2 and its text */
  const table: [string, string, unknown, [string, string], [string, string]][] = [
    ['pids', 'pids', { limit: 77 }, ['pids.max', '77'], ['pids.max', '77']],
    ['memory', 'memory', { limit: 67_108_864 }, ['memory.limit_in_bytes', '67108864'], ['memory.max', '67108864']],
    ['cpu', 'cpu', { shares: 512 }, ['cpu.shares', '512'], ['cpu.weight', '59']],
    ['cpu', 'cpu', { quota: 50_000, period: 100_000 }, ['cpu.cfs_quota_us', '50000'], ['cpu.max', '50000 100000']],
    ['cpuset', 'cpu', { cpus: '0' }, ['cpuset.cpus', '0'], ['cpuset.cpus', '0']],
  ];
  test.for(table)('%s: %s %j', async ([controller, property, value, legacy, unified], { lab, skip }) => {
    const at = inV2.has(controller) ? cgroupMount : legacyMount(controller);
    skip(at === undefined, `this machine has no ${controller} controller`);
    skip(
      !inV2.has(controller) && !existsSync(join(at ?? '', legacy[0])) && legacy[0] !== 'cpuset.cpus',
      `no ${legacy[0]} here`,
    );
    const container = await lab.started([set(`linux.resources.${property}`, value), args('pause')]);
    await container.told('pause');
    expect(limit(container.pid, controller, legacy[0], unified[0])).toBe((inV2.has(controller) ? unified : legacy)[1]);
    (await container.delete('--force')).expectCode(0);
    expect(lab.leftovers()).toEqual([]);
  });

  test('one the kernel refuses names its property, and nothing is left', async ({ lab }) => {
    const { result } = await lab.tryCreate(
      lab.bundle(set('linux.resources.cpu', { cpus: '4000-4001' }), args('pause')),
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/cpus|cpuset/);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(lab.leftovers()).toEqual([]);
  });
});
