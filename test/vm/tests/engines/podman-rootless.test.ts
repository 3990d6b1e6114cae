/** Rootless podman with tsrun: a user's whole containers, from run to rm, and that nothing of them stays. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { cgroupOf, isAlive, mountsOf, processes, statusField, until } from '../../../e2e/harness/kernel.ts';
import { cgroupsNamed } from '../../../e2e/harness/lab.ts';
import { SUBORDINATE } from '../../../e2e/harness/rootless.ts';
import { expect, test } from '../../../e2e/harness/test.ts';
import { RootlessPodman } from '../../podman-rootless.ts';
import { startUserManager, stopUserManager, userCgroup, userId, userRuntimeDirectory } from '../../user.ts';

let podman: RootlessPodman;

/** The mounts of the machine, but for those of systemd's own that come when they are asked for. */
const mounts = (): string[] => mountsOf('self').map(({ target, type }) => `${target} ${type}`);

/** What stays while the user is logged in: their manager and bus, and the process by which podman keeps its namespaces. */
const staying = ['(sd-pam)', 'catatonit', 'dbus-daemon', 'systemd'];

/** The other processes of the user and of their ids, by name. */
const processesOfUser = (): string[] =>
  processes()
    .filter((pid) => isAlive(pid))
    .flatMap((pid) => {
      try {
        const uid = Number(statusField(pid, 'Uid').split(/\s/)[0]);
        const theirs = uid === userId || (uid >= SUBORDINATE.first && uid < SUBORDINATE.first + SUBORDINATE.size);
        return theirs ? [statusField(pid, 'Name')] : [];
      } catch {
        return []; // it ended meanwhile
      }
    })
    .filter((name) => !staying.includes(name));

/** What tsrun keeps, but for its cache of filters. */
const states = (): string[] => {
  const root = join(userRuntimeDirectory, 'tsrun');
  return existsSync(root) ? readdirSync(root).filter((name) => name !== '@seccomp') : [];
};

const read = (cgroup: string, file: string): string => readFileSync(`/sys/fs/cgroup${cgroup}/${file}`, 'utf8').trim();

let mountsBefore: string[];

beforeAll(async () => {
  spawnSync('modprobe', ['tun']);
  // As udev has it.
  chmodSync('/dev/net/tun', 0o666);
  startUserManager();
  mountsBefore = mounts();
  podman = await RootlessPodman.prepare();
}, 300_000);

afterAll(async () => {
  await podman.close();
  stopUserManager();
}, 300_000);

describe.sequential('rootless podman', () => {
  test('run: root of the container is the user, and so are its files', async () => {
    const [shared, closed] = [podman.directory('shared'), podman.directory('closed')];
    writeFileSync(join(shared, 'given'), 'given\n');
    chownSync(join(shared, 'given'), userId, userId);
    const script = [
      'id -u; id -g; cat /proc/self/uid_map; cat /proc/self/cgroup; hostname; pwd; echo $NAME; cat /shared/given',
      'echo made > /shared/made; touch /shared/theirs; chown 33:34 /shared/theirs; stat -c %u:%g /shared/given',
      'touch /closed/x 2>/dev/null || echo closed; touch /scratch/x && echo scratch; touch /x && echo root',
      'cat /proc/self/oom_score_adj; grep -c . /proc/net/dev; exit 7',
    ].join('; ');
    const options = [
      ...['run', '--rm', '--network', 'none', '--hostname', 'inside', '--workdir', '/tmp', '--env', 'NAME=value'],
      ...['--volume', `${shared}:/shared`, '--volume', `${closed}:/closed:ro`, '--tmpfs', '/scratch'],
    ];
    const result = await podman.run(...options, 'bb', 'sh', '-c', script);
    expect(result.stderr).toBe('');
    expect(result.code).toBe(7);
    const lines = result.stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().replaceAll(/\s+/g, ' '));
    expect(lines).toEqual([
      ...[
        '0',
        '0',
        `0 ${userId} 1`,
        `1 ${SUBORDINATE.first} ${SUBORDINATE.size}`,
        '0::/',
        'inside',
        '/tmp',
        'value',
        'given',
      ],
      ...['0:0', 'closed', 'scratch', 'root', '0', '3'],
    ]);
    expect(readFileSync(join(shared, 'made'), 'utf8')).toBe('made\n');
    const owners = ['made', 'theirs'].map((name) => statSync(join(shared, name))).map(({ uid, gid }) => [uid, gid]);
    expect(owners).toEqual([
      [userId, userId],
      [SUBORDINATE.first + 32, SUBORDINATE.first + 33],
    ]);
    expect(states()).toEqual([]);
  });

  test('run: what cannot be run has the exit status of a shell', async () => {
    const missing = await podman.run('run', '--rm', '--network', 'none', 'bb', '/no/such/program');
    expect(missing.code).toBe(127);
    expect(missing.stderr).toContain('/no/such/program');
    const closed = await podman.run('run', '--rm', '--network', 'none', 'bb', '/etc/passwd');
    expect(closed.code).toBe(126);
    expect(states()).toEqual([]);
  });

  test('a container that goes on: limits, exec, a terminal, pause, stop, rm', async () => {
    const id = await podman.told(
      ...['run', '--detach', '--name', 'life', '--network', 'none'],
      ...['--memory', '48m', '--memory-swap', '64m', '--memory-reservation', '16m', '--pids-limit', '33'],
      ...['--cpus', '0.5', '--cpu-shares', '512', 'bb'],
      ...['sh', '-c', 'trap "echo told; exit 3" TERM; echo begun; while :; do sleep 0.1; done'],
    );
    const [pid, runtime, path] = (
      await podman.told('inspect', '--format', '{{.State.Pid}} {{.OCIRuntime}} {{.State.CgroupPath}}', 'life')
    ).split(' ');
    expect(runtime).toBe('tsrun');
    expect(states()).toEqual([id]);
    // Limits, in the part of the tree that the system's manager delegated to the user's.
    const cgroup = cgroupOf(Number(pid));
    expect(cgroup).toBe(path);
    expect(cgroup).toMatch(new RegExp(`^${userCgroup}/user\\.slice/libpod-${id}\\.scope`));
    const limits = ['memory.max', 'memory.swap.max', 'memory.low', 'pids.max', 'cpu.max', 'cpu.weight'];
    expect(limits.map((file) => read(cgroup, file))).toEqual([
      ...[String(48 << 20), String(16 << 20), String(16 << 20), '33', '50000 100000', '59'],
    ]);
    expect(statusField(Number(pid), 'Uid').split(/\s+/)[0]).toBe(String(userId));

    const exec = await podman.run(
      ...['exec', '--user', '33:34', '--workdir', '/tmp', '--env', 'A=b', 'life'],
      ...['sh', '-c', 'id -u; id -g; pwd; echo $A; cat /proc/self/cgroup; cat /sys/fs/cgroup/memory.max; exit 5'],
    );
    expect([exec.stdout.split('\n').slice(0, -1), exec.stderr]).toEqual([
      ['33', '34', '/tmp', 'b', '0::/', String(48 << 20)],
      '',
    ]);
    expect(exec.code).toBe(5);

    const terminal = podman.at(30, 90, 'exec', '--interactive', '--tty', 'life', 'sh');
    try {
      terminal.type('tty; stty size; read word; echo "<$word>"; exit 9\n');
      await terminal.said('/dev/pts/0\n');
      await terminal.said('30 90\n');
      terminal.type('typed\n');
      await terminal.said('<typed>\n');
      expect(await terminal.ended()).toBe(9);
    } finally {
      await terminal.close();
    }

    (await podman.run('pause', 'life')).expectCode(0);
    expect(read(cgroup, 'cgroup.freeze')).toBe('1');
    expect(await podman.told('inspect', '--format', '{{.State.Status}}', 'life')).toBe('paused');
    (await podman.run('unpause', 'life')).expectCode(0);
    expect(read(cgroup, 'cgroup.freeze')).toBe('0');

    (await podman.run('stop', '--time', '30', 'life')).expectCode(0);
    expect(await podman.told('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'life')).toBe('exited 3');
    expect(await podman.told('logs', 'life')).toBe('begun\ntold');
    expect(isAlive(Number(pid))).toBe(false);
    expect(await podman.told('rm', 'life')).toBe('life');
    expect([states(), cgroupsNamed(id)]).toEqual([[], []]);
  });

  test('a limit that is not delegated to the user is refused, with what to do', async () => {
    const result = await podman.run('run', '--rm', '--network', 'none', '--cpuset-cpus', '0', 'bb', 'true');
    expect(result.code).not.toBe(0);
    expect(result.stderr).toMatch(
      /linux\.resources\.cpu\.cpus.*\(cpuset\).*not delegated.*Delegate=cpuset of the unit above it/,
    );
    expect(states()).toEqual([]);
  });

  test('--userns keep-id: the user inside is the user outside', async () => {
    const mine = podman.directory('mine');
    const script = 'id -u; id -g; cat /proc/self/uid_map; touch /mine/made; stat -c %u:%g /mine /mine/made /etc/passwd';
    const result = await podman.run(
      ...['run', '--rm', '--network', 'none', '--userns', 'keep-id', '--volume', `${mine}:/mine`],
      ...['--volume', 'named:/named', 'bb', 'sh', '-c', script],
    );
    expect([result.code, result.stderr]).toEqual([0, '']);
    const own = `${userId}:${userId}`;
    expect(
      result.stdout
        .trim()
        .split('\n')
        .map((line) => line.trim().replaceAll(/\s+/g, ' ')),
    ).toEqual([
      ...[String(userId), String(userId)],
      // Ids of the namespace that podman is root of: "become root, then back to oneself".
      ...[`0 1 ${userId}`, `${userId} 0 1`, `${userId + 1} ${userId + 1} ${SUBORDINATE.size - userId}`],
      ...[own, own, '0:0'],
    ]);
    const { uid, gid } = statSync(join(mine, 'made'));
    expect([uid, gid]).toEqual([userId, userId]);
    expect(await podman.told('volume', 'rm', 'named')).toBe('named');
  });

  test('slirp4netns: a server on the machine’s loopback is reached, and one inside from there', async () => {
    const server: Server = createServer((_, response) => response.end('from outside\n'));
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    const { port } = server.address() as AddressInfo;
    try {
      const script = `wget -q -O - http://10.0.2.2:${port}/; mkdir /www; echo inside > /www/index.html; exec httpd -f -p 8080 -h /www`;
      await podman.told(
        ...['run', '--detach', '--name', 'web', '--network', 'slirp4netns:allow_host_loopback=true'],
        ...['--publish', '127.0.0.1:18080:8080', 'bb', 'sh', '-c', script],
      );
      const answer = async (): Promise<string> => {
        try {
          return await (await fetch('http://127.0.0.1:18080/')).text();
        } catch {
          return ''; // it does not listen yet
        }
      };
      await until('the server inside answers', async () => (await answer()) === 'inside\n', 30);
      expect(await podman.told('logs', 'web')).toBe('from outside');
      const other = await podman.run(
        'run',
        '--rm',
        '--network',
        'container:web',
        'bb',
        'wget',
        '-q',
        '-O',
        '-',
        'http://127.0.0.1:8080/',
      );
      expect([other.code, other.stdout]).toEqual([0, 'inside\n']);
    } finally {
      await podman.run('rm', '--force', '--time', '0', 'web');
      await new Promise((closed) => server.close(closed));
    }
  });

  test('kill, and the status of a signal', async () => {
    const id = await podman.told('run', '--detach', '--name', 'killed', '--network', 'none', 'bb', 'sleep', '1000');
    (await podman.run('kill', '--signal', 'KILL', 'killed')).expectCode(0);
    expect(await podman.told('wait', 'killed')).toBe('137');
    (await podman.run('rm', 'killed')).expectCode(0);
    expect([states(), cgroupsNamed(id)]).toEqual([[], []]);
  });

  test('nothing is left: mounts, cgroups, units, processes, state', async () => {
    expect(await podman.told('ps', '--all', '--quiet')).toBe('');
    expect(states()).toEqual([]);
    expect(mounts()).toEqual(mountsBefore);
    expect(cgroupsNamed('libpod-')).toEqual([]);
    const units = await podman.call([
      'systemctl',
      '--user',
      'list-units',
      '--all',
      '--plain',
      '--no-legend',
      'libpod-*',
    ]);
    expect(units.expectCode(0).stdout).toBe('');
    await expect.poll(processesOfUser, { timeout: 40_000 }).toEqual([]);
  });
});
