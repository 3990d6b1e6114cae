/** The client of the service manager, on a real one: scopes are made, changed, found and stopped. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { attachDeviceProgram } from '../../../../runtime/cgroup/cgroupfs.ts';
import type { UnitProperty } from '../../../../runtime/cgroup/dbus-value.ts';
import { assembleDeviceProgram } from '../../../../runtime/cgroup/device-policy.ts';
import {
  type ManagerBus,
  type Scope,
  systemManager,
  userManager,
  withManager,
} from '../../../../runtime/cgroup/systemd.ts';
import { wordError } from '../../../../runtime/errors.ts';

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
/** Makes systemd end the scope as failed, at once, and not forget it. */
const fails: UnitProperty[] = [
  { name: 'RuntimeMaxUSec', value: { type: 't', value: 100_000n } },
  { name: 'CollectMode', value: { type: 's', value: 'inactive' } },
];

function waitFor(unit: string, property: string, value: string): void {
  for (let left = 50; left > 0 && show(unit, property) !== value; left--) spawnSync('sleep', ['0.2']);
  expect(show(unit, property)).toBe(value);
}

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

describe('what systemd refuses', () => {
  const refused = (properties: UnitProperty[], changes: Partial<Scope> = {}) =>
    withManager(bus, (systemd) => {
      const unit = 'scopetest-bad.scope';
      try {
        systemd.createScope({ ...scope(unit), properties, ...changes });
      } catch (error) {
        expect(systemd.stopScope(unit, description)).toBe(false);
        expect(systemd.cgroupOf(unit)).toBeUndefined();
        expect(wordError(error)).toMatch(/^make the systemd scope "scopetest-bad.scope" in /);
        return wordError(error);
      }
      throw new Error('systemd made it');
    });
  it('is a property that it does not know, by its name', () => {
    expect(refused([{ name: 'NoSuchThing', value: { type: 't', value: 1n } }])).toMatch(
      /NoSuchThing.*this version of systemd does not know the property/,
    );
  });

  it('is a value of another type', () => {
    expect(refused([{ name: 'MemoryMax', value: { type: 's', value: 'much' } }])).toMatch(
      /one of its properties .* has another type/,
    );
  });

  it('is a slice that is none', () => {
    expect(refused([], { slice: 'no-slice' })).toMatch(/no-slice/);
  });

  it('is a process that has ended', () => {
    const { pid } = spawnSync('true');
    expect(refused([], { pid })).toMatch(/Process with ID \d+ does not exist|No such process/);
  });

  it('is a change that has one bad property: none of it is done', () => {
    withManager(bus, (systemd) => {
      systemd.createScope(scope('scopetest-b.scope'));
      expect(() =>
        systemd.setProperties('scopetest-b.scope', [
          { name: 'TasksMax', value: { type: 't', value: 9n } },
          { name: 'TasksMost', value: { type: 't', value: 9n } },
        ]),
      ).toThrow(/^set TasksMax, TasksMost of the systemd unit "scopetest-b.scope": .*TasksMost/);
      expect(file(systemd.cgroupOf('scopetest-b.scope'), 'pids.max')).not.toBe('9');
    });
  });
});

describe('a name that is taken', () => {
  it('by a unit that runs is refused, and that unit lives on', () => {
    withManager(bus, (systemd) => {
      const pid = sleeper();
      systemd.createScope({ ...scope('scopetest-c.scope', pid), description: 'of somebody else' });
      expect(() => systemd.createScope(scope('scopetest-c.scope'))).toThrow(
        /is there already and tsrun did not make it: name another one in linux.cgroupsPath, or stop that one \(systemctl stop scopetest-c.scope\)/,
      );
      expect(systemd.stopScope('scopetest-c.scope', description)).toBe(false);
      expect(file(systemd.cgroupOf('scopetest-c.scope'), 'cgroup.procs')).toBe(String(pid));
      expect(systemd.stopScope('scopetest-c.scope', 'of somebody else')).toBe(true);
    });
  });

  it('by a unit that failed is taken over', () => {
    withManager(bus, (systemd) => {
      systemd.createScope({ ...scope('scopetest-d.scope'), properties: fails });
      waitFor('scopetest-d.scope', 'ActiveState', 'failed');
      systemd.createScope(scope('scopetest-d.scope'));
      expect(show('scopetest-d.scope', 'ActiveState')).toBe('active');
    });
  });
});

it('a scope that failed is forgotten once it is stopped, and by itself unless it is told otherwise', () => {
  withManager(bus, (systemd) => {
    systemd.createScope({ ...scope('scopetest-e.scope'), properties: fails });
    waitFor('scopetest-e.scope', 'ActiveState', 'failed');
    expect(systemd.stopScope('scopetest-e.scope', description)).toBe(true);
    waitFor('scopetest-e.scope', 'LoadState', 'not-found');
    systemd.createScope({ ...scope('scopetest-e.scope'), properties: fails.slice(0, 1) });
    waitFor('scopetest-e.scope', 'LoadState', 'not-found');
  });
});

it('a scope that is frozen, and has cgroups of its own below, is stopped', () => {
  withManager(bus, (systemd) => {
    systemd.createScope(scope('scopetest-f.scope'));
    const directory = `/sys/fs/cgroup${systemd.cgroupOf('scopetest-f.scope')}`;
    mkdirSync(`${directory}/below`);
    writeFileSync(`${directory}/below/cgroup.procs`, readFileSync(`${directory}/cgroup.procs`));
    writeFileSync(`${directory}/cgroup.freeze`, '1');
    expect(systemd.stopScope('scopetest-f.scope', description)).toBe(true);
    expect(existsSync(directory)).toBe(false);
  });
});

it('eight scopes in a row are each waited for, whatever else systemd has to do', () => {
  const reloads = spawn('sh', ['-c', 'while systemctl daemon-reload; do :; done'], { stdio: 'ignore' });
  try {
    withManager(bus, (systemd) => {
      for (let count = 0; count < 8; count++) {
        const unit = `scopetest-${count}.scope`;
        systemd.createScope(scope(unit));
        expect(systemd.cgroupOf(unit)).toContain(unit);
        expect(systemd.stopScope(unit, description)).toBe(true);
      }
    });
  } finally {
    reloads.kill('SIGKILL');
  }
});

describe('daemon-reload', () => {
  it('keeps limits, the device program, and what was written below', () => {
    withManager(bus, (systemd) => {
      systemd.createScope({
        ...scope('scopetest-g.scope'),
        properties: [{ name: 'MemoryMax', value: { type: 't', value: 1n << 26n } }],
      });
      systemd.setProperties('scopetest-g.scope', [{ name: 'TasksMax', value: { type: 't', value: 33n } }]);
      const cgroup = systemd.cgroupOf('scopetest-g.scope');
      const directory = `/sys/fs/cgroup${cgroup}`;
      writeFileSync(`${directory}/cpu.max.burst`, '0');
      mkdirSync(`${directory}/below`);
      writeFileSync(`${directory}/below/cgroup.procs`, readFileSync(`${directory}/cgroup.procs`));
      writeFileSync(`${directory}/cgroup.subtree_control`, '+memory +pids');
      writeFileSync(`${directory}/below/pids.max`, '12');
      const fd = openSync(directory, 'r');
      // A program that allows nothing but /dev/zero.
      attachDeviceProgram(fd, assembleDeviceProgram([{ allow: true, type: 'c', major: 1, minor: 5, access: 7 }]));
      closeSync(fd);
      const opens = (device: string) =>
        spawnSync('sh', ['-c', `echo $$ > ${directory}/below/cgroup.procs && exec head -c 1 ${device}`]).status === 0;
      const asItShouldBe = () => {
        expect(file(cgroup, 'memory.max')).toBe('67108864');
        expect(file(cgroup, 'pids.max')).toBe('33');
        expect(file(cgroup, 'below/pids.max')).toBe('12');
        expect([opens('/dev/zero'), opens('/dev/urandom')]).toEqual([true, false]);
      };
      asItShouldBe();
      execFileSync('systemctl', ['daemon-reload']);
      asItShouldBe();
      systemd.setProperties('scopetest-g.scope', [{ name: 'CPUWeight', value: { type: 't', value: 50n } }]);
      asItShouldBe();
      expect(file(cgroup, 'cpu.weight')).toBe('50');
      execFileSync('systemctl', ['daemon-reexec']);
      asItShouldBe();
    });
  });
});

it("scopes of a user's own manager are below its cgroup", () => {
  const directory = '/run/scopetest';
  mkdirSync(`${directory}/systemd`, { recursive: true });
  const environment = { XDG_RUNTIME_DIR: directory };
  const user = userManager((name) => (name === 'XDG_RUNTIME_DIR' ? directory : undefined));
  const settings = [
    '--unit=scopetest-user',
    '--slice=scopetest.slice',
    '-pDelegate=yes',
    `-EXDG_RUNTIME_DIR=${directory}`,
  ];
  execFileSync('systemd-run', [...settings, '/lib/systemd/systemd', '--user']);
  for (let left = 50; left > 0 && !existsSync(`${directory}/systemd/private`); left--) spawnSync('sleep', ['0.2']);
  withManager(user, (systemd) => {
    const root = '/scopetest.slice/scopetest-user.service';
    expect(systemd.rootCgroup()).toBe(root);
    systemd.createScope({ ...scope('scopetest-u.scope'), slice: 'user.slice' });
    expect(systemd.cgroupOf('scopetest-u.scope')).toBe(`${root}/user.slice/scopetest-u.scope`);
    expect(
      execFileSync('systemctl', ['--user', 'is-active', 'scopetest-u.scope'], { env: environment }).toString(),
    ).toBe('active\n');
    expect(systemd.stopScope('scopetest-u.scope', description)).toBe(true);
  });
});

describe('the manager cannot be reached', () => {
  it('because nobody listens', () => {
    const nowhere = { user: false, addresses: 'unix:path=/run/nowhere;tcp:host=localhost' };
    expect(() => withManager(nowhere, () => 0)).toThrow(
      /^the systemd cgroup driver: systemd cannot be reached \(connect \/run\/nowhere: No such file or directory\): start D-Bus/,
    );
  });

  it('because there is no session', () => {
    expect(() =>
      withManager(
        userManager(() => undefined),
        () => 0,
      ),
    ).toThrow(/your own service manager cannot be reached: log in with a session of your own/);
  });
});
