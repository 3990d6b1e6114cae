/** Docker with tsrun for its only runtime, user namespaces, cgroupfs, and containers that outlive the daemon. */
import { chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { Docker } from './harness/docker.ts';
import { limitsOf } from './harness/engine-limits.ts';
import { cgroupOf, isAlive, statusField, until } from './harness/kernel.ts';
import { patience } from './harness/places.ts';
import { expect, test } from './harness/test.ts';

/** The first of the ids that belong to the user `vm`, of the box (engines.sh) and of the guest. */
const first = 100_000;

/** Milliseconds for a test: many commands, each of some seconds where the machine is slow. */
const timeout = 100_000 * patience;

let docker: Docker;

const lines = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().replaceAll(/\s+/g, ' '));

describe.sequential('a daemon whose default is tsrun', { timeout }, () => {
  beforeAll(async () => {
    docker = await Docker.prepare({
      'default-runtime': 'tsrun',
      'userns-remap': 'vm',
      'exec-opts': ['native.cgroupdriver=cgroupfs'],
      'live-restore': true,
    });
  }, 300_000);

  afterAll(() => docker.close(), 300_000);

  test('knows its version and what it can do', async () => {
    const format = '{{.DefaultRuntime}} {{.CgroupDriver}} {{.CgroupVersion}} {{.RuncCommit.ID}} {{.SecurityOptions}}';
    const told = await docker.told('info', '--format', format);
    expect(told).toMatch(/^tsrun cgroupfs [12] \S+ .*name=userns/);
    expect(docker.log).not.toMatch(/level=(warning|error).*(tsrun|runc)/);
  });

  test('root of a container is nobody of the machine, also in files and volumes', async () => {
    const shared = docker.path('shared');
    chownSync(shared, first, first);
    const script = [
      'id -u; cat /proc/self/uid_map; echo x > /shared/made; chown 33:34 /shared/made; stat -c %u:%g /shared /named /etc/passwd',
      'touch /sys/fs/cgroup/x 2>/dev/null || echo closed; mount -t tmpfs none /data 2>/dev/null || echo denied',
    ].join('; ');
    const volumes = ['--volume', `${shared}:/shared`, '--volume', 'named:/named'];
    const said = await docker.told(
      ...['run', '--rm', '--network', 'none', '--user', '0', ...volumes, 'bb', 'sh', '-c', script],
    );
    expect(lines(said)).toEqual([...['0', `0 ${first} 65536`, '0:0', '0:0', '0:0', 'closed', 'denied']]);
    const { uid, gid } = statSync(join(shared, 'made'));
    expect([uid, gid]).toEqual([first + 33, first + 34]);
    expect(await docker.told('volume', 'rm', 'named')).toBe('named');
  });

  test('a build of the old kind runs its steps by the default runtime', async () => {
    const context = docker.path('context');

    writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nRUN id -u > /made; cat /proc/self/uid_map >> /made\n');
    const line = ['build', '--network', 'none', '--no-cache', '--tag', 'made', context];
    (await docker.with({ DOCKER_BUILDKIT: '0' }, ...line)).expectCode(0);
    const said = await docker.told('run', '--rm', '--network', 'none', 'made', 'cat', '/made');
    expect(lines(said)).toEqual(['0', `0 ${first} 65536`]);
  });

  test('a daemon that is killed leaves the container, which the next one has and removes', async () => {
    const options = ['--detach', '--name', 'stays', '--network', 'none', '--memory', '48m', '--userns', 'host'];
    const id = await docker.told('run', ...options, 'bb', 'sleep', '1000');
    const pid = await docker.pid('stays');
    expect(cgroupOf(pid)).toBe(`/docker/${id}`);
    expect(limitsOf(pid)[0]).toMatch(new RegExp(` ${48 << 20}$`));
    await docker.end('SIGKILL');
    expect(isAlive(pid)).toBe(true);
    await docker.start();
    expect(await docker.pid('stays')).toBe(pid);
    expect(await docker.told('exec', 'stays', 'echo', 'inside')).toBe('inside');
    await docker.told('rm', '--force', 'stays');
    expect(isAlive(pid)).toBe(false);
    await until('nothing is left', () => docker.left(id).length === 0);
  });

  test('exec in a container of another user namespace', async () => {
    await docker.told('run', '--detach', '--name', 'mapped', '--network', 'none', 'bb', 'sleep', '1000');
    const pid = await docker.pid('mapped');
    expect(statusField(pid, 'Uid').split(/\s+/)[0]).toBe(String(first));
    const script = 'id -u; cat /proc/self/uid_map; grep CapEff /proc/self/status; exit 5';
    const exec = await docker.run('exec', '--user', '33', 'mapped', 'sh', '-c', script);
    expect(lines(exec.expectCode(5).stdout)).toEqual(['33', `0 ${first} 65536`, 'CapEff: 0000000000000000']);
    await docker.told('stop', '--time', '0', 'mapped');
    expect((await docker.inspect('mapped')).State.ExitCode).toBe(137);
    await docker.told('rm', 'mapped');
  });
});
