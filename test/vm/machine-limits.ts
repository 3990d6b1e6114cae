/** Limits that only a whole machine has, by their effect: swap, disks, huge pages, RDMA devices, files by their names. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Cgroups, countOf, resources } from '../e2e/harness/cgroups.ts';
import { args, bind } from '../e2e/harness/config.ts';
import { until } from '../e2e/harness/kernel.ts';
import { describe, expect, test } from '../e2e/harness/test.ts';

const MIB = 1024 * 1024;

/** The number of a disk. */
function disk(name: string): { major: number; minor: number } {
  const [major, minor] = readFileSync(`/sys/block/${name}/dev`, 'utf8').trim().split(':').map(Number);
  return { major: major ?? 0, minor: minor ?? 0 };
}

/** Registers the tests. @param global options that choose the driver */
export function testMachineLimits(global: string[] = []): void {
  describe('memory.swap', () => {
    const swapping = async (use: () => Promise<void>): Promise<void> => {
      execFileSync('swapon', ['/dev/vdb']);
      try {
        await use();
      } finally {
        execFileSync('swapoff', ['/dev/vdb']);
      }
    };

    test('above the limit of memory, what does not fit is swapped', async ({ lab }) => {
      await swapping(async () => {
        const container = await lab.started(
          [resources({ memory: { limit: 16 * MIB, swap: 80 * MIB } }), args('allocate=48', 'pause')],
          { global },
        );
        await container.told('pause');
        const cgroups = new Cgroups(container.pid);
        expect(Number(cgroups.read('memory.current'))).toBeLessThanOrEqual(16 * MIB);
        expect(Number(cgroups.read('memory.swap.current'))).toBeGreaterThan(24 * MIB);
        expect(cgroups.count('memory.events', 'oom_kill')).toBe(0);
        (await container.delete('--force')).expectCode(0);
      });
    });

    test('and what exceeds both is killed', async ({ lab }) => {
      await swapping(async () => {
        const parts = [resources({ memory: { limit: 16 * MIB, swap: 32 * MIB } }), args('allocate=24', 'allocate=48')];
        const result = await lab.run(parts, { global });
        expect(result.code).toBe(137);
        expect(result.facts.each('allocate').map(({ arg }) => arg)).toEqual(['24']);
      });
    });

    test('as much as the memory: no swap at all', async ({ lab }) => {
      await swapping(async () => {
        const result = await lab.run(
          [resources({ memory: { limit: 16 * MIB, swap: 16 * MIB } }), args('allocate=24', 'exit=0')],
          { global },
        );
        expect(result.code).toBe(137);
      });
    });
  });

  describe('blockIO', () => {
    const withDisk = async (use: (at: string) => Promise<void>): Promise<void> => {
      const at = '/run/limits-disk';
      mkdirSync(at);
      execFileSync('mount', ['/dev/vda', at]);
      try {
        await use(at);
      } finally {
        execFileSync('umount', [at]);
        rmdirSync(at);
      }
    };
    const limit = (rate: number) => ({ blockIO: { throttleWriteBpsDevice: [{ ...disk('vda'), rate }] } });

    test('a throttle of writes makes a write take its time', async ({ lab }) => {
      await withDisk(async (at) => {
        const write = async (rate: number): Promise<number> => {
          const result = await lab.run(
            [resources(limit(rate)), bind(at, '/disk'), args(`direct=/disk/throttled=${4 * 1024}`)],
            { global },
          );
          const fact = result.expectCode(0).facts.of('direct');
          expect(fact.errno).toBe('');
          return Number(fact.elapsed);
        };
        // 4 MiB at 1 MiB each second; the first slice is free.
        expect(await write(1 * MIB)).toBeGreaterThan(2500);
        expect(await write(256 * MIB)).toBeLessThan(2500);
      });
    });

    test('all four throttles of a disk are one line', async ({ lab }) => {
      const device = disk('vda');
      const container = await lab.started(
        [
          resources({
            blockIO: {
              throttleReadBpsDevice: [{ ...device, rate: 1_048_576 }],
              throttleWriteBpsDevice: [{ ...device, rate: 2_097_152 }],
              throttleReadIOPSDevice: [{ ...device, rate: 100 }],
              throttleWriteIOPSDevice: [{ ...device, rate: 200 }],
            },
          }),
          args('pause'),
        ],
        { global },
      );
      expect(new Cgroups(container.pid).read('io.max')).toBe(
        `${device.major}:${device.minor} rbps=1048576 wbps=2097152 riops=100 wiops=200`,
      );
    });

    test('weight', async ({ lab }) => {
      const container = await lab.started([resources({ blockIO: { weight: 500 } }), args('pause')], { global });
      const cgroups = new Cgroups(container.pid);
      const bfq = cgroups.has('io.bfq.weight');
      expect(cgroups.read(bfq ? 'io.bfq.weight' : 'io.weight')).toBe(bfq ? 'default 500' : 'default 4950');
    });

    test('weight with the BFQ scheduler', async ({ lab, skip }) => {
      skip(spawnSync('modprobe', ['bfq']).status !== 0, 'this kernel has no BFQ scheduler');
      const scheduler = '/sys/block/vda/queue/scheduler';
      writeFileSync(scheduler, 'bfq');
      try {
        const weights = { weight: 500, weightDevice: [{ ...disk('vda'), weight: 200 }] };
        const container = await lab.started([resources({ blockIO: weights }), args('pause')], { global });
        const text = new Cgroups(container.pid).read('io.bfq.weight');
        expect(text.split('\n')).toEqual(['default 500', `${disk('vda').major}:${disk('vda').minor} 200`]);
      } finally {
        writeFileSync(scheduler, 'none');
      }
    });
  });

  test('hugepageLimits', async ({ lab }) => {
    const pages = '/proc/sys/vm/nr_hugepages';
    writeFileSync(pages, '16');
    try {
      const limits = resources({ hugepageLimits: [{ pageSize: '2MB', limit: 4 * MIB }] });
      const container = await lab.started([limits, args('huge=2', 'huge=1', 'pause')], { global });
      const facts = await container.told('pause');
      expect(facts.each('huge').map(({ errno }) => errno)).toEqual(['', 'ENOMEM']);
      const cgroups = new Cgroups(container.pid);
      expect(cgroups.read('hugetlb.2MB.max')).toBe(String(4 * MIB));
      expect(cgroups.read('hugetlb.2MB.rsvd.max')).toBe(String(4 * MIB));
      expect(cgroups.read('hugetlb.2MB.current')).toBe(String(4 * MIB));
    } finally {
      writeFileSync(pages, '0');
    }
  });

  test('rdma', async ({ lab, skip }) => {
    const rdma = (...line: string[]) => spawnSync('rdma', line).status === 0;
    // These stay for as long as the guest: Linux 6.1 crashes where a device goes after a cgroup that had a limit of it.
    spawnSync('modprobe', ['rdma_rxe']);
    spawnSync('ip', ['link', 'add', 'limits0', 'type', 'dummy']);
    spawnSync('ip', ['link', 'set', 'limits0', 'up']);
    const made = rdma('link', 'add', 'limitsrxe', 'type', 'rxe', 'netdev', 'limits0');
    skip(!made, 'this kernel makes no RDMA device in software');
    const container = await lab.started(
      [resources({ rdma: { limitsrxe: { hcaHandles: 3, hcaObjects: 10_000 } } }), args('pause')],
      { global },
    );
    expect(new Cgroups(container.pid).read('rdma.max')).toBe('limitsrxe hca_handle=3 hca_object=10000');
    (await container.delete('--force')).expectCode(0);
    const { result } = await lab.tryCreate(lab.bundle(resources({ rdma: { nosuch0: { hcaHandles: 3 } } })), { global });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/linux\.resources\.rdma\.nosuch0.*rdma\.max.*\(rdma\)/);
    expect(lab.leftovers()).toEqual([]);
  });

  describe('unified', () => {
    test('files by their names, after all other properties', async ({ lab }) => {
      const { major, minor } = disk('vda');
      const container = await lab.started(
        [
          resources({
            memory: { limit: 64 * MIB },
            pids: { limit: 10 },
            unified: {
              'memory.high': String(32 * MIB),
              'memory.oom.group': '1',
              'pids.max': '20',
              'cgroup.max.descendants': '2',
              'io.max': `${major}:${minor} rbps=4096\n`,
              'hugetlb.1GB.max': '0',
            },
          }),
          args('pause'),
        ],
        { global },
      );
      const cgroups = new Cgroups(container.pid);
      expect(cgroups.read('memory.max')).toBe(String(64 * MIB));
      expect(cgroups.read('memory.high')).toBe(String(32 * MIB));
      expect(cgroups.read('memory.oom.group')).toBe('1');
      expect(cgroups.read('pids.max')).toBe('20');
      expect(cgroups.read('cgroup.max.descendants')).toBe('2');
      expect(cgroups.read('io.max')).toContain('rbps=4096');
      expect(cgroups.read('hugetlb.1GB.max')).toBe('0');
    });

    test('memory.oom.group ends all processes together', async ({ lab }) => {
      const container = await lab.started(
        [
          resources({ memory: { limit: 24 * MIB, swap: 24 * MIB }, unified: { 'memory.oom.group': '1' } }),
          args('children=3', 'until=/go', 'allocate=64'),
        ],
        { global },
      );
      await container.told('children');
      const cgroups = new Cgroups(container.pid);
      // The parent counts what happens below it, and stays: systemd removes the container's scope when that is empty.
      const kills = (): number => countOf(join(dirname(cgroups.unified), 'memory.events'), 'oom_group_kill');
      const before = kills();
      writeFileSync(`${container.bundle.rootfs}/go`, '');
      await container.ended();
      await until('all are gone', () => !cgroups.isPopulated());
      expect(kills()).toBe(before + 1);
    });

    test.for([
      ['nonsense.max', '1', /unified\["nonsense\.max"\].*nonsense controller is not available/],
      ['memory.nonsense', '1', /unified\["memory\.nonsense"\].*memory\.nonsense.*\(memory\).*does not exist/],
      ['memory.max', 'much', /unified\["memory\.max"\].*"much".*memory\.max.*\(memory\)/],
      ['cgroup.procs', '1', /unified\["cgroup\.procs"\]/],
      ['../memory.max', '1', /unified\["\.\.\/memory\.max"\].*not a name of a cgroup file/],
    ] as const)('%s=%s is refused', async ([file, value, words], { lab }) => {
      const { result } = await lab.tryCreate(lab.bundle(resources({ unified: { [file]: value } }), args('pause')), {
        global,
      });
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(words);
      expect(result.stderr.trim().split('\n')).toHaveLength(1);
      expect(lab.leftovers()).toEqual([]);
    });
  });

  test('update replaces the device policy in one step: what both deny is denied at every moment', async ({ lab }) => {
    const rule = (name: string) => ({ allow: true, type: 'b', ...disk(name), access: 'r' });
    const [one, other] = [[rule('vda')], [rule('vda'), { ...rule('vda'), access: 'w' }]];
    const container = await lab.started([resources({ devices: one }), args('pause')], { global });
    const { unified } = new Cgroups(container.pid);
    const [tried, opened] = [lab.path('tried'), lab.path('opened')];
    const script = `echo $$ > ${unified}/cgroup.procs
      true < /dev/vda || exit 1
      while :; do echo >> ${tried}; if true < /dev/vdb; then echo >> ${opened}; fi; done`;
    const trying = spawn('sh', ['-c', script], { stdio: 'ignore' });
    try {
      for (const devices of [other, one, other, one, other]) {
        const before = existsSync(tried) ? statSync(tried).size : 0;
        const update = ['update', '--resources', '-', container.id];
        (await lab.tsrun(update, { input: JSON.stringify({ devices }) })).expectCode(0);
        await until('it has tried meanwhile', () => existsSync(tried) && statSync(tried).size > before);
      }
      expect([trying.exitCode, existsSync(opened)]).toEqual([null, false]);
    } finally {
      trying.kill('SIGKILL');
    }
  });

  describe('update', () => {
    test('disks, huge pages and files by their names; and back where one of them fails', async ({ lab }) => {
      const { major, minor } = disk('vda');
      const container = await lab.started([resources({ pids: { limit: 10 } }), args('pause')], { global });
      const cgroups = new Cgroups(container.pid);
      const update = (limits: Record<string, unknown>) =>
        lab.tsrun(['update', '--resources', '-', container.id], { input: JSON.stringify(limits) });
      const files = ['io.max', 'hugetlb.2MB.max', 'memory.high', 'memory.max', 'pids.max', 'cpuset.cpus'];
      const values = () => Object.fromEntries(files.map((file) => [file, cgroups.read(file)]));
      const limits = (bytes: number, cpus: string, unified: Record<string, string>) => ({
        blockIO: { throttleReadBpsDevice: [{ major, minor, rate: bytes }] },
        hugepageLimits: [{ pageSize: '2MB', limit: bytes }],
        memory: { limit: 4 * bytes },
        cpu: { cpus },
        unified: { 'memory.high': String(bytes), ...unified },
      });
      // Back to nothing, and then to something.
      // The files are there once an update has enabled their controllers.
      const nothing = [readFileSync('/sys/fs/cgroup/cpuset.cpus.effective', 'utf8').trim(), 'max'];
      const first = await update(limits(16 * MIB, '0', { 'memory.nonsense': '1' }));
      expect([first.code, first.stderr.includes('cleaning up')]).toEqual([1, false]);
      expect([cgroups.read('cpuset.cpus.effective'), cgroups.read('memory.max')]).toEqual(nothing);
      (await update(limits(32 * MIB, '0', {}))).expectCode(0);
      const before = values();
      expect(before).toEqual({
        'io.max': `${major}:${minor} rbps=${32 * MIB} wbps=max riops=max wiops=max`,
        'hugetlb.2MB.max': String(32 * MIB),
        'memory.high': String(32 * MIB),
        'memory.max': String(128 * MIB),
        'pids.max': '10',
        'cpuset.cpus': '0',
      });
      const result = await update(limits(16 * MIB, '0-1', { 'memory.nonsense': '1' }));
      expect([result.code, result.stdout]).toEqual([1, '']);
      expect(result.stderr).toMatch(/unified\["memory\.nonsense"\].*memory\.nonsense/);
      expect(values()).toEqual(before);
    });
  });
}
