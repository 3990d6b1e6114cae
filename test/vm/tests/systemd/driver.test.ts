/** Containers under the systemd driver: where they are, what systemd shows of them, and that nothing stays. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resources } from '../../../e2e/harness/cgroups.ts';
import { args, hook, linux, type Part } from '../../../e2e/harness/config.ts';
import { cgroupOf, isAlive, until } from '../../../e2e/harness/kernel.ts';
import type { Lab } from '../../../e2e/harness/lab.ts';
import { runtime } from '../../../e2e/harness/runtime.ts';
import { describe, expect, test } from '../../../e2e/harness/test.ts';

const systemd = { global: ['--systemd-cgroup'] };
const show = (unit: string, property: string): string =>
  execFileSync('systemctl', ['show', '--value', '-p', property, unit], { encoding: 'utf8' }).trim();
const file = (cgroup: string, name: string): string => readFileSync(`/sys/fs/cgroup${cgroup}/${name}`, 'utf8').trim();
/** The units whose name holds `part`, loaded in any state. */
const units = (part: string): string =>
  execFileSync('systemctl', ['list-units', '--all', '--no-legend', '--plain', `*${part}*`], { encoding: 'utf8' });
const gone = (part: string): Promise<void> => until(`no unit of ${part}`, () => units(part) === '');

const MIB = 1024 * 1024;

/** Limits that are properties of a unit, one that is none, and a rule that no disk may be read. */
const limited: Part = resources({
  memory: { limit: 64 * 1024 * 1024 },
  pids: { limit: 40 },
  devices: [
    { allow: true, access: 'rwm' },
    { allow: false, type: 'b', access: 'r' },
  ],
  unified: { 'memory.high': '33554432', 'cpu.max.burst': '1000' },
});

describe('a container', () => {
  test('is a scope that systemd knows, with its limits, and leaves nothing', async ({ lab }) => {
    const container = await lab.create([limited, args('pause')], systemd);
    const unit = `tsrun-${container.id}.scope`;
    const path = `/system.slice/${unit}`;
    expect(cgroupOf(container.pid)).toBe(path);
    expect(show(unit, 'ControlGroup')).toBe(path);
    expect(show(unit, 'Description')).toContain(container.id);
    expect([show(unit, 'Delegate'), show(unit, 'MemoryMax'), show(unit, 'TasksMax'), show(unit, 'MemoryHigh')]).toEqual(
      ['yes', '67108864', '40', '33554432'],
    );
    expect([file(path, 'memory.max'), file(path, 'pids.max'), file(path, 'memory.high')]).toEqual([
      '67108864',
      '40',
      '33554432',
    ]);
    await container.start();
    (await container.delete('--force')).expectCode(0);
    expect(isAlive(container.pid)).toBe(false);
    expect(existsSync(`/sys/fs/cgroup${path}`)).toBe(false);
    await gone(container.id);
  });

  test('is where the configuration says', async ({ lab }) => {
    const id = lab.id();
    const at = linux({ cgroupsPath: `drivertest-inner.slice:p:${id}` });
    const container = await lab.create([at, args('pause')], { ...systemd, id });
    expect(cgroupOf(container.pid)).toBe(`/drivertest.slice/drivertest-inner.slice/p-${id}.scope`);
    (await container.delete('--force')).expectCode(0);
    await gone(id);
  });

  test('is below no slice where the configuration says so', async ({ lab }) => {
    const id = lab.id();
    const container = await lab.create([linux({ cgroupsPath: `-:p:${id}` }), args('pause')], { ...systemd, id });
    expect(cgroupOf(container.pid)).toBe(`/p-${id}.scope`);
    (await container.delete('--force')).expectCode(0);
    await gone(id);
  });

  test('is paused, goes on, and is ended while it is paused', async ({ lab }) => {
    const container = await lab.started([args('children=3', 'ticks=10')], systemd);
    const path = cgroupOf(container.pid);
    const lines = (): number => container.output.split('\n').length;
    await until('it counts', () => lines() > 3);
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    expect([(await container.state()).status, file(path, 'cgroup.events')]).toEqual([
      'paused',
      expect.stringContaining('frozen 1'),
    ]);
    const then = lines();
    // Neither this nor a reload lets it go on.
    execFileSync('systemctl', ['daemon-reload']);
    expect(lines()).toBe(then);
    (await lab.tsrun(['resume', container.id])).expectCode(0);
    await until('it counts again', () => lines() > then + 3);
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    (await lab.tsrun(['kill', '--all', container.id, 'KILL'])).expectCode(0);
    await container.ended();
    await gone(container.id);
  });

  test('keeps its limits and its device policy over daemon-reload', async ({ lab }) => {
    const container = await lab.started([limited, args('pause')], systemd);
    const path = cgroupOf(container.pid);
    const opens = (device: string): boolean =>
      spawnSync('sh', ['-c', `echo $$ > /sys/fs/cgroup${path}/cgroup.procs && exec head -c 1 ${device}`]).status === 0;
    const values = () => ['memory.max', 'memory.high', 'pids.max', 'cpu.max.burst'].map((name) => file(path, name));
    const before = values();
    expect([opens('/dev/zero'), opens('/dev/vda')]).toEqual([true, false]);
    execFileSync('systemctl', ['daemon-reload']);
    expect(values()).toEqual(before);
    expect([opens('/dev/zero'), opens('/dev/vda')]).toEqual([true, false]);
  });

  test('keeps what update changed over daemon-reload', async ({ lab }) => {
    const container = await lab.started([limited, args('pause')], systemd);
    const path = cgroupOf(container.pid);
    const values = () =>
      ['memory.max', 'memory.swap.max', 'memory.high', 'pids.max', 'cpu.weight', 'cpu.max', 'cpuset.cpus'].map((name) =>
        file(path, name),
      );
    const changed = {
      memory: { limit: 96 * MIB, swap: 128 * MIB },
      pids: { limit: 23 },
      cpu: { shares: 512, quota: 30_000, period: 60_000, cpus: '0' },
      unified: { 'memory.high': String(48 * MIB) },
    };
    const update = (limits: object) =>
      lab.tsrun(['update', '--resources', '-', container.id], { input: JSON.stringify(limits) });
    const bytes = (mebibytes: number): string => String(mebibytes * MIB);
    const after = [bytes(96), bytes(32), bytes(48), '23', '59', '30000 60000', '0'];
    expect(values()).not.toEqual(after);
    (await update(changed)).expectCode(0);
    expect(values()).toEqual(after);
    execFileSync('systemctl', ['daemon-reload']);
    expect(values()).toEqual(after);
    // Also what it takes away.
    (await update({ memory: { limit: -1 }, pids: { limit: -1 }, cpu: { quota: -1 } })).expectCode(0);
    const lifted = ['max', 'max', bytes(48), 'max', '59', 'max 60000', '0'];
    expect(values()).toEqual(lifted);
    execFileSync('systemctl', ['daemon-reload']);
    // systemd forgets the period where there is no quota: it means nothing then.
    expect(values().map((value) => value.replace(/^max [0-9]+$/, 'max 60000'))).toEqual(lifted);
  });

  test('that ended by itself is deleted, though systemd has forgotten its scope', async ({ lab }) => {
    const container = await lab.started([args('exit=3')], systemd);
    await container.ended();
    await gone(container.id);
    (await container.delete()).expectCode(0);
  });
});

describe('a failed create leaves no scope', () => {
  test('where a hook fails', async ({ lab }) => {
    const bundle = lab.bundle(hook('createRuntime', { path: '/bin/false', args: ['false'] }), args('pause'));
    const { result, id } = await lab.tryCreate(bundle, systemd);
    expect(result.code).toBe(1);
    await gone(id);
    expect(lab.leftovers()).toEqual([]);
  });

  test('where the slice is none', async ({ lab }) => {
    const bundle = lab.bundle(linux({ cgroupsPath: 'machine:p:x' }), args('pause'));
    const { result } = await lab.tryCreate(bundle, systemd);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('linux.cgroupsPath: "machine:p:x": "machine" is not the name of a slice');
  });

  test('where the name is taken, and the one who has it lives on', async ({ lab }) => {
    const id = lab.id();
    const unit = `p-${id}.scope`;
    const other = spawn('systemd-run', ['--scope', `--unit=${unit}`, 'sleep', '1000'], { stdio: 'ignore' });
    try {
      await until(`${unit} runs`, () => show(unit, 'ActiveState') === 'active');
      const bundle = lab.bundle(linux({ cgroupsPath: `:p:${id}` }), args('pause'));
      const { result } = await lab.tryCreate(bundle, { ...systemd, id });
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(`make the systemd scope "${unit}" in system.slice`);
      expect(result.stderr).toContain('is there already and tsrun did not make it');
      (await lab.tsrun(['delete', '--force', id])).expectCode(0);
      expect(show(unit, 'ActiveState')).toBe('active');
    } finally {
      spawnSync('systemctl', ['stop', unit]);
      other.kill();
    }
  });
});

/** Starts a `create`, kills it with SIGKILL after a while, and removes what it left. */
async function interrupt(lab: Lab, milliseconds: number): Promise<void> {
  const id = lab.id();
  const { dir } = lab.bundle(limited, args('pause'));
  const [path = '', ...argv] = runtime(lab.root, ...systemd.global, 'create', '--bundle', dir, id);
  const create = spawn(path, argv, { stdio: 'ignore' });
  const ended = new Promise((resolve) => create.once('exit', resolve));
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  create.kill('SIGKILL');
  await ended;
  (await lab.tsrun(['delete', '--force', id])).expectCode(0);
  await gone(id);
}

test('a create that is killed at any moment leaves what delete --force removes', async ({ lab }) => {
  for (let milliseconds = 100; milliseconds <= 1500; milliseconds += 200) await interrupt(lab, milliseconds);
  expect(lab.leftovers()).toEqual([]);
});
