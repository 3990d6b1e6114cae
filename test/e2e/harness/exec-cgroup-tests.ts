/**
 * Where `exec` puts a process, and what holds for it there: the same tests for each driver of cgroup v2. A suite calls
 * {@link testExecInCgroups}.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { Cgroups, resources } from './cgroups.ts';
import { args, type Part } from './config.ts';
import { cgroupMount, cgroupOf, isAlive, until } from './kernel.ts';
import type { Container, Lab } from './lab.ts';
import type { Variant } from './limit-tests.ts';
import { runtime, start } from './runtime.ts';
import { describe, expect, test } from './test.ts';

const MIB = 1024 * 1024;

const members = (path: string): number[] =>
  readFileSync(`${cgroupMount}${path}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number);

/** Starts a process that waits, with `flags`; its pid. */
async function detached(lab: Lab, container: Container, ...flags: string[]): Promise<number> {
  const pidFile = lab.path('exec.pid');
  const output = { stdout: lab.path('exec.out'), stderr: lab.path('exec.err') };
  (await lab.exec(container, ['pause'], { flags: ['-d', '--pid-file', pidFile, ...flags], output })).expectCode(0);
  return Number(readFileSync(pidFile, 'utf8'));
}

/** Tests of containers that are made with `variant`. The driver is not told to exec: engines do not, either. */
export function testExecInCgroups({ global = [], parts = [] }: Variant = {}): void {
  const waiting = async (lab: Lab, ...more: Part[]): Promise<Container> => {
    const container = await lab.started([...parts, ...more, args('pause')], { global });
    await container.told('pause');
    return container;
  };

  describe('exec', () => {
    test('comes to the container’s cgroup, and ends with it', async ({ lab }) => {
      const container = await waiting(lab, resources({ memory: { limit: 64 * MIB }, pids: { limit: 20 } }));
      const path = cgroupOf(container.pid);
      expect(path).toContain(container.id);
      const pid = await detached(lab, container);
      expect(members(path).sort()).toEqual([container.pid, pid].sort());
      (await container.delete('--force')).expectCode(0);
      expect(isAlive(pid)).toBe(false);
    });

    test('--cgroup: to one below it', async ({ lab }) => {
      const container = await waiting(lab);
      const path = cgroupOf(container.pid);
      mkdirSync(`${cgroupMount}${path}/sub`);
      const pid = await detached(lab, container, '--cgroup', 'sub');
      expect([members(path), members(`${path}/sub`)]).toEqual([[container.pid], [pid]]);
      process.kill(pid, 'SIGKILL');
      await until('it has gone', () => members(`${path}/sub`).length === 0);
      rmdirSync(`${cgroupMount}${path}/sub`);
      const { code, stderr } = await lab.exec(container, ['pass'], { flags: ['--cgroup', 'sub'] });
      expect([code, stderr]).toEqual([255, 'tsrun: --cgroup: the container has no cgroup "sub"\n']);
    });

    test('follows a first process that has given its cgroup’s controllers to cgroups below', async ({ lab }) => {
      const container = await waiting(lab, resources({ memory: { limit: 64 * MIB } }));
      const path = cgroupOf(container.pid);
      const own = `${cgroupMount}${path}`;
      mkdirSync(`${own}/init`);
      writeFileSync(`${own}/init/cgroup.procs`, String(container.pid));
      writeFileSync(`${own}/cgroup.subtree_control`, '+memory');
      const pid = await detached(lab, container);
      expect(cgroupOf(pid)).toBe(`${path}/init`);
    });

    test('full of processes: is refused by name, and leaves nothing', async ({ lab }) => {
      const container = await waiting(lab, resources({ pids: { limit: 1 } }));
      const { code, stderr } = await lab.exec(container, ['pass']);
      expect([code, stderr]).toEqual([255, expect.stringMatching(/^tsrun: [^\n]*pids\.max[^\n]*\n$/)]);
      expect(members(cgroupOf(container.pid))).toEqual([container.pid]);
    });

    test('paused: only with --ignore-paused, and then it waits in there', async ({ lab }) => {
      const container = await waiting(lab);
      const path = cgroupOf(container.pid);
      (await lab.tsrun(['pause', container.id])).expectCode(0);
      const refused = await lab.exec(container, ['pass']);
      expect([refused.code, refused.stderr]).toEqual([255, expect.stringContaining('paused container')]);
      const running = start(runtime(lab.root, 'exec', '--ignore-paused', container.id, '/guest', 'exit=6'));
      await until('it is there', () => members(path).length === 2);
      expect(new Cgroups(container.pid).read('cgroup.freeze')).toBe('1');
      (await lab.tsrun(['resume', container.id])).expectCode(0);
      expect((await running).exitCode).toBe(6);
    });

    test('has to do with the container’s memory', async ({ lab }) => {
      const container = await waiting(lab, resources({ memory: { limit: 24 * MIB, swap: 24 * MIB } }));
      const cgroups = new Cgroups(container.pid);
      (await lab.exec(container, ['allocate=8'])).expectCode(0);
      const killed = await lab.exec(container, ['allocate=64']);
      expect(killed.code).toBe(137);
      expect(cgroups.count('memory.events', 'oom_kill')).toBeGreaterThan(0);
      expect(isAlive(container.pid)).toBe(true);
    });
  });
}
