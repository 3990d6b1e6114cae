/** When and where the process runs, and under which label. */
import { existsSync, writeFileSync } from 'node:fs';
import { args, linux, type Part, processProperties, set } from './harness/config.ts';
import { describe, expect, test } from './harness/test.ts';

const scheduler = (value: object): Part => set('process.scheduler', value);

describe('process.scheduler', () => {
  test.for<[string, object, object]>([
    ['SCHED_OTHER', { policy: 'SCHED_OTHER', nice: 7 }, { policy: 0, nice: 7 }],
    ['SCHED_OTHER, less nice', { policy: 'SCHED_OTHER', nice: -5 }, { policy: 0, nice: -5 }],
    ['SCHED_BATCH', { policy: 'SCHED_BATCH', nice: 3 }, { policy: 3, nice: 3 }],
    ['SCHED_IDLE', { policy: 'SCHED_IDLE' }, { policy: 5 }],
    ['SCHED_FIFO', { policy: 'SCHED_FIFO', priority: 42 }, { policy: 1, priority: 42 }],
    [
      'SCHED_RR',
      { policy: 'SCHED_RR', priority: 1, flags: ['SCHED_FLAG_RESET_ON_FORK'] },
      { policy: 2, priority: 1, flags: 1 },
    ],
  ])('%s', async ([, asked, seen], { lab }) => {
    const result = await lab.run([args('scheduler'), scheduler(asked)]);
    // A real-time policy needs a share of the time of its (v1) cgroup, which the box may not have.
    if (result.code !== 0 && /SCHED_(FIFO|RR)/.test(JSON.stringify(asked))) {
      expect(result.stderr).toMatch(/process\.scheduler: .*: sched_setattr: Operation not permitted: .*CAP_SYS_NICE/);
      return;
    }
    expect(result.expectCode(0).facts.of('scheduler')).toMatchObject(seen);
  });

  test('a nice value without effect is warned of', async ({ lab }) => {
    const asked = scheduler({ policy: 'SCHED_IDLE', nice: 5 });
    const result = await lab.run([args('scheduler'), asked], { global: ['--log-level', 'warning'] });
    expect(result.expectCode(0).facts.of('scheduler')).toMatchObject({ policy: 5, nice: 0 });
    expect(result.stderr).toMatch(
      /warning: [^\n]*process\.scheduler\.nice: no effect: SCHED_IDLE has no nice value: got 5/,
    );
  });

  test('SCHED_DEADLINE', async ({ lab }) => {
    const asked = { policy: 'SCHED_DEADLINE', runtime: 1_000_000, deadline: 20_000_000, period: 30_000_000 };
    const result = await lab.run([args('scheduler'), scheduler(asked)]);
    if (result.code === 0) {
      const { policy: _, ...values } = asked;
      expect(result.facts.of('scheduler')).toMatchObject({ policy: 6, ...values });
    } else {
      expect(result.stderr).toMatch(/process\.scheduler: schedule the process by SCHED_DEADLINE: sched_setattr: /);
    }
  });

  test('SCHED_ISO, which no kernel has, is refused with its name', async ({ lab }) => {
    const result = await lab.run([args('scheduler'), scheduler({ policy: 'SCHED_ISO' })]);
    expect(result.expectCode(1).stderr).toMatch(
      /process\.scheduler: schedule the process by SCHED_ISO: sched_setattr: Invalid argument: this kernel does not know/,
    );
  });
});

describe('placement', () => {
  test('process.ioPriority', async ({ lab }) => {
    const seen = await lab.facts(
      args('placement'),
      set('process.ioPriority', { class: 'IOPRIO_CLASS_BE', priority: 6 }),
    );
    expect(seen.of('placement')).toMatchObject({ ioClass: 2, ioLevel: 6 });
    const idle = await lab.facts(
      args('placement'),
      set('process.ioPriority', { class: 'IOPRIO_CLASS_IDLE', priority: 0 }),
    );
    expect(idle.of('placement')).toMatchObject({ ioClass: 3 });
  });

  test('linux.personality', async ({ lab }) => {
    const seen = await lab.facts(args('placement'), set('linux.personality', { domain: 'LINUX32' }));
    expect(seen.of('placement')).toMatchObject({ personality: 8, machine: process.arch === 'x64' ? 'i686' : 'armv8l' });
    const plain = await lab.facts(args('placement'), set('linux.personality', { domain: 'LINUX' }));
    expect(plain.of('placement')).toMatchObject({ personality: 0 });
  });

  test.for<[string, object, object]>([
    ['MPOL_BIND', { mode: 'MPOL_BIND', nodes: '0' }, { memoryPolicy: 2, nodes: 1 }],
    ['MPOL_INTERLEAVE', { mode: 'MPOL_INTERLEAVE', nodes: '0' }, { memoryPolicy: 3, nodes: 1 }],
    ['MPOL_PREFERRED', { mode: 'MPOL_PREFERRED', nodes: '0' }, { memoryPolicy: 1, nodes: 1 }],
    ['MPOL_LOCAL', { mode: 'MPOL_LOCAL' }, { memoryPolicy: 4, nodes: 0 }],
    ['MPOL_DEFAULT', { mode: 'MPOL_DEFAULT' }, { memoryPolicy: 0, nodes: 0 }],
    [
      'with a flag',
      { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] },
      { memoryPolicy: 2 | (1 << 15), nodes: 1 },
    ],
  ])('linux.memoryPolicy: %s', async ([, policy, seen], { lab }) => {
    const numa = existsSync('/proc/self/numa_maps');
    const result = await lab.run([args('placement'), set('linux.memoryPolicy', policy)]);
    if (numa) expect(result.expectCode(0).facts.of('placement')).toMatchObject(seen);
    else expect(result.expectCode(1).stderr).toMatch(/linux\.memoryPolicy: .*set_mempolicy: Function not implemented/);
  });

  test('a memory node that is not there', async ({ lab }) => {
    const result = await lab.run([args('placement'), set('linux.memoryPolicy', { mode: 'MPOL_BIND', nodes: '900' })]);
    expect(result.expectCode(1).stderr).toMatch(/linux\.memoryPolicy: .*: set_mempolicy: /);
    expect(lab.leftovers()).toEqual([]);
  });

  test('none of them holds where none is asked for', async ({ lab }) => {
    const seen = await lab.facts(args('placement', 'scheduler'));
    expect(seen.of('placement')).toMatchObject({ personality: 0 });
    expect(seen.of('scheduler')).toMatchObject({ policy: 0, nice: 0, flags: 0 });
  });
});

describe('a process of exec', () => {
  const scheduled = [
    scheduler({ policy: 'SCHED_BATCH', nice: 3 }),
    set('process.ioPriority', { class: 'IOPRIO_CLASS_BE', priority: 6 }),
    set('linux.personality', { domain: 'LINUX32' }),
  ];

  test('is scheduled and placed as the container is', async ({ lab }) => {
    const container = await lab.started([args('pause'), ...scheduled]);
    const { facts } = (await lab.exec(container, ['scheduler', 'placement'])).expectCode(0);
    expect(facts.of('scheduler')).toMatchObject({ policy: 3, nice: 3 });
    expect(facts.of('placement')).toMatchObject({ ioClass: 2, ioLevel: 6, personality: 8 });
  });

  test('or as its file says, where that says something', async ({ lab }) => {
    const container = await lab.started([args('pause'), ...scheduled]);
    const path = lab.path('process.json');
    const process = { args: ['/guest', 'scheduler', 'placement'], cwd: '/', user: { uid: 0, gid: 0 } };
    const own = { scheduler: { policy: 'SCHED_IDLE' }, ioPriority: { class: 'IOPRIO_CLASS_IDLE', priority: 0 } };
    writeFileSync(path, JSON.stringify({ ...process, ...own }));
    const { facts } = (await lab.tsrun(['exec', '--process', path, container.id])).expectCode(0);
    expect(facts.of('scheduler')).toMatchObject({ policy: 5 });
    expect(facts.of('placement')).toMatchObject({ ioClass: 3, personality: 8 });
  });
});

describe('labels of a module that this host lacks', () => {
  const has = existsSync('/sys/module/apparmor');
  test.for<[string, Part]>([
    ['process.selinuxLabel', processProperties({ selinuxLabel: 'system_u:system_r:container_t:s0' })],
    ['linux.mountLabel', linux({ mountLabel: 'system_u:object_r:container_file_t:s0' })],
    ['process.apparmorProfile', processProperties({ apparmorProfile: 'no-such-profile' })],
  ])('%s is refused by name', async ([property, part], { lab }) => {
    const result = await lab.run([args('ids'), part]);
    const module = property === 'process.apparmorProfile' ? 'AppArmor' : 'SELinux';
    const said =
      has && module === 'AppArmor' ? 'no such profile is loaded' : `for ${module} is not enabled on this host`;
    expect(result.expectCode(1).stderr).toContain(property);
    expect(result.stderr).toContain(said);
    expect(lab.leftovers()).toEqual([]);
  });

  test('unconfined is what every process of such a host is, and empty labels ask for nothing', async ({ lab }) => {
    await lab.facts(args('ids'), processProperties({ apparmorProfile: 'unconfined' }));
    await lab.facts(
      args('ids'),
      processProperties({ apparmorProfile: '', selinuxLabel: '' }),
      linux({ mountLabel: '' }),
    );
  });
});
