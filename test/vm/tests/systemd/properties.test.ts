/** Limits as properties of a scope, on a real service manager: it takes each, and keeps each over a reload. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { type ControllerFacts, resourceWrites } from '../../../../runtime/cgroup/resources.ts';
import { systemManager, withManager } from '../../../../runtime/cgroup/systemd.ts';
import { annotatedProperties } from '../../../../runtime/cgroup/systemd-annotations.ts';
import { systemdProperties } from '../../../../runtime/cgroup/systemd-properties.ts';
import type { Resources } from '../../../../spec/config.ts';

const unit = 'properties-test.scope';
const description = 'properties.test: a container';
const version = Number(/^systemd ([0-9]+)/.exec(execFileSync('systemctl', ['--version'], { encoding: 'utf8' }))?.[1]);
const controllers = readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim().split(' ');
const facts: ControllerFacts = { unified: new Set(controllers), v1: new Map() };
const children: ChildProcess[] = [];
const manager = systemManager(() => undefined);

const show = (property: string): string =>
  execFileSync('systemctl', ['show', '--value', '-p', property, unit], { encoding: 'utf8' }).trim();

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  spawnSync('systemctl', ['stop', unit]);
});

const MiB = 2 ** 20;

it('takes what limits and annotations become, and writes the same files again after a reload', () => {
  // A disk that udev has linked: systemd knows disks by their paths.
  const disk = readdirSync('/sys/block')
    .map((name) => readFileSync(`/sys/block/${name}/dev`, 'utf8').trim())
    .find((number) => existsSync(`/dev/block/${number}`));
  const [major = 0, minor = 0] = disk?.split(':').map(Number) ?? [];
  const resources: Resources = {
    memory: { limit: 64 * MiB, swap: 96 * MiB, reservation: 16 * MiB },
    cpu: { shares: 2048, quota: 50_000, period: 200_000, cpus: '0', mems: '0' },
    pids: { limit: 7 },
    ...(disk === undefined ? {} : { blockIO: { throttleReadBpsDevice: [{ major, minor, rate: 1_000_000 }] } }),
    unified: { 'memory.high': '33554432', 'memory.min': '4096', 'memory.oom.group': '1', 'memory.zswap.max': '4096' },
  };
  const { properties } = systemdProperties(resourceWrites(resources, facts).writes, { version, creating: true });
  const annotated = annotatedProperties({
    'org.systemd.property.TimeoutStopSec': '12.5',
    'org.systemd.property.KillSignal': '10',
    'org.systemd.property.CollectMode': "'inactive-or-failed'",
    'org.systemd.property.After': "['basic.target']",
    'org.systemd.property.SendSIGHUP': 'true',
    'org.systemd.property.FinalKillSignal': '9',
    'org.systemd.property.RestartKillSignal': '15',
    'org.systemd.property.RuntimeMaxSec': '1000',
    'org.systemd.property.Documentation': "['man:tsrun(1)']",
    'org.systemd.property.StartupCPUWeight': '50',
    'org.systemd.property.StartupAllowedCPUs': '[byte 1]',
    'org.systemd.property.IPAccounting': 'false',
    'org.systemd.property.ManagedOOMSwap': "'auto'",
    'org.systemd.property.ManagedOOMPreference': "'none'",
    'org.systemd.property.ManagedOOMMemoryPressureLimit': 'uint32 1000',
  });
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  children.push(child);
  const cgroup = withManager(manager, (systemd) => {
    const pid = child.pid ?? 0;
    systemd.createScope({ unit, slice: 'system.slice', description, pid, properties: [...annotated, ...properties] });
    return systemd.cgroupOf(unit);
  });
  const read = (file: string): string => readFileSync(`/sys/fs/cgroup${cgroup}/${file}`, 'utf8').trim();
  const check = (): void => {
    expect(read('memory.max')).toBe(String(64 * MiB));
    expect(read('memory.low')).toBe(String(16 * MiB));
    expect(read('memory.high')).toBe('33554432');
    expect(read('memory.min')).toBe('4096');
    expect(read('memory.swap.max')).toBe(String(32 * MiB));
    expect(read('cpu.weight')).toBe('174');
    expect(read('cpu.max')).toBe('50000 200000');
    expect(read('cpuset.cpus')).toBe('0');
    expect(read('cpuset.mems')).toBe('0');
    expect(read('pids.max')).toBe('7');
    if (disk !== undefined) expect(read('io.max')).toContain(`${disk} rbps=1000000 `);
  };
  check();
  expect(show('TimeoutStopUSec')).toMatch(/^12\.50*s$/);
  expect(show('KillSignal')).toBe('10');
  expect(show('SendSIGHUP')).toBe('yes');
  expect(show('After').split(' ')).toContain('basic.target');
  execFileSync('systemctl', ['daemon-reload']);
  check();
  // And an update.
  const current = (_: string, file: string): string | undefined =>
    existsSync(`/sys/fs/cgroup${cgroup}/${file}`) ? read(file) : undefined;
  const change: Resources = { memory: { limit: -1 }, cpu: { idle: 1, quota: -1 }, pids: { limit: -1 } };
  const target = { version, creating: false };
  const changed = systemdProperties(resourceWrites(change, facts, current).writes, target).properties;
  withManager(manager, (systemd) => systemd.setProperties(unit, changed));
  for (const reload of [false, true]) {
    if (reload) execFileSync('systemctl', ['daemon-reload']);
    expect(read('memory.max')).toBe('max');
    // Without a quota systemd forgets the period, which then means nothing.
    expect(read('cpu.max')).toMatch(/^max /);
    expect(read('pids.max')).toBe('max');
    if (version >= 252) expect(read('cpu.idle')).toBe('1');
  }
});
