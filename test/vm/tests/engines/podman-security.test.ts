/** `--security-opt` and user namespaces of root's podman: what a process sees, with tsrun as with crun. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Podman, patiently, useEngines } from '../../podman.ts';
import { common, commonly, everything, type Facts, factsOf } from '../../podman-facts.ts';

const engines = useEngines();

const told = async (podman: Podman, ...options: string[]): Promise<Facts> =>
  factsOf(await podman.sh(['--hostname', 'facts', ...options], everything), podman.dir);

describe('--security-opt', patiently, () => {
  test('seccomp=unconfined, mask and unmask of some paths', async () => {
    const facts = await engines.alike(
      (podman) =>
        told(
          podman,
          ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'mask=/data:/etc/passwd:/proc/meminfo'],
          ...['--security-opt', 'unmask=/proc/timer_list:/proc/sys:/sys/firmware'],
        ),
      [...commonly, { of: /^(?:mount|flags) \/data$/, because: 'it is one more that is hidden' }],
    );
    expect(facts).toMatchObject({
      code: '0',
      stderr: '',
      'status Seccomp': '0',
      'file /proc/kcore': 'crw-rw-rw- 0:0 1:3',
    });
    expect(facts['file /proc/timer_list']).toMatch(/^-r/);
    expect(facts).toMatchObject({
      'flags /data': expect.stringMatching(/^ro,/),
      'flags /proc/acpi': expect.anything(),
    });
    expect(Object.keys(facts)).not.toContain('mount /sys/firmware');
    expect(Object.keys(facts)).not.toContain('mount /proc/sys');
  });

  test('seccomp of a file, no-new-privileges', async () => {
    const facts = await engines.alike((podman) => {
      const file = join(podman.directory('profile'), 'seccomp.json');
      const denied = { names: ['mkdir', 'mkdirat', 'unshare'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 };
      writeFileSync(file, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [denied] }));
      return told(podman, '--security-opt', `seccomp=${file}`, '--security-opt', 'no-new-privileges');
    }, commonly);
    expect(facts).toMatchObject({ code: '0', stderr: '', 'status NoNewPrivs': '1', 'status Seccomp': '2' });
    expect(facts.calls).toMatch(/mkdir: can't create directory '\/tmp\/m': Operation not supported/);
  });

  test('unmask=ALL, label=disable, proc-opts', async () => {
    const facts = await engines.alike(
      (podman) => {
        const options = ['unmask=ALL', 'label=disable', 'proc-opts=hidepid=2'];
        return told(podman, ...options.flatMap((text) => ['--security-opt', text]));
      },
      [common.binds, common.sysfs, common.cgroupSource, common.core],
    );
    expect(facts).toMatchObject({ code: '0', stderr: '' });
    expect(facts['mount /proc']).toMatch(/hidepid=/);
    expect(Object.keys(facts).filter((name) => name.startsWith('mount /proc/'))).toEqual([]);
  });
});

describe('a user namespace', patiently, () => {
  const { binds: _, ...here } = common;
  const differing = [
    ...Object.values(here),
    {
      of: /^cgroup (?:\.|cgroup\.procs)$/,
      because:
        'config-linux.md, "Cgroup ownership": changed if and only if the cgroup file system is mounted read/write',
    },
    { of: /^flags \/dev\/.*$/, because: 'a device is bound with the flags that it has: crun adds noexec' },
  ];
  test('--uidmap and --gidmap', async () => {
    const facts = await engines.alike(async (podman) => {
      const volume = podman.directory('mapped');
      const maps = ['--uidmap', '0:100000:5000', '--gidmap', '0:200000:6000'];
      return told(podman, ...maps, '--volume', `${volume}:/mapped`, '--tmpfs', '/scratch');
    }, differing);
    expect(facts).toMatchObject({ code: '0', stderr: '', 'status Uid': '0\t0\t0\t0' });
    expect(
      facts.maps
        ?.split(/\s+/)
        .filter((word) => word !== '')
        .join(' '),
    ).toBe('0 100000 5000 0 200000 6000 allow');
  });

  test('--userns auto, and keep-id, which is for users without privileges', async () => {
    for (const name of ['uid', 'gid']) appendFileSync(`/etc/sub${name}`, 'containers:2147483647:2147483648\n');
    const facts = await engines.alike(async (podman): Promise<Facts> => {
      const facts = await told(podman, '--userns', 'auto:size=2048', '--user', '1234:1235');
      const keepId = await podman.sh(['--userns', 'keep-id'], 'true');
      return { ...facts, keepId: `${keepId.code} ${keepId.stderr}` };
    }, differing);
    expect(facts).toMatchObject({ code: '0', stderr: '', 'status Uid': '1234\t1234\t1234\t1234' });
    expect(facts.maps).toMatch(/^\s+0\s+\d+\s+2048\n/);
    expect(facts.keepId).toMatch(/^125 .*keep-id/);
  });
});
