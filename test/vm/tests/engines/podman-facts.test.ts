/** What a process sees inside of root's podman containers, with tsrun as with crun, fact by fact. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Podman, patiently, useEngines } from '../../podman.ts';
import { common, commonly, everything, type Facts, factsOf, hostCgroups } from '../../podman-facts.ts';

const engines = useEngines();

const told = async (podman: Podman, ...options: string[]): Promise<Facts> =>
  factsOf(await podman.sh(['--hostname', 'facts', ...options], everything), podman.dir);

describe('facts', patiently, () => {
  test('of a container without options, and what inspect has to say of it', async () => {
    const facts = await engines.alike(async (podman) => {
      const name = ['--name', 'plain', '--hostname', 'facts', '--network', 'none'];
      const run = await podman.do('run', ...name, 'bb', 'sh', '-c', `${everything}; exit 3`);
      const fields = ['State.Status', 'State.ExitCode', 'State.OOMKilled', 'State.Error', 'Driver', 'MountLabel'];
      const more = ['ProcessLabel', 'AppArmorProfile', 'EffectiveCaps', 'BoundingCaps', 'RestartCount', 'Mounts'];
      const config = ['HostConfig.Runtime', 'HostConfig.CgroupMode', 'HostConfig.Ulimits'];
      const template = [...fields, ...more, ...config].map((field) => `{{json .${field}}}`).join('\n');
      return { ...factsOf(run, podman.dir), inspected: await podman.inspect('plain', template) };
    }, commonly);
    expect(facts).toMatchObject({ code: '3', stderr: '', 'status Seccomp': '2', 'status CapEff': '00000000a80425fb' });
    expect(facts).toMatchObject({ 'status SigIgn': '0000000000000000', 'cgroup 0': '/', 'cgroup pids.max': '2048' });
    expect(facts).toMatchObject({ 'write /x': 'written', mknod: 'head: /tmp/d: Operation not permitted\n0\n1' });
    const restricted = 'ro,nosuid,nodev,noexec,relatime';
    expect(facts).toMatchObject({ 'flags /proc/sys': restricted, 'flags /sys/firmware': restricted });
    expect(facts.inspected).toMatch(/^"exited"\n3\nfalse\n""\n/);
  });

  test('of a container with many options', async () => {
    const { binds: _, ...here } = common;
    const nullOwner = {
      of: /^device null$/,
      because:
        'a device stays root’s, as with runc: crun gives its user what standard input is, of all containers’ kind',
    };
    const differing = [...Object.values(here), nullOwner];
    const facts = await engines.alike(async (podman) => {
      const given = podman.directory('given');
      writeFileSync(join(given, 'file'), 'given\n');
      const user = ['--user', '1234:5678', '--group-add', '77', '--workdir', '/data', '--umask', '0027'];
      const caps = ['NET_ADMIN', 'SYS_TIME'].flatMap((name) => ['--cap-add', name]);
      const drops = ['MKNOD', 'CHOWN'].flatMap((name) => ['--cap-drop', name]);
      const limits = ['--ulimit', 'nofile=333:444', '--ulimit', 'core=0', '--oom-score-adj', '500'];
      const sysctls = ['net.ipv4.ip_unprivileged_port_start=77', 'kernel.msgmax=10000'];
      const mounts = [
        ...['--read-only', '--tmpfs', '/scratch:rw,size=1m,mode=1770,noexec', '--shm-size', '2m'],
        ...['--volume', `${given}:/given:ro,nosuid,nodev,noexec,rslave`, '--volume', 'named:/named'],
        ...['--mount', `type=bind,src=${join(given, 'file')},target=/etc/given,ro=true,bind-propagation=private`],
        ...['--mount', 'type=tmpfs,target=/second,tmpfs-size=2m,tmpfs-mode=0750'],
        ...['--device', '/dev/vda:/dev/given:r', '--device', '/dev/full', '--init', '--env', 'GIVEN=a value'],
      ];
      const rest = sysctls.flatMap((text) => ['--sysctl', text]);
      return told(podman, ...user, ...caps, ...drops, ...limits, ...rest, ...mounts);
    }, differing);
    expect(facts).toMatchObject({ code: '0', stderr: '', 'status Groups': '77 5678', 'status Umask': '0027' });
    expect(facts).toMatchObject({ 'status CapEff': '0000000002001000', 'limit Max open files': '333 444 files' });
    expect(facts).toMatchObject({ 'sysctl kernel/msgmax': '10000', 'env GIVEN': 'a value', 'flags /': 'ro,relatime' });
    expect(facts).toMatchObject({ 'device given': 'brw------- 0:0 fe:0', 'device null': 'crw-rw-rw- 0:0 1:3' });
    expect(facts['flags /given']).toBe('ro,nosuid,nodev,noexec,relatime,master');
    expect(facts.process).toMatch(/^uid=1234.*\n\/data\n0027\npodman-init\nfacts\n/);
  });

  test('--privileged', async () => {
    const facts = await engines.alike(
      (podman) => told(podman, '--privileged'),
      [...[common.binds, common.cgroupSource, common.core]],
    );
    expect(facts).toMatchObject({ code: '0', stderr: '', 'status CapEff': '000001ffffffffff', 'status Seccomp': '0' });
    expect(facts).toMatchObject({ 'flags /sys/fs/cgroup': expect.stringMatching(/^rw,/) });
  });

  test('in the namespaces of the host', async () => {
    const subgroup = {
      of: /^cgroup 0$/,
      because: 'crun puts it into one more below, whose name is that of its own annotation run.oci.systemd.subgroup',
    };
    const { sysfs: _sysfs, cgroupSource: _source, ...here } = common;
    const facts = await engines.alike(
      async (podman) => {
        const options = ['pid', 'ipc', 'uts', 'network', 'cgroupns'].map((name) => `--${name}=host`);
        return factsOf(await podman.do('run', '--rm', ...options, 'bb', 'sh', '-c', everything), podman.dir);
      },
      [...Object.values(here), hostCgroups, subgroup],
    );
    // What crun has changed for the whole machine, see above.
    execFileSync('mount', ['-o', 'remount,nsdelegate,memory_recursiveprot', '/sys/fs/cgroup']);
    expect(facts).toMatchObject({ code: '0', stderr: '' });
    expect(facts['cgroup 0']).toBe('/machine.slice/libpod-ID.scope');
    expect(facts['mount /sys/fs/cgroup']).toMatch(/^cgroup2 cgroup2 \/machine.slice\/libpod-ID.scope /);
  });

  test('in the namespaces of another container', async () => {
    const facts = await engines.alike(async (podman) => {
      await podman.detached('first', ['--ipc', 'shareable', '--hostname', 'first'], 'exec sleep 1000');
      const options = ['pid', 'ipc', 'network', 'uts'].map((name) => `--${name}=container:first`);
      return factsOf(await podman.do('run', '--rm', ...options, 'bb', 'sh', '-c', everything), podman.dir);
    }, commonly);
    expect(facts).toMatchObject({ code: '0', stderr: '', process: expect.stringMatching(/\nsleep\nfirst\n/) });
  });
});
