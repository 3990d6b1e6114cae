/** Docker with tsrun beside runc: each act is done with both, and has to have the same result. */
import { existsSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { isV1 } from './harness/cgroups.ts';
import { shimOf } from './harness/containerd.ts';
import { Docker } from './harness/docker.ts';
import { isAllPowerful, isFrozen, limitsOf } from './harness/engine-limits.ts';
import { alike, alikeOnHost, maskedPaths, type RuntimeName } from './harness/engine-peers.ts';
import { cgroupOf, isAlive, until } from './harness/kernel.ts';
import { inGuest, patience } from './harness/places.ts';
import { expect, test } from './harness/test.ts';

/** Docker then has the service manager make the cgroups. */
const systemd = existsSync('/run/systemd/system');

/** Milliseconds for a test: many commands, each of some seconds where the machine is slow. */
const timeout = 100_000 * patience;

let docker: Docker;

beforeAll(async () => {
  docker = await Docker.prepare({});
}, 300_000);

afterAll(() => docker.close(), 300_000);

type Act<T> = (run: (...words: string[]) => string[], name: string) => Promise<T>;

/** Does something with a runtime: `run` makes the words of `docker run`. */
async function one<T>(runtime: RuntimeName, what: string, act: Act<T>): Promise<T> {
  const name = `${what}-${runtime}`;
  try {
    return await act((...words) => ['run', '--runtime', runtime, '--network', 'none', ...words], name);
  } finally {
    await docker.run('rm', '--force', '--volumes', name);
  }
}

/** {@link one} with each of the runtimes; what it returns has to be the same. */
const both = <T>(what: string, act: Act<T>): Promise<T> => alike((runtime) => one(runtime, what, act));

/** {@link both}, in the guest without runc. */
const bothOnHost = <T>(what: string, act: Act<T>): Promise<T> => alikeOnHost((runtime) => one(runtime, what, act));

const lines = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().replaceAll(/\s+/g, ' '));

/** Goes on until it is told to end. */
const waits = ['sh', '-c', 'trap "echo told; exit 3" TERM; echo begun; sleep 1000 & wait'];

/** An expression of awk's. What is bound read-only keeps the host's nosuid and nodev, which runc takes away from it. */
const flags = `$5 ~ "${maskedPaths}" ? "masked" : $5 ~ "^/(volume|etc/)" ? substr($6, 1, 2) : $6`;

/** Facts that tell much of a container; not /dev/core, which runc adds where the kernel has /proc/kcore, and no specification. */
const facts = [
  'id -u; id -g; id -G; pwd; hostname; echo $A; grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status',
  'cat /proc/self/oom_score_adj; ulimit -n; ulimit -u; ls /dev | grep -vx core; cat /proc/self/attr/current 2>/dev/null | tr -d "\\0"',
  // Where there is cgroup v1 runc shows a directory of its hierarchies, and tsrun version 2 alone.
  `awk '$5 != "/" { print $5, ${flags} }' /proc/self/mountinfo | grep -v ^/sys/fs/cgroup`,
].join('; ');

describe.sequential('docker run', { timeout }, () => {
  test('the daemon has no complaint about the runtime', async () => {
    expect(await docker.told('info', '--format', '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}')).toContain(
      'tsrun',
    );
    expect(docker.log).not.toMatch(/level=(warning|error).*tsrun/);
  });

  test('a container as it is by default', async () => {
    const said = await both('default', async (run) => {
      const result = await docker.run(...run('--rm', '--hostname', 'inside', 'bb', 'sh', '-c', `${facts}; exit 7`));
      expect(result.stderr).toBe('');
      return lines(result.expectCode(7).stdout);
    });
    expect(said).toEqual(expect.arrayContaining(['/', 'inside', 'Seccomp: 2', 'NoNewPrivs: 0']));
    expect(said).toContain('CapEff: 00000000a80425fb');
  });

  test('a container with much that can be asked for', async () => {
    const volume = docker.path('volume');
    writeFileSync(join(volume, 'given'), 'from outside\n');
    const said = await both('asked', async (run) => {
      const script = [
        facts,
        'cat /volume/given; touch /volume/x 2>/dev/null || echo closed; touch /x 2>/dev/null || echo readonly',
        'echo x > /tmp/made && cat /tmp/made; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; cat /proc/sys/kernel/msgmax',
        'df -m /dev/shm | tail -n 1; exit 8',
      ].join('; ');
      const options = [
        ...[
          '--rm',
          '--user',
          '33:34',
          '--group-add',
          '77',
          '--workdir',
          '/tmp',
          '--env',
          'A=b',
          '--hostname',
          'inside',
        ],
        ...['--volume', `${volume}:/volume:ro`, '--tmpfs', '/tmp:mode=1777,size=1m', '--read-only', '--shm-size', '3m'],
        ...['--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN', '--security-opt', 'no-new-privileges'],
        ...['--security-opt', 'seccomp=unconfined', '--ulimit', 'nofile=100:200', '--ulimit', 'nproc=300'],
        ...['--sysctl', 'net.ipv4.ip_unprivileged_port_start=80', '--sysctl', 'kernel.msgmax=9000'],
        ...['--device', '/dev/null:/dev/mine:r', '--oom-score-adj', '500', '--label', 'a=b'],
      ];
      return lines((await docker.run(...run(...options, 'bb', 'sh', '-c', script))).expectCode(8).stdout);
    });
    const asked = ['33', '34', '34 77', '/tmp', 'inside', 'b', 'from outside', 'closed', 'readonly', 'x', '80', '9000'];
    expect(said).toEqual(expect.arrayContaining(asked));
    expect(said).toEqual(expect.arrayContaining(['500', '100', '300', 'mine', 'Seccomp: 0', 'NoNewPrivs: 1']));
    expect(said).toContain('CapBnd: 0000000000001000');
  });

  // Without CAP_SYS_RESOURCE runc has no privileged containers.
  test.skipIf(!isAllPowerful)('privileged, in namespaces of the host', async () => {
    const said = await both('privileged', async (run) => {
      const options = ['--rm', '--privileged', '--pid', 'host', '--ipc', 'host', '--uts', 'host', '--cgroupns', 'host'];
      const script = `for n in cgroup ipc mnt pid uts; do readlink /proc/self/ns/$n; done; ${facts}; mount -t tmpfs none /data && echo mounted`;
      const [cgroup, ipc, mnt, pid, uts, ...rest] = lines(
        (await docker.run(...run(...options, 'bb', 'sh', '-c', script))).expectCode(0).stdout,
      );
      expect(mnt).toMatch(/^mnt:/);
      return [cgroup, ipc, pid, uts, ...rest];
    });
    expect(said).toEqual(expect.arrayContaining(['Seccomp: 0', 'mounted', hostname(), 'vda']));
  });

  test('limits', async () => {
    const values = await bothOnHost('limits', async (run, name) => {
      const options = [
        '--detach',
        '--name',
        name,
        '--memory',
        '48m',
        '--memory-swap',
        '64m',
        '--memory-reservation',
        '16m',
      ];
      options.push('--pids-limit', '33', '--cpus', '0.5', '--cpu-shares', '512', '--cpuset-cpus', '0');
      const id = await docker.told(...run(...options, 'bb', ...waits));
      const pid = await docker.pid(name);
      expect(cgroupOf(pid)).toBe(systemd ? `/system.slice/docker-${id}.scope` : `/docker/${id}`);
      const before = limitsOf(pid);
      const memory = ['--memory', '96m', '--memory-swap', '128m'];
      await docker.told('update', ...memory, '--pids-limit', '44', '--cpus', '0.3', name);
      const after = limitsOf(pid);
      const files = isV1('memory') ? [] : ['memory.max', 'memory.swap.max', 'pids.max', 'cpu.max', 'cpuset.cpus'];
      const inside =
        files.length === 0 ? '' : await docker.told('exec', '--workdir', '/sys/fs/cgroup', name, 'cat', ...files);
      const stats = await docker.told('stats', '--no-stream', '--format', '{{.MemUsage}}', name);
      return { before, after, inside, stats: stats.replace(/^\S+ \/ /, '') };
    });
    const [less, more] = isV1('memory')
      ? [[`memory.limit_in_bytes ${48 << 20}`], [`memory.limit_in_bytes ${96 << 20}`]]
      : [
          [`memory.max ${48 << 20}`, `memory.swap.max ${16 << 20}`, `memory.low ${16 << 20}`, 'cpu.max 50000 100000'],
          [`memory.max ${96 << 20}`, `memory.swap.max ${32 << 20}`, `memory.low ${16 << 20}`, 'cpu.max 30000 100000'],
        ];
    expect(values.before).toEqual(expect.arrayContaining([...less, 'pids.max 33', 'cpuset.cpus 0']));
    expect(values.after).toEqual(expect.arrayContaining([...more, 'pids.max 44', 'cpuset.cpus 0']));
    if (!isV1('memory'))
      expect(lines(values.inside)).toEqual([`${96 << 20}`, `${32 << 20}`, '44', '30000 100000', '0']);
    expect(values.stats).toBe('96MiB');
  });

  test('the exit statuses', async () => {
    const codes = await bothOnHost('codes', async (run) => {
      const of = async (...words: string[]): Promise<number> => (await docker.run(...run('--rm', ...words))).code;
      return [
        await of('bb', '/no/such'),
        await of('bb', '/etc/passwd'),
        await of('bb', 'sh', '-c', 'exit 200'),
        await of('--memory', '16m', 'bb', 'sh', '-c', 'x=0123456789abcdef; while :; do x=$x$x; done'),
        await of('--volume', '/etc/passwd:/etc', 'bb', 'true'),
        await of('--sysctl', 'kernel.nonsense=1', 'bb', 'true'),
      ];
    });
    expect(codes).toEqual([127, 126, 200, 137, 125, 125]);
  });
});

describe.sequential('a container that goes on', { timeout }, () => {
  test('its whole life: exec, top, pause, logs, stop, start, kill, restart, wait, rm', async () => {
    const seen = await bothOnHost('life', async (run, name) => {
      const id = await docker.told(...run('--detach', '--name', name, '--env', 'A=b', 'bb', ...waits));
      const pid = await docker.pid(name);
      const exec = ['exec', '--user', '33:34', '--workdir', '/tmp', '--env', 'B=c', name, 'sh', '-c'];
      const script = 'id -u; id -g; pwd; echo $A$B; echo failed >&2; exit 5';
      const inside = await docker.run(...exec, script);
      const all = isAllPowerful ? ['--privileged'] : [];
      const privileged = await docker.told('exec', ...all, name, 'grep', 'CapEff', '/proc/self/status');
      await docker.told('exec', '--detach', name, 'sh', '-c', 'echo done > /tmp/mark; exec tail -f /dev/null');
      await docker.told('exec', name, 'sh', '-c', 'until grep done /tmp/mark 2>/dev/null; do sleep 0.1; done');
      const top = lines(await docker.told('top', name, '-o', 'pid,comm'))
        .map((line) => line.replace(/^\d+ /, ''))
        .toSorted();
      const codes = [
        (await docker.run('exec', name, '/no/such')).code,
        (await docker.run('exec', name, '/etc/passwd')).code,
        (await docker.run('exec', name, 'sh', '-c', 'kill -9 $$')).code,
      ];

      await docker.told('pause', name);
      const paused = [await docker.state(name), isFrozen(pid)];
      await docker.told('unpause', name);
      const unpaused = [await docker.state(name), isFrozen(pid)];

      await docker.told('stop', '--time', '100', name);
      const stopped = [await docker.state(name), isAlive(pid), docker.left(id)];
      await docker.told('start', name);
      await docker.told('kill', '--signal', 'KILL', name);
      const killed = await docker.told('wait', name);
      await docker.told('restart', name);
      const again = await docker.state(name);
      await docker.told('rm', '--force', name);
      const removed = docker.left(id);
      return {
        ...{ inside: [inside.code, inside.stdout, inside.stderr], privileged, top, codes, paused, unpaused },
        ...{ stopped, killed, again, removed },
      };
    });
    expect(seen).toEqual({
      inside: [5, '33\n34\n/tmp\nbc\n', 'failed\n'],
      // All that Docker knows, which may be fewer than the kernel has.
      privileged: isAllPowerful ? expect.stringMatching(/\t0+[137]?f{9,}$/) : 'CapEff:\t00000000a80425fb',
      top: ['PID COMMAND', 'sh', 'sleep', 'tail'],
      codes: [126, 126, 137],
      paused: ['paused 0 false', true],
      unpaused: ['running 0 false', false],
      stopped: ['exited 3 false', false, []],
      killed: '137',
      again: 'running 0 false',
      removed: [],
    });
  });

  test('at a terminal, with an init, attached to again, and its log', async () => {
    const seen = await bothOnHost('terminal', async (run, name) => {
      const sized = 'sized() { until [ "$(stty size 2>/dev/null)" = "$1" ]; do sleep 0.1; done; echo "$1"; }';
      const script = `${sized}; sized "30 90"; tty; cat /proc/1/comm; read word; echo "<$word>"; sized "20 70"; read word; exit 4`;
      const line = run('--name', name, '--interactive', '--tty', '--init', 'bb', 'sh', '-c', script);
      const terminal = docker.at(30, 90, ...line);
      try {
        await terminal.said('30 90\n/dev/pts/0\ndocker-init\n');
        terminal.type('typed\n');
        await terminal.said('<typed>\n');
        terminal.resize(20, 70);
        await terminal.said('20 70\n');
        // The keys that leave it alone: Ctrl-P, Ctrl-Q.
        terminal.type('\x10\x11');
        expect(await terminal.ended()).toBe(0);
      } finally {
        await terminal.close();
      }
      const second = docker.at(20, 70, 'attach', name);
      try {
        expect(await docker.inspect(name)).toMatchObject({ ExecIDs: null, State: { Status: 'running' } });
        second.type('more\n');
        await second.said('more\n');
        expect(await second.ended()).toBe(4);
      } finally {
        await second.close();
      }
      return (await docker.told('logs', name)).replaceAll('\r', '');
    });
    expect(seen).toBe('30 90\n/dev/pts/0\ndocker-init\ntyped\n<typed>\n20 70\nmore');
  });

  test('exec at a terminal', async () => {
    const codes = await bothOnHost('inner', async (run, name) => {
      await docker.told(...run('--detach', '--name', name, 'bb', ...waits));
      const script =
        'until [ "$(stty size 2>/dev/null)" = "30 90" ]; do sleep 0.1; done; tty; read word; echo "<$word>"; exit 9';
      const terminal = docker.at(30, 90, 'exec', '--interactive', '--tty', name, 'sh', '-c', script);
      try {
        await terminal.said('/dev/pts/0\n');
        terminal.type('typed\n');
        await terminal.said('<typed>\n');
        return await terminal.ended();
      } finally {
        await terminal.close();
      }
    });
    expect(codes).toBe(9);
  });

  test('namespaces of another, a health check, and what is killed with its shim', async () => {
    const seen = await bothOnHost('shared', async (run, name) => {
      const check = ['--health-cmd', 'test -e /data', '--health-interval', '1s'];
      const id = await docker.told(...run('--detach', '--name', name, '--ipc', 'shareable', ...check, 'bb', ...waits));
      const line = ['run', '--rm', '--runtime', name.replace('shared-', '')];
      const joined = ['network', 'pid', 'ipc'].flatMap((kind) => [`--${kind}`, `container:${name}`]);
      const script =
        'cat /proc/1/comm; for n in ipc net pid; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] && echo $n; done';
      const other = await docker.told(...line, ...joined, '--cap-add', 'SYS_PTRACE', 'bb', 'sh', '-c', script);
      await until('it is healthy', async () => (await docker.inspect(name)).State.Health?.Status === 'healthy', 30);
      const pid = await docker.pid(name);
      process.kill(shimOf(id), 'SIGKILL');
      await until('the container is gone', async () => !isAlive(pid));
      await until('Docker knows', async () => (await docker.state(name)) !== 'running 0 false');
      const after = await docker.state(name);
      await docker.told('rm', '--force', name);
      await until('nothing is left', () => docker.left(id).length === 0);
      return [lines(other), after];
    });
    expect(seen).toEqual([['sh', 'ipc', 'net', 'pid'], 'exited 137 false']);
  });
});

// Minutes in the guest; there docker-default.test.ts builds.
describe.skipIf(inGuest).sequential('docker build', { timeout }, () => {
  test('the steps of a Dockerfile, by tsrun', async () => {
    const context = docker.path('context');
    writeFileSync(join(context, 'file'), 'from the context\n');
    const steps = [
      'FROM bb',
      'COPY file /given',
      'RUN cat /given > /made; id -u >> /made; cat /proc/self/cgroup',
      'USER 33:34',
      'WORKDIR /tmp',
      'RUN ["/bin/sh", "-c", "id -u > own; pwd >> own"]',
    ];
    writeFileSync(join(context, 'Dockerfile'), `${steps.join('\n')}\n`);
    const built = await docker.with(
      { DOCKER_BUILDKIT: '1' },
      ...['build', '--network', 'none', '--progress', 'plain', '--no-cache', '--tag', 'made', context],
    );
    built.expectCode(0);
    const said = await docker.told(
      'run',
      '--rm',
      '--runtime',
      'tsrun',
      '--network',
      'none',
      'made',
      'cat',
      '/made',
      'own',
    );
    expect(lines(said)).toEqual(['from the context', '0', '33', '/tmp']);

    writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nRUN echo begun; exit 6\n');
    const failed = await docker.with(
      { DOCKER_BUILDKIT: '1' },
      ...['build', '--network', 'none', '--progress', 'plain', '--no-cache', context],
    );
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toMatch(/exit code: 6/);
  });
});
