/** Limits and cgroups of root's podman, with both of its cgroup managers: what is set, with tsrun as with crun. */
import { describe, expect, test } from 'vitest';
import { patiently, useEngines } from '../../podman.ts';
import { commonly, everything, type Facts, factsOf, hostCgroups } from '../../podman-facts.ts';

const engines = useEngines();

const limits = [
  ...['--memory', '64m', '--memory-swap', '96m', '--memory-reservation', '32m', '--pids-limit', '77'],
  ...['--cpus', '0.5', '--cpu-shares', '512', '--cpuset-cpus', '1', '--cpuset-mems', '0', '--blkio-weight', '300'],
  ...['--device-write-bps', '/dev/vda:1mb'],
];

/** 512 shares. */
const weight = {
  of: /^cgroup cpu\.weight$/,
  because:
    'crun 1.8.1 still has the linear formula, by which 1024 shares are a weight of 39; runc and crun have left it',
};

describe('limits', patiently, () => {
  test.for(['systemd', 'cgroupfs'])('with %s', async (manager) => {
    const facts = await engines.alike(
      async (podman) => {
        const run = ['run', '--rm', '--network', 'none', '--hostname', 'facts', ...limits];
        const ended = await podman.do('--cgroup-manager', manager, ...run, 'bb', 'sh', '-c', everything);
        return factsOf(ended, podman.dir);
      },
      [...commonly, weight],
    );
    expect(facts).toMatchObject({
      ...{
        code: '0',
        stderr: '',
        'cgroup pids.max': '77',
        'cgroup cpu.max': '50000 100000',
        'cgroup cpuset.cpus': '1',
      },
      ...{
        'cgroup memory.max': `${64 << 20}`,
        'cgroup memory.swap.max': `${32 << 20}`,
        'cgroup memory.low': `${32 << 20}`,
      },
      ...{ 'cgroup cpu.weight': '59', 'status Cpus_allowed_list': '1', 'cgroup cpuset.mems': '0' },
      'cgroup io.max': expect.stringMatching(/ wbps 1048576 /),
    });
  });
});

describe('--cgroups', patiently, () => {
  const inCgroup = ['--hostname', 'facts', '--network', 'none', 'bb', 'sh', '-c', everything];
  test('disabled', async () => {
    const facts = await engines.alike(
      async (podman) => factsOf(await podman.do('run', '--rm', '--cgroups', 'disabled', ...inCgroup), podman.dir),
      commonly,
    );
    expect(facts).toMatchObject({ code: '0', stderr: '' });
  });

  test('split', async () => {
    const facts = await engines.alike(
      async (podman): Promise<Facts> => {
        const split = ['run', '--rm', '--cgroups', 'split', '--cgroupns', 'host', '--memory', '64m'];
        const ended = await podman.inScope(`split-${podman.runtime}.scope`, ...split, ...inCgroup);
        return factsOf({ ...ended, stdout: ended.stdout.replaceAll(`split-${podman.runtime}`, 'split') }, podman.dir);
      },
      [...commonly, hostCgroups],
    );
    expect(facts).toMatchObject({ code: '0', stderr: '', 'cgroup memory.max': `${64 << 20}` });
    expect(facts['cgroup 0']).toMatch(/\/split\.scope\/libpod-payload-ID$/);
  });
});
