/** ps: the container's processes, by the host's ps and as pids. */
import { existsSync } from 'node:fs';
import { args, withoutNamespace } from './harness/config.ts';
import { isAlive } from './harness/kernel.ts';
import { defaultEnvironment } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

const hasPs = ['/bin/ps', '/usr/bin/ps'].some(existsSync);
const rowsOf = (table: string): string[] => table.split('\n').slice(1, -1);

describe('ps --format json', () => {
  test('prints the pids as the host sees them', async ({ lab }) => {
    const container = await lab.started([args('children=3', 'pause')]);
    await container.told('pause');
    const result = (await lab.tsrun(['ps', '--format', 'json', container.id])).expectCode(0);
    expect(result.stderr).toBe('');
    const pids = result.json<number[]>();
    expect(pids).toHaveLength(4);
    expect(pids).toContain(container.pid);
    expect(pids.every(isAlive)).toBe(true);
    expect(pids).toEqual([...pids].sort((a, b) => a - b));
  });

  test('knows the one that waits for start', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    const result = await lab.tsrun(['ps', '-f', 'json', container.id]);
    expect(result.expectCode(0).stdout).toBe(`[${container.pid}]\n`);
  });

  test('knows those of a paused container', async ({ lab }) => {
    const container = await lab.started([args('children=1', 'pause')]);
    await container.told('pause');
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    expect((await lab.tsrun(['ps', '-f', 'json', container.id])).json<number[]>()).toHaveLength(2);
  });

  test('is empty when all have ended', async ({ lab }) => {
    const container = await lab.started([args('exit=0')]);
    await container.ended();
    expect((await lab.tsrun(['ps', '-f', 'json', container.id])).expectCode(0).stdout).toBe('[]\n');
  });

  test('shows what outlives the first process in a shared pid namespace', async ({ lab }) => {
    const container = await lab.started([withoutNamespace('pid'), args('daemon=/tmp/pid', 'exit=0')]);
    await container.ended();
    const [pid] = (await lab.tsrun(['ps', '-f', 'json', container.id])).json<number[]>();
    expect(pid).not.toBe(container.pid);
    (await lab.tsrun(['kill', '--all', container.id, 'KILL'])).expectCode(0);
  });

  test('needs no ps', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    const result = await lab.tsrun(['ps', '-f', 'json', container.id], { env: { PATH: lab.dir } });
    expect(result.expectCode(0).stdout).toBe(`[${container.pid}]\n`);
  });
});

describe.skipIf(!hasPs)('ps', () => {
  test('prints the heading alone when all have ended, as runc does', async ({ lab }) => {
    const container = await lab.started([args('exit=0')]);
    await container.ended();
    const { stdout } = (await lab.tsrun(['ps', container.id])).expectCode(0);
    expect(stdout).toMatch(/^[^\n]*\bPID\b[^\n]*\n$/);
  });

  test('prints the heading and the rows of the container alone', async ({ lab }) => {
    const container = await lab.started([args('children=2', 'pause')]);
    await container.told('pause');
    const result = (await lab.tsrun(['ps', container.id])).expectCode(0);
    expect(result.stderr).toBe('');
    expect(result.stdout).toMatch(/^UID +PID +PPID .*CMD\n/);
    const rows = rowsOf(result.stdout);
    expect(rows).toHaveLength(3);
    for (const row of rows) expect(row).toContain('/guest children=2 pause');
    expect(rows.some((row) => row.split(/ +/)[1] === String(container.pid))).toBe(true);
  });

  test('passes arguments on, flags too', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    const result = (await lab.tsrun(['ps', container.id, '-e', '-o', 'comm,pid'])).expectCode(0);
    expect(result.stdout).toMatch(/^COMMAND +PID\n/);
    expect(rowsOf(result.stdout)).toHaveLength(1);
    expect(result.stdout).toContain(`guest`);
    const bsd = (await lab.tsrun(['ps', container.id, 'aux'])).expectCode(0);
    expect(bsd.stdout).toMatch(/^USER +PID +%CPU/);
    expect(rowsOf(bsd.stdout)).toHaveLength(1);
  });

  test('finds ps without PATH', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    const result = await lab.tsrun(['ps', container.id], { env: {} });
    expect(rowsOf(result.expectCode(0).stdout)).toHaveLength(1);
  });

  test('prints the heading alone when all have ended', async ({ lab }) => {
    const container = await lab.started([args('exit=0')]);
    await container.ended();
    expect((await lab.tsrun(['ps', container.id])).expectCode(0).stdout).toMatch(/^UID[^\n]*\n$/);
  });

  test('hands on what ps complains of', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    const result = await lab.tsrun(['ps', container.id, '--bogus']);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toMatch(/^tsrun: ps: \/.*\/ps ended with status 1: .*option/);
    expect(result.stderr.split('\n')).toHaveLength(2);
  });

  test('needs the column of pids', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    const result = await lab.tsrun(['ps', container.id, '-eo', 'comm']);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain('no column PID');
  });
});

describe('ps is refused', () => {
  test('without a ps on the host', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    const result = await lab.tsrun(['ps', container.id], { env: { ...defaultEnvironment, PATH: lab.dir } });
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain('this host has no program ps');
  });

  test('for a container that does not exist', async ({ lab }) => {
    const result = await lab.tsrun(['ps', lab.id()]);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain('does not exist');
  });

  test('for a container without a cgroup', async ({ lab }) => {
    const container = await lab.create([args('pause')], { global: ['--cgroup-manager', 'disabled'] });
    const result = await lab.tsrun(['ps', '-f', 'json', container.id]);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain('without a cgroup');
  });
});
