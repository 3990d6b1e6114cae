/** The writes for linux.resources, on the files of a real cgroup v2: the kernel takes each, and each is taken back. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { restoringValue } from '../../../../runtime/cgroup/resources/restore.ts';
import { type CgroupWrite, type ControllerFacts, resourceWrites } from '../../../../runtime/cgroup/resources.ts';
import type { Resources } from '../../../../spec/config.ts';

const root = '/sys/fs/cgroup';
const directory = `${root}/resources-test`;
const controllers = readFileSync(`${root}/cgroup.controllers`, 'utf8').trim().split(' ');
const facts: ControllerFacts = { unified: new Set(controllers), v1: new Map() };
/** Major and minor number of some disk. */
const [major = 0, minor = 0] = readdirSync('/sys/block')
  .filter((name) => !name.startsWith('zram'))
  .map((name) => readFileSync(`/sys/block/${name}/dev`, 'utf8').trim().split(':').map(Number))[0] ?? [7, 0];

const read = (file: string): string => readFileSync(`${directory}/${file}`, 'utf8').trim();
const current = (_: string, file: string): string | undefined =>
  existsSync(`${directory}/${file}`) ? readFileSync(`${directory}/${file}`, 'utf8') : undefined;

/** Where the value goes: the file, or what stands for a missing one. */
function target({ file, value, ifMissing }: CgroupWrite): { file: string; value: string } | undefined {
  if (existsSync(`${directory}/${file}`) || ifMissing === undefined) return { file, value };
  return ifMissing === 'ignore' ? undefined : ifMissing;
}

/** Makes the writes and returns how to take them back. */
function apply(resources: Resources, updating = false): () => void {
  const undo: (() => void)[] = [];
  for (const write of resourceWrites(resources, facts, updating ? current : undefined).writes) {
    const to = target(write);
    if (to === undefined) continue;
    const path = `${directory}/${to.file}`;
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, to.value);
    undo.unshift(() => writeFileSync(path, restoringValue(to, before)));
  }
  return () => {
    for (const step of undo) step();
  };
}

beforeEach(() => {
  writeFileSync(`${root}/cgroup.subtree_control`, controllers.map((name) => `+${name}`).join(' '));
  mkdirSync(directory);
});

afterEach(() => rmdirSync(directory));

const MiB = 2 ** 20;

describe('cgroup v2', () => {
  it('takes every limit of a new container', () => {
    apply({
      memory: { limit: 64 * MiB, swap: 96 * MiB, reservation: 16 * MiB },
      cpu: { shares: 2048, quota: 50_000, period: 200_000, burst: 1000, cpus: '0', mems: '0', idle: 0 },
      pids: { limit: 0 },
      hugepageLimits: [{ pageSize: '2MB', limit: 4 * MiB }],
      blockIO: {
        throttleReadBpsDevice: [{ major, minor, rate: 1_000_000 }],
        throttleWriteBpsDevice: [{ major, minor, rate: 2n ** 63n }],
        throttleWriteIOPSDevice: [{ major, minor, rate: 0 }],
      },
      unified: { 'memory.high': '33554432', 'cgroup.max.depth': '3', 'io.max': `${major}:${minor} riops=7\n` },
    });
    expect(read('memory.max')).toBe(String(64 * MiB));
    if (existsSync(`${directory}/memory.swap.max`)) expect(read('memory.swap.max')).toBe(String(32 * MiB));
    expect(read('memory.low')).toBe(String(16 * MiB));
    expect(read('memory.high')).toBe('33554432');
    expect(read('cpu.weight')).toBe('174');
    expect(read('cpu.max')).toBe('50000 200000');
    expect(read('cpu.max.burst')).toBe('1000');
    expect(read('cpuset.cpus')).toBe('0');
    expect(read('cpuset.mems')).toBe('0');
    expect(read('pids.max')).toBe('1');
    expect(read('hugetlb.2MB.max')).toBe(String(4 * MiB));
    expect(read('hugetlb.2MB.rsvd.max')).toBe(String(4 * MiB));
    expect(read('io.max')).toBe(`${major}:${minor} rbps=1000000 wbps=9223372036854775808 riops=7 wiops=max`);
    expect(read('cgroup.max.depth')).toBe('3');
  });

  it('takes each change, and each back', () => {
    const disk = { major, minor };
    const first: Resources = {
      memory: { limit: 64 * MiB, swap: 64 * MiB },
      cpu: { shares: 2048, quota: 50_000, period: 200_000, burst: 50_000, cpus: '0' },
      pids: { limit: 7 },
      blockIO: { throttleReadBpsDevice: [{ ...disk, rate: 1000 }] },
    };
    apply(first);
    const files = readdirSync(directory).filter((name) => /\.(?:max|low|weight|idle|burst|cpus|mems)$/.test(name));
    const all = (): Record<string, string> => Object.fromEntries(files.map((name) => [name, read(name)]));
    const before = all();
    const changes: Resources[] = [
      { memory: { limit: -1 } },
      { memory: { limit: 32 * MiB, swap: -1, reservation: 5 * MiB } },
      { memory: { swap: 128 * MiB } },
      { cpu: { quota: 20_000, burst: 10_000 } },
      { cpu: { period: 100_000 } },
      { cpu: { quota: -1 } },
      { cpu: { idle: 1 } },
      { cpu: { shares: 2, mems: '0' } },
      { pids: { limit: -1 } },
      { hugepageLimits: [{ pageSize: '2MB', limit: 0 }] },
      { blockIO: { throttleReadBpsDevice: [{ ...disk, rate: 0 }], throttleWriteIOPSDevice: [{ ...disk, rate: 5 }] } },
      { unified: { 'cpuset.cpus': '', 'memory.max': '5M' } },
    ];
    for (const change of changes) {
      const undo = apply(change, true);
      expect([change, all()]).not.toEqual([change, before]);
      undo();
      expect([change, all()]).toEqual([change, before]);
    }
  });

  it('takes back a limit of a disk that had none', () => {
    const undo = apply({ blockIO: { throttleReadIOPSDevice: [{ major, minor, rate: 9 }] } });
    expect(read('io.max')).toContain('riops=9');
    undo();
    expect(read('io.max')).toBe('');
  });
});
