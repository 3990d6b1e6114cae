/** containerd with tsrun in place of runc: each act is done with both, and has to have the same result. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { Cgroups, isV1 } from './harness/cgroups.ts';
import { Containerd, shimOf } from './harness/containerd.ts';
import { isFrozen, limitsOf } from './harness/engine-limits.ts';
import { alike, alikeOnHost, inTurnOnHost, maskedPaths, type RuntimeName } from './harness/engine-peers.ts';
import { cgroupMount, cgroupOf, isAlive, until } from './harness/kernel.ts';
import { patience } from './harness/places.ts';
import { expect, test } from './harness/test.ts';

/** Milliseconds for a test: many commands, each of some seconds where the machine is slow. */
const timeout = 100_000 * patience;

let containerd: Containerd;

beforeAll(async () => {
  containerd = await Containerd.prepare();
}, 300_000);

afterAll(() => containerd.close(), 300_000);

type Act<T> = (runtime: RuntimeName, id: string) => Promise<T>;

/** Does something with a runtime and a container of its own, of which nothing may be left. */
async function one<T>(runtime: RuntimeName, what: string, act: Act<T>): Promise<T> {
  const id = `${what}-${runtime}`;
  try {
    return await act(runtime, id);
  } finally {
    await containerd.ctr('task', 'delete', '--force', id);
    await containerd.ctr('containers', 'delete', id);
    await until(`nothing is left of ${id}: ${containerd.left(id)}`, () => containerd.left(id).length === 0);
  }
}

/** {@link one} with each of the runtimes; what it returns has to be the same. */
const both = <T>(what: string, act: Act<T>): Promise<T> => alike((runtime) => one(runtime, what, act));

/** {@link both}, in the guest without runc. */
const bothOnHost = <T>(what: string, act: Act<T>): Promise<T> => alikeOnHost((runtime) => one(runtime, what, act));

/** A result without what carries the container's name. */
const plain = (id: string, { code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
  code,
  stdout: stdout.replaceAll(id, 'ID').replaceAll('\0', ''),
  stderr: stderr.replaceAll(id, 'ID').replaceAll(/time="[^"]*"/g, 'time'),
});

const lines = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().replaceAll(/\s+/g, ' '));

/** Goes on until it is told to end. */
const waits = ['/bin/sh', '-c', 'trap "exit 3" TERM; echo begun; sleep 1000 & wait'];

describe.sequential('ctr run', { timeout }, () => {
  test('a container as it was asked for', async () => {
    const given = join(containerd.directory, 'given');
    mkdirSync(given);
    writeFileSync(join(given, 'file'), 'from outside\n');
    const script = [
      'id -u; pwd; echo $A; cat /given/file; touch /given/x 2>/dev/null || echo closed',
      'touch /x 2>/dev/null || echo readonly; cat /proc/self/cgroup | tail -n 1',
      'grep -E "^(Cap|NoNewPrivs|Seccomp|Groups)" /proc/self/status; ls -l /proc/self/ns | grep -c ":\\["',
      'cat /proc/self/oom_score_adj; ulimit -n; ls /dev | grep -vx core; ls /proc/self/fd; echo failed >&2; exit 7',
    ].join('; ');
    // What is bound read-only keeps the host's nosuid and nodev, which runc takes away from it.
    const flags = `$5 ~ "${maskedPaths}" ? "masked" : $5 ~ "^/(given)?$" ? substr($6, 1, 2) : $6 " " $9`;
    const mounts = `awk '{ print $5, ${flags} }' /proc/self/mountinfo`;
    const result = await both('given', async (runtime, id) => {
      const options = [
        ...['--rm', '--env', 'A=b', '--env', 'PATH=/bin', '--cwd', '/tmp', '--seccomp'],
        ...['--read-only', '--cap-drop', 'CAP_CHOWN', '--cap-add', 'CAP_SYS_TIME'],
        ...['--mount', `type=bind,src=${given},dst=/given,options=rbind:ro`],
      ];
      const ended = await containerd.run(runtime, id, options, '/bin/sh', '-c', `${mounts}; ${script}`);
      return plain(id, ended);
    });
    expect([result.code, result.stderr]).toEqual([7, 'failed\n']);
    const said = lines(result.stdout);
    expect(said).toEqual(expect.arrayContaining(['0', '/tmp', 'b', 'from outside', 'closed', 'readonly']));
    expect(said).toEqual(expect.arrayContaining(['0::/default/ID', 'Seccomp: 2', 'CapEff: 00000000aa0425fa']));
  });

  test('limits of memory and CPU', async () => {
    const values = await both('limits', async (runtime, id) => {
      const options = ['--detach', '--memory-limit', String(48 << 20), '--cpus', '0.5', '--cpu-shares', '512'];
      (await containerd.run(runtime, id, options, ...waits)).expectCode(0);
      const { pid } = await containerd.task(id);
      expect(cgroupOf(pid)).toBe(`/default/${id}`);
      return limitsOf(pid);
    });
    if (isV1('memory')) expect(values).toContain(`memory.limit_in_bytes ${48 << 20}`);
    else expect(values).toEqual(expect.arrayContaining([`memory.max ${48 << 20}`, 'cpu.max 50000 100000']));
  });

  test('what cannot be run', async () => {
    for (const [program, reason] of [
      ['/no/such', 'no such file or directory'],
      ['nowhere', 'executable file not found in $PATH'],
      ['/etc/passwd', 'permission denied'],
    ] as const) {
      const codes = await bothOnHost(`bad${program.replaceAll('/', '-')}`, async (runtime, id) => {
        const { code, stdout, stderr } = await containerd.run(runtime, id, ['--rm', '--env', 'PATH=/bin'], program);
        expect(stderr).toContain('failed to create shim task: OCI runtime create failed: ');
        expect(stderr).toContain(reason);
        return [code, stdout, await containerd.allEvents(id), (await containerd.task(id)).status];
      });
      expect(codes).toEqual([1, '', ['/containers/create', '/containers/delete'], 'none']);
    }
  });

  test('at a terminal, of the size that it has then and later', async () => {
    const script = [
      'sized() { until [ "$(stty size)" = "$1" ]; do sleep 0.1; done; echo "$1"; }',
      'sized "30 90"; tty; read word; echo "<$word>"; sized "20 70"; exit 4',
    ].join('\n');
    // Alone: with runc the shim of containerd 1.6 may never read from the terminal, on kernels of today.
    const result = await one('tsrun', 'terminal', async (runtime, id) => {
      const line = containerd.line(runtime, id, ['--rm', '--tty', '--env', 'PATH=/bin'], '/bin/sh', '-c', script);
      const terminal = containerd.at(30, 90, ...line);
      try {
        await terminal.said('30 90\n/dev/pts/0\n');
        terminal.type('typed\n');
        await terminal.said('<typed>\n');
        terminal.resize(20, 70);
        await terminal.said('20 70\n');
        return await terminal.ended();
      } finally {
        await terminal.close();
      }
    });
    expect(result).toBe(4);
  });
});

describe.sequential('a task', { timeout }, () => {
  test('its whole life: list, exec, metrics, pause, update, kill, delete', async () => {
    const seen = await bothOnHost('life', async (runtime, id) => {
      const log = join(containerd.directory, `log-${id}`);
      const pidFile = join(containerd.directory, `pid-${id}`);
      const options = ['--detach', '--log-uri', `file://${log}`, '--pid-file', pidFile, '--env', 'PATH=/bin'];
      (await containerd.run(runtime, id, options, ...waits)).expectCode(0);
      const { pid, status } = await containerd.task(id);
      expect([status, Number(readFileSync(pidFile, 'utf8')), isAlive(pid)]).toEqual(['RUNNING', pid, true]);

      const exec = ['task', 'exec', '--exec-id', 'one', '--user', '33:34', '--cwd', '/tmp', id];
      const script = 'id -u; id -g; pwd; tail -n 1 /proc/self/cgroup; echo failed >&2; exit 5';
      const inside = plain(id, await containerd.ctr(...exec, '/bin/sh', '-c', script));
      const missing = await containerd.ctr('task', 'exec', '--exec-id', 'two', id, '/no/such');
      expect(missing.stderr).toMatch(/OCI runtime exec failed: .*no such file or directory/);

      const pids = lines(await containerd.told('task', 'ps', id)).slice(1);
      expect(pids.map((line) => Number(line.split(' ')[0]))).toContain(pid);
      const metrics = lines(await containerd.told('task', 'metrics', id))
        .filter((line) => / \d+$/.test(line))
        .map((line) => line.split(' ')[0]);

      await containerd.told('task', 'pause', id);
      const paused = [(await containerd.task(id)).status, isFrozen(pid)];
      const execPaused = await containerd.ctr('task', 'exec', '--exec-id', 'three', id, '/bin/true');
      await containerd.told('task', 'resume', id);
      const resumed = [(await containerd.task(id)).status, isFrozen(pid)];

      const updates = [
        await containerd.update(id, {
          memory: { limit: 96 << 20, swap: 128 << 20 },
          pids: { limit: 23 },
          cpu: { shares: 512, quota: 30_000, period: 60_000, cpus: '0' },
        }),
        await containerd.update(id, { memory: { limit: 64 << 20 } }),
      ];
      const values = limitsOf(pid);

      await containerd.told('task', 'kill', '--signal', 'SIGTERM', id);
      await containerd.is(id, 'STOPPED');
      const again = plain(id, await containerd.ctr('task', 'kill', '--signal', 'SIGTERM', id));
      const ended = plain(id, await containerd.ctr('task', 'delete', id));
      (await containerd.ctr('containers', 'delete', id)).expectCode(0);
      const events = await containerd.allEvents(id);
      return {
        ...{ inside, missing: missing.code, metrics, paused, execPaused: execPaused.code, resumed, updates, values },
        ...{ again, ended, events, log: readFileSync(log, 'utf8') },
      };
    });
    expect(seen.inside).toEqual({ code: 5, stdout: '33\n34\n/tmp\n0::/default/ID\n', stderr: 'failed\n' });
    expect([seen.paused, seen.resumed]).toEqual([
      ['PAUSED', true],
      ['RUNNING', false],
    ]);
    expect(seen.metrics).toEqual(expect.arrayContaining([isV1('memory') ? 'memory.usage_in_bytes' : 'memory.usage']));
    expect(seen.metrics).toContain('pids.current');
    expect([seen.missing, seen.execPaused, seen.updates]).toEqual([1, 1, ['0', '0']]);
    if (isV1('memory')) expect(seen.values).toContain(`memory.limit_in_bytes ${64 << 20}`);
    else expect(seen.values.slice(0, 2)).toEqual([`memory.max ${64 << 20}`, `memory.swap.max ${32 << 20}`]);
    expect(seen.values).toEqual(expect.arrayContaining(['pids.max 23', 'cpuset.cpus 0']));
    expect([seen.ended.code, seen.log]).toEqual([0, 'begun\n']);
    expect(seen.events).toEqual([
      ...['/containers/create', '/tasks/create', '/tasks/start', '/tasks/exec-added one', '/tasks/exec-started one'],
      ...['/tasks/exit one 5', '/tasks/exec-added two', '/tasks/paused', '/tasks/resumed'],
      ...['/tasks/exit 3', '/tasks/delete 3', '/containers/delete'],
    ]);
  });

  test('exec at a terminal, and one that is killed', async () => {
    const codes = await one('tsrun', 'inner', async (runtime, id) => {
      (await containerd.run(runtime, id, ['--detach', '--null-io', '--env', 'PATH=/bin'], ...waits)).expectCode(0);
      const script = 'until [ "$(stty size)" = "30 90" ]; do sleep 0.1; done; tty; read word; echo "<$word>"; exit 9';
      const exec = ['task', 'exec', '--tty', '--exec-id', 'terminal', id, '/bin/sh', '-c', script];
      const terminal = containerd.at(30, 90, ...exec);
      try {
        await terminal.said('/dev/pts/0\n');
        terminal.type('typed\n');
        await terminal.said('<typed>\n');
        expect(await terminal.ended()).toBe(9);
      } finally {
        await terminal.close();
      }
      const sleeping = containerd.ctr('task', 'exec', '--exec-id', 'sleeping', id, '/bin/sleep', '1000');
      await until('it sleeps', () => containerd.events(id).includes('/tasks/exec-started sleeping'));
      await containerd.told('task', 'kill', '--exec-id', 'sleeping', '--signal', 'SIGKILL', id);
      return [(await sleeping).code, (await containerd.task(id)).status];
    });
    expect(codes).toEqual([137, 'RUNNING']);
  });

  test('killed with all of its processes, in the namespaces of another', async () => {
    const statuses = await bothOnHost('shared', async (runtime, id) => {
      (await containerd.run(runtime, id, ['--detach', '--null-io', '--env', 'PATH=/bin'], ...waits)).expectCode(0);
      const first = (await containerd.task(id)).pid;
      const other = `${id}-other`;
      try {
        const options = ['--detach', '--null-io', '--env', 'PATH=/bin', '--with-ns', `pid:/proc/${first}/ns/pid`];
        const children = 'sleep 1000 & sleep 1000 & wait';
        (await containerd.run(runtime, other, options, '/bin/sh', '-c', children)).expectCode(0);
        const { pid } = await containerd.task(other);
        const count = (): number =>
          readFileSync(`${cgroupMount}/default/${other}/cgroup.procs`, 'utf8').trim().split('\n').length;
        await until('it has its children', () => count() === 3);
        const cgroups = new Cgroups(pid);
        await containerd.told('task', 'kill', '--all', '--signal', 'SIGKILL', other);
        await containerd.is(other, 'STOPPED');
        await until('all are gone', () => !cgroups.isPopulated());
        return [isAlive(pid), (await containerd.task(id)).status];
      } finally {
        await containerd.ctr('task', 'delete', '--force', other);
        await containerd.ctr('containers', 'delete', other);
        expect(containerd.left(other)).toEqual([]);
      }
    });
    expect(statuses).toEqual([false, 'RUNNING']);
  });

  test('out of memory: an event', async () => {
    const events = await bothOnHost('oom', async (runtime, id) => {
      const options = ['--detach', '--null-io', '--env', 'PATH=/bin', '--memory-limit', String(16 << 20)];
      // The first process lives on: an end of the task may come before the event, and then there is none.
      const hungry = 'sh -c "x=0123456789abcdef; while :; do x=\\$x\\$x; done"; sleep 1000; true';
      (await containerd.run(runtime, id, options, '/bin/sh', '-c', hungry)).expectCode(0);
      const known = (): string[] => containerd.events(id);
      await until('the event comes', () => known().includes('/tasks/oom'));
      // One more may follow, where the kernel ended more than one process.
      return known().slice(0, known().indexOf('/tasks/oom') + 1);
    });
    expect(events).toEqual(['/containers/create', '/tasks/create', '/tasks/start', '/tasks/oom']);
  });
});

/** The machine's own service manager, which the box of the host's tests does not have. */
const systemd = existsSync('/run/systemd/system');

describe.skipIf(!systemd).sequential('cgroups of systemd', { timeout }, () => {
  const show = (unit: string, property: string): string =>
    execFileSync('systemctl', ['show', '--value', '-p', property, unit], { encoding: 'utf8' }).trim();

  test('a scope with its limits, that update changes, and that is gone with the container', async () => {
    const seen = await bothOnHost('scope', async (runtime, id) => {
      const options = ['--detach', '--null-io', '--env', 'PATH=/bin', '--runc-systemd-cgroup'];
      options.push('--cgroup', `ctrtest.slice:ctr:${id}`, '--memory-limit', String(48 << 20));
      (await containerd.run(runtime, id, options, ...waits)).expectCode(0);
      const unit = `ctr-${id}.scope`;
      const { pid } = await containerd.task(id);
      expect(cgroupOf(pid)).toBe(`/ctrtest.slice/${unit}`);
      const limits = () => [show(unit, 'MemoryMax'), limitsOf(pid)[0]];
      const before = limits();
      const exec = ['task', 'exec', '--exec-id', 'one', id, '/bin/tail', '-n', '1', '/proc/self/cgroup'];
      const inside = (await containerd.told(...exec)).replace(id, 'ID');
      const updated = await containerd.update(id, { memory: { limit: 64 << 20 }, pids: { limit: 23 } });
      const after = [...limits(), show(unit, 'TasksMax')];
      await containerd.told('task', 'pause', id);
      const frozen = [isFrozen(pid)];
      await containerd.told('task', 'resume', id);
      frozen.push(isFrozen(pid));
      await containerd.told('task', 'kill', '--signal', 'SIGKILL', id);
      await containerd.is(id, 'STOPPED');
      (await containerd.ctr('task', 'delete', id)).expectCode(0);
      await until('the unit is gone', () => show(unit, 'LoadState') === 'not-found');
      return { before, inside, updated, after, frozen };
    });
    const [less, more] = [String(48 << 20), String(64 << 20)];
    expect([seen.before, seen.after, seen.updated]).toEqual([
      [less, `memory.max ${less}`],
      [more, `memory.max ${more}`, '23'],
      '0',
    ]);
    expect(seen.frozen).toEqual([true, false]);
    expect(seen.inside).toBe('0::/ctrtest.slice/ctr-ID.scope');
  });
});

describe.sequential('what is killed', { timeout }, () => {
  test('a shim: containerd has the container removed, whole', async () => {
    const events = await bothOnHost('shimless', async (runtime, id) => {
      (await containerd.run(runtime, id, ['--detach', '--null-io', '--env', 'PATH=/bin'], ...waits)).expectCode(0);
      const { pid } = await containerd.task(id);
      process.kill(shimOf(id), 'SIGKILL');
      await until('the task is gone', async () => (await containerd.task(id)).status === 'none');
      await until('its process is gone', () => !isAlive(pid));
      await until('its end is told', () => containerd.events(id).at(-1)?.startsWith('/tasks/delete') === true);
      return containerd.events(id);
    });
    expect(events).toEqual([
      '/containers/create',
      '/tasks/create',
      '/tasks/start',
      '/tasks/exit 137',
      '/tasks/delete 137',
    ]);
  });

  test('containerd: the container goes on, and the next daemon has it', async () => {
    const act: Act<unknown[]> = async (runtime, id) => {
      (await containerd.run(runtime, id, ['--detach', '--null-io', '--env', 'PATH=/bin'], ...waits)).expectCode(0);
      const { pid } = await containerd.task(id);
      await containerd.end('SIGKILL');
      expect(isAlive(pid)).toBe(true);
      await containerd.start();
      expect(await containerd.task(id)).toEqual({ pid, status: 'RUNNING' });
      const exec = plain(id, await containerd.ctr('task', 'exec', '--exec-id', 'one', id, '/bin/echo', 'inside'));
      await containerd.told('task', 'kill', '--signal', 'SIGTERM', id);
      await containerd.is(id, 'STOPPED');
      return [exec, plain(id, await containerd.ctr('task', 'delete', id))];
    };
    const seen = await inTurnOnHost((runtime) => one(runtime, 'daemonless', act));
    expect(seen[0]).toEqual({ code: 0, stdout: 'inside\n', stderr: '' });
  });
});
