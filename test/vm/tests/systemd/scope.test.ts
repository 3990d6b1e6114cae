/** The client of the service manager, on a real one: scopes are made, changed, found and stopped. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { type ManagerBus, systemManager, withManager } from '../../../../runtime/cgroup/systemd.ts';

const bus = systemManager(() => undefined);
const direct: ManagerBus = { user: false, addresses: 'unix:path=/run/systemd/private' };
const description = 'scope.test: a container';
const children: ChildProcess[] = [];

function sleeper(): number {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  children.push(child);
  return child.pid ?? 0;
}

const scope = (unit: string, pid = sleeper()) => ({
  unit,
  slice: 'scopetest-inner.slice',
  description,
  pid,
  properties: [],
});
const show = (unit: string, property: string): string =>
  execFileSync('systemctl', ['show', '--value', '-p', property, unit], { encoding: 'utf8' }).trim();
const file = (cgroup: string | undefined, name: string): string =>
  readFileSync(`/sys/fs/cgroup${cgroup}/${name}`, 'utf8').trim();

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  spawnSync('systemctl', ['stop', 'scopetest.slice']);
});

describe.each([
  ['by the bus', bus],
  ['without a bus', direct],
])('%s', (_, manager) => {
  it('a scope is made, holds the process, takes limits, and is gone after it was stopped', () => {
    const pid = sleeper();
    withManager(manager, (systemd) => {
      systemd.createScope(scope('scopetest-a.scope', pid));
      const cgroup = systemd.cgroupOf('scopetest-a.scope');
      expect(cgroup).toBe('/scopetest.slice/scopetest-inner.slice/scopetest-a.scope');
      expect(file(cgroup, 'cgroup.procs')).toBe(String(pid));
      expect(show('scopetest-a.scope', 'Delegate')).toBe('yes');
      expect(show('scopetest-a.scope', 'Description')).toBe(description);
      systemd.setProperties('scopetest-a.scope', [
        { name: 'MemoryMax', value: { type: 't', value: 64n * 1024n * 1024n } },
        { name: 'TasksMax', value: { type: 't', value: 17n } },
        { name: 'AllowedCPUs', value: { type: 'bytes', value: Uint8Array.of(1) } },
      ]);
      expect(file(cgroup, 'memory.max')).toBe('67108864');
      expect(file(cgroup, 'pids.max')).toBe('17');
      expect(file(cgroup, 'cpuset.cpus')).toBe('0');
      expect(systemd.stopScope('scopetest-a.scope', description)).toBe(true);
      expect(existsSync(`/sys/fs/cgroup${cgroup}`)).toBe(false);
      expect(existsSync(`/proc/${pid}/root`)).toBe(false);
      expect(systemd.cgroupOf('scopetest-a.scope')).toBeUndefined();
      expect(systemd.stopScope('scopetest-a.scope', description)).toBe(false);
    });
    expect(show('scopetest-a.scope', 'LoadState')).toBe('not-found');
  });

  it('the manager tells its version and its cgroup', () => {
    withManager(manager, (systemd) => {
      expect(systemd.version()).toBeGreaterThanOrEqual(249);
      expect(systemd.rootCgroup()).toBe('');
    });
  });
});
