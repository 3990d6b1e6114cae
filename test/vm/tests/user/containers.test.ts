/** A user's containers as scopes of the user's own service manager: where they are, what can be done with them, what stays. */
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resources } from '../../../e2e/harness/cgroups.ts';
import { args, hook, linux, type Part } from '../../../e2e/harness/config.ts';
import { parseEvents } from '../../../e2e/harness/events.ts';
import { cgroupOf, isAlive, statusField, until } from '../../../e2e/harness/kernel.ts';
import type { Lab } from '../../../e2e/harness/lab.ts';
import { runtimePath } from '../../../e2e/harness/places.ts';
import { call, defaultEnvironment } from '../../../e2e/harness/runtime.ts';
import { describe, expect, test } from '../../../e2e/harness/test.ts';
import { byUser, userCgroup, userId } from '../../user.ts';

const MIB = 1024 * 1024;
const systemd = { global: ['--systemd-cgroup'] };
const limited: Part = resources({
  memory: { limit: 64 * MIB, swap: 96 * MIB },
  cpu: { shares: 512, quota: 30_000, period: 60_000, cpus: '0' },
  pids: { limit: 40 },
});
const files = ['memory.max', 'memory.swap.max', 'cpu.weight', 'cpu.max', 'cpuset.cpus', 'pids.max'];
const read = (cgroup: string, file: string): string => readFileSync(`/sys/fs/cgroup${cgroup}/${file}`, 'utf8').trim();
const valuesOf = (cgroup: string): string[] => files.map((file) => read(cgroup, file));

/** The user's systemctl. */
const systemctl = async (...argv: string[]): Promise<string> =>
  (await call(byUser('/usr/bin/systemctl', '--user', ...argv))).expectCode(0).stdout.trim();
const gone = (part: string): Promise<void> =>
  until(
    `no unit of ${part}`,
    async () => (await systemctl('list-units', '--all', '--plain', '--no-legend', `*${part}*`)) === '',
  );

test('a container is a scope of the user’s, with its limits, through its whole life', async ({ lab }) => {
  const container = await lab.started([limited, args('children=2', 'ticks=20')], systemd);
  const unit = `tsrun-${container.id}.scope`;
  const cgroup = cgroupOf(container.pid);
  expect(cgroup).toBe(`${userCgroup}/user.slice/${unit}`);
  expect(statusField(container.pid, 'Uid').split(/\s/)[0]).toBe(String(userId));
  const shown = await systemctl('show', '--property', 'ControlGroup,Delegate,MemoryMax,TasksMax', unit);
  expect(shown.split('\n').sort()).toEqual([
    ...[`ControlGroup=${cgroup}`, 'Delegate=yes', `MemoryMax=${64 * MIB}`, 'TasksMax=40'],
  ]);
  const before = [String(64 * MIB), String(32 * MIB), '59', '30000 60000', '0', '40'];
  expect(valuesOf(cgroup)).toEqual(before);

  const [event] = parseEvents((await lab.tsrun(['events', '--stats', container.id])).expectCode(0).stdout);
  expect(event).toMatchObject({ data: { pids: { current: 3, limit: 40 }, memory: { usage: { limit: 64 * MIB } } } });
  const pids = (await lab.tsrun(['ps', '--format', 'json', container.id])).expectCode(0).json<number[]>();
  expect(pids).toEqual(read(cgroup, 'cgroup.procs').split('\n').map(Number));
  const table = (await lab.tsrun(['ps', container.id])).expectCode(0).stdout.trim().split('\n');
  expect(table).toHaveLength(4);

  (await lab.tsrun(['pause', container.id])).expectCode(0);
  expect([(await container.state()).status, read(cgroup, 'cgroup.freeze')]).toEqual(['paused', '1']);
  const ticks = container.output.length;
  (await lab.tsrun(['resume', container.id])).expectCode(0);
  await until('it goes on', () => container.output.length > ticks);

  const flags = ['--memory', '48M', '--memory-swap', '48M', '--cpu-share', '1024', '--cpu-quota', '24000'];
  const update = ['update', ...flags, '--cpuset-cpus', '0-1', '--pids-limit', '23', container.id];
  (await lab.tsrun(update)).expectCode(0);
  const after = [String(48 * MIB), '0', '100', '24000 60000', '0-1', '23'];
  expect(valuesOf(cgroup)).toEqual(after);
  await systemctl('daemon-reload');
  expect(valuesOf(cgroup)).toEqual(after);
  const refused = await lab.tsrun(['update', '--memory', '32M', '--cpuset-cpus', '0-999', container.id]);
  expect([refused.code, refused.stderr.trim().split('\n').length]).toEqual([1, 1]);
  expect(valuesOf(cgroup)).toEqual(after);

  // The caller is elsewhere, and may not bring a process there: the user's manager does.
  const exec = await lab.exec(container, ['read=/proc/self/cgroup']);
  expect(exec.expectCode(0).facts.text('read')).toContain(unit);

  (await container.delete('--force')).expectCode(0);
  expect([isAlive(container.pid), existsSync(`/sys/fs/cgroup${cgroup}`)]).toEqual([false, false]);
  await gone(container.id);
});

test('exec is where the first process is, also further down, and where --cgroup says', async ({ lab }) => {
  const container = await lab.started([args('pause')], systemd);
  const own = `/sys/fs/cgroup${cgroupOf(container.pid)}`;
  for (const name of ['init', 'other']) {
    mkdirSync(`${own}/${name}`);
    for (const path of [name, `${name}/cgroup.procs`]) chownSync(`${own}/${path}`, userId, userId);
  }
  writeFileSync(`${own}/init/cgroup.procs`, String(container.pid));
  writeFileSync(`${own}/cgroup.subtree_control`, '+pids');
  const cgroup = async (...flags: string[]): Promise<string> =>
    (await lab.exec(container, ['read=/proc/self/cgroup'], { flags })).expectCode(0).facts.text('read').trim();
  expect(await cgroup()).toMatch(/\.scope\/init$/);
  expect(await cgroup('--cgroup', 'other')).toMatch(/\.scope\/other$/);
  const { code, stderr } = await lab.exec(container, ['pass'], { flags: ['--cgroup', 'none'] });
  expect([code, stderr]).toEqual([255, expect.stringContaining('--cgroup: the container has no cgroup "none"')]);
});

test('a slice of the user’s that the configuration names is made', async ({ lab }) => {
  const id = lab.id();
  const at = linux({ cgroupsPath: `usertest-inner.slice:p:${id}` });
  const container = await lab.create([at, limited, args('pause')], { ...systemd, id });
  expect(cgroupOf(container.pid)).toBe(`${userCgroup}/usertest.slice/usertest-inner.slice/p-${id}.scope`);
  (await container.delete('--force')).expectCode(0);
  await gone(id);
});

test('a create that fails leaves no scope', async ({ lab }) => {
  const failing = hook('createRuntime', { path: '/bin/false', args: ['false'] });
  const { result, id } = await lab.tryCreate(lab.bundle(limited, failing, args('pause')), systemd);
  expect(result.code).toBe(1);
  await gone(id);
  expect(lab.leftovers()).toEqual([]);
});

describe('what is not delegated is refused in one sentence, with the cure, and nothing stays', () => {
  async function refused(lab: Lab, said: RegExp, part: Part, options: { global?: string[] }): Promise<void> {
    const { result } = await lab.tryCreate(lab.bundle(part, args('pause')), options);
    expect([result.code, result.stderr.trim().split('\n').length]).toEqual([1, 1]);
    expect(result.stderr).toMatch(said);
    expect(lab.leftovers()).toEqual([]);
  }

  test('a controller that the user’s manager did not get', ({ lab }) =>
    refused(
      lab,
      /linux\.resources: enable the misc controller in .*cgroup\.subtree_control: .*not delegated to the caller.*Delegate=yes/,
      resources({ unified: { 'misc.max': 'res_a 1' } }),
      systemd,
    ));

  test('any, without the service manager, in a part of the tree that is root’s', ({ lab }) =>
    refused(
      lab,
      /linux\.resources\.pids\.limit: needs the pids controller.*not delegated/,
      resources({ pids: { limit: 5 } }),
      {},
    ));
});

test('where nothing is limited, nothing need be delegated', async ({ lab }) => {
  const { dir } = lab.bundle(args('exit=0'));
  const result = await lab.tsrun(['--log-level', 'warning', 'run', '--bundle', dir, lab.id()]);
  expect(result.expectCode(0).stderr).toMatch(/warning: cgroup: none is made, .*not delegated to the caller/);
});

test('a state root of its own is made in XDG_RUNTIME_DIR', async ({ lab }) => {
  const { dir } = lab.bundle(limited, args('pause'));
  const id = lab.id();
  const output = { stdout: lab.path('out'), stderr: lab.path('err') };
  const tsrun = (...argv: string[]) => call(byUser(runtimePath, ...argv));
  const run = byUser(runtimePath, ...systemd.global, 'run', '--detach', '--bundle', dir, id);
  (await call(run, { output })).expectCode(0);
  const root = join(defaultEnvironment.XDG_RUNTIME_DIR ?? '', 'tsrun');
  expect(existsSync(join(root, id))).toBe(true);
  // No flag and no environment of the driver from here on.
  expect((await tsrun('list', '--quiet')).expectCode(0).stdout).toBe(`${id}\n`);
  (await tsrun('kill', '--all', id, 'KILL')).expectCode(0);
  (await tsrun('delete', '--force', id)).expectCode(0);
  expect(existsSync(join(root, id))).toBe(false);
  await gone(id);
});
