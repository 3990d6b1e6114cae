/** Namespaces: new ones of all eight kinds, joined ones, and what owns them. */
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  args,
  change,
  file,
  type IdMapping,
  linux,
  namespace,
  namespaces,
  set,
  tmpfs,
  user,
  userNamespace,
  withCapabilities,
  withoutMount,
  withoutNamespace,
} from './harness/config.ts';
import { type NamespaceKind, namespaceKinds, namespaceOf, statusField } from './harness/kernel.ts';
import { parseMountinfo } from './harness/mountinfo.ts';
import { call } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** The spec's word for each of the kernel's. */
const specName: Record<NamespaceKind, string> = {
  cgroup: 'cgroup',
  ipc: 'ipc',
  mnt: 'mount',
  net: 'network',
  pid: 'pid',
  time: 'time',
  user: 'user',
  uts: 'uts',
};

const nsPath = (pid: number, kind: NamespaceKind): string => `/proc/${pid}/ns/${kind}`;

describe('a new namespace', () => {
  test.for(namespaceKinds.filter((kind) => kind !== 'user' && kind !== 'mnt'))(
    '%s, and no other',
    async (kind, { lab }) => {
      const container = await lab.started([
        namespaces('mount', specName[kind]),
        set('mounts', [{ destination: '/proc', type: 'proc', source: 'proc' }]),
        args('ns', 'pause'),
      ]);
      const told = (await container.told('pause')).of('ns');
      for (const other of namespaceKinds) {
        const own = namespaceOf('self', other);
        expect([other, namespaceOf(container.pid, other) === own]).toEqual([other, other !== kind && other !== 'mnt']);
        // In a pid namespace of its own /proc/self is the process still.
        expect([other, told[other]]).toEqual([other, namespaceOf(container.pid, other)]);
      }
    },
  );

  test('all eight', async ({ lab }) => {
    const container = await lab.started([
      userNamespace(),
      namespace('time'),
      namespace('cgroup'),
      args('ns', 'ids', 'pids', 'pause'),
    ]);
    const told = await container.told('pause');
    for (const kind of namespaceKinds) {
      expect([kind, namespaceOf(container.pid, kind) === namespaceOf('self', kind)]).toEqual([kind, false]);
      expect([kind, told.of('ns')[kind]]).toEqual([kind, namespaceOf(container.pid, kind)]);
    }
    expect(told.of('pids').pid).toBe(1);
    expect(told.of('ids')).toMatchObject({ uid: 0, gid: 0 });
    expect(statusField(container.pid, 'NSpid').split('\t').at(-1)).toBe('1');
  });

  test('pid: without it the process has a pid of the machine', async ({ lab }) => {
    const container = await lab.started([withoutNamespace('pid'), args('pids', 'pause')]);
    expect((await container.told('pause')).of('pids').pid).toBe(container.pid);
  });

  test('cgroup: the root of the namespace is the container’s own cgroup', async ({ lab }) => {
    const facts = await lab.facts(namespace('cgroup'), args('read=/proc/self/cgroup'));
    expect(facts.text('read').split('\n')).toContain('0::/');
  });

  test('network: loopback is up', async ({ lab }) => {
    const facts = await lab.facts(
      change((config) => config.mounts.push({ destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] })),
      args('read=/sys/class/net/lo/flags', 'ls=/sys/class/net'),
    );
    expect(facts.list('ls')).toEqual(['lo']);
    expect(Number(facts.text('read')) & 1).toBe(1);
  });
});

describe('a joined namespace', () => {
  test.for(namespaceKinds.filter((kind) => kind !== 'user' && kind !== 'mnt'))('%s', async (kind, { lab }) => {
    const first = await lab.started([namespace(specName[kind]), args('pause')]);
    await first.told('pause');
    const second = await lab.started([namespace(specName[kind], nsPath(first.pid, kind)), args('ns', 'pause')]);
    const told = await second.told('pause');
    expect(namespaceOf(second.pid, kind)).toBe(namespaceOf(first.pid, kind));
    expect(told.of('ns')[kind]).toBe(namespaceOf(first.pid, kind));
    for (const other of namespaceKinds.filter(
      (candidate) => candidate !== kind && !['user', 'cgroup', 'time'].includes(candidate),
    )) {
      expect([other, namespaceOf(second.pid, other) === namespaceOf(first.pid, other)]).toEqual([other, false]);
    }
  });

  test('mount: the process lives in it, in its root directory', async ({ lab }) => {
    const first = await lab.started([args('pause')]);
    await first.told('pause');
    const outside = await call([
      '/usr/bin/unshare',
      '--mount',
      '--propagation',
      'private',
      '/bin/sh',
      '-c',
      'sleep 30 >/dev/null 2>&1 & echo $!',
    ]);
    const pid = Number(outside.stdout);
    try {
      const second = await lab.started([
        namespaces('pid', 'ipc', 'uts'),
        namespace('mount', nsPath(pid, 'mnt')),
        set('mounts', []),
        args('ls=/', 'pause'),
      ]);
      const told = await second.told('pause');
      expect(namespaceOf(second.pid, 'mnt')).toBe(namespaceOf(pid, 'mnt'));
      expect(told.list('ls')).toContain('guest');
      expect(told.list('ls')).not.toContain('sbin');
      (await second.delete('--force')).expectCode(0);
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });

  test('user, and the namespaces it owns', async ({ lab }) => {
    const first = await lab.started([userNamespace(), args('pause')]);
    await first.told('pause');
    const kinds = ['user', 'net', 'ipc', 'uts'] as const;
    const second = await lab.started([
      ...kinds.map((kind) => namespace(specName[kind], nsPath(first.pid, kind))),
      (draft) => userRoot(draft.rootfs),
      args('ids', 'ns', 'caps', 'pause'),
    ]);
    const told = await second.told('pause');
    for (const kind of kinds)
      expect([kind, namespaceOf(second.pid, kind)]).toEqual([kind, namespaceOf(first.pid, kind)]);
    expect(namespaceOf(second.pid, 'mnt')).not.toBe(namespaceOf(first.pid, 'mnt'));
    expect(told.of('ids')).toMatchObject({ uid: 0, gid: 0 });
    expect(statusField(second.pid, 'Uid').split('\t')[0]).toBe('100000');
  });

  test('pid, user and mount of its own: what podman does for a pod', async ({ lab }) => {
    const first = await lab.started([userNamespace(), args('pause')]);
    await first.told('pause');
    const second = await lab.started([
      namespace('user', nsPath(first.pid, 'user')),
      namespace('pid', nsPath(first.pid, 'pid')),
      (draft) => userRoot(draft.rootfs),
      args('pids', 'pause'),
    ]);
    const told = await second.told('pause');
    expect(told.of('pids').pid).toBeGreaterThan(1);
    expect(namespaceOf(second.pid, 'pid')).toBe(namespaceOf(first.pid, 'pid'));
  });

  test('one of an outer user namespace, with a new user namespace', async ({ lab }) => {
    const first = await lab.started([args('pause')]);
    await first.told('pause');
    const second = await lab.started([
      userNamespace(),
      namespace('network', nsPath(first.pid, 'net')),
      args('ns', 'ids', 'pause'),
    ]);
    await second.told('pause');
    expect(namespaceOf(second.pid, 'net')).toBe(namespaceOf(first.pid, 'net'));
    expect(namespaceOf(second.pid, 'user')).not.toBe(namespaceOf(first.pid, 'user'));
  });

  test('a bound file, as under /run/netns', async ({ lab }) => {
    const at = lab.path('netns');
    writeFileSync(at, '');
    (await call(['/usr/bin/unshare', `--net=${at}`, '/bin/true'])).expectCode(0);
    try {
      const facts = await lab.facts(namespace('network', at), args('ns'));
      const { ino } = statSync(at);
      expect(facts.of('ns').net).toBe(`net:[${ino}]`);
    } finally {
      (await call(['/bin/umount', at])).expectCode(0);
    }
  });

  const wrong: [string, string, (dir: string) => string][] = [
    ['a path that does not exist', 'network', () => '/proc/self/ns/nothing'],
    ['a namespace of another kind', 'network', () => '/proc/self/ns/uts'],
    ['a file that is no namespace', 'uts', (dir) => join(dir, 'config.json')],
    ['a directory', 'ipc', (dir) => dir],
  ];
  test.for(wrong)('%s is refused by name', async ([, type, path], { lab }) => {
    const bundle = lab.bundle(args('exit=0'));
    const at = path(bundle.dir);
    const { result } = await lab.tryCreate(lab.bundle(namespace(type, at), args('exit=0')));
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('linux.namespaces');
    expect(result.stderr).toContain(at);
    expect(lab.leftovers()).toEqual([]);
  });
});

function userRoot(rootfs: string): void {
  chownSync(rootfs, 100_000, 100_000);
}

describe('user namespace', () => {
  test('the maps are the configuration’s', async ({ lab }) => {
    const uids: IdMapping[] = [
      { containerID: 0, hostID: 100_000, size: 1000 },
      { containerID: 5000, hostID: 200_000, size: 10 },
    ];
    const gids: IdMapping[] = [{ containerID: 0, hostID: 300_000, size: 500 }];
    const container = await lab.started([
      userNamespace(),
      linux({ uidMappings: uids, gidMappings: gids }),
      (draft) => chownSync(draft.rootfs, 100_000, 300_000),
      args('read=/proc/self/uid_map', 'read=/proc/self/gid_map', 'read=/proc/self/setgroups', 'ids', 'pause'),
    ]);
    const told = await container.told('pause');
    const rows = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((row) => row.trim().split(/\s+/).map(Number));
    expect(rows(told.text('read', '/proc/self/uid_map'))).toEqual([
      [0, 100_000, 1000],
      [5000, 200_000, 10],
    ]);
    expect(rows(told.text('read', '/proc/self/gid_map'))).toEqual([[0, 300_000, 500]]);
    expect(readFileSync(`/proc/${container.pid}/uid_map`, 'utf8')).toContain('200000');
    expect(statusField(container.pid, 'Uid').split('\t')).toEqual(Array(4).fill('100000'));
    expect(statusField(container.pid, 'Gid').split('\t')).toEqual(Array(4).fill('300000'));
  });

  test('an id that is not 0, with groups', async ({ lab }) => {
    const container = await lab.started([
      userNamespace(),
      user(1000, 1001, { additionalGids: [7] }),
      args('ids', 'pause'),
    ]);
    const told = await container.told('pause');
    expect(told.of('ids')).toMatchObject({ uid: 1000, gid: 1001, groups: [7] });
    expect(statusField(container.pid, 'Uid').split('\t')[0]).toBe('101000');
    expect(statusField(container.pid, 'Groups').trim()).toBe('100007');
  });

  test('capabilities are full inside and nothing outside', async ({ lab }) => {
    const facts = await lab.facts(
      userNamespace(),
      withCapabilities('CAP_SYS_ADMIN'),
      args('sethostname=inside', 'mount=tmpfs=/tmp', 'mknod=/tmp/node=c=1=7', 'open=/proc/sys/kernel/core_pattern=w'),
    );
    expect(facts.of('sethostname').errno).toBe('');
    expect(facts.of('mount').errno).toBe('');
    expect(facts.of('mknod').errno).toBe('EPERM');
    expect(facts.of('open').errno).not.toBe('');
  });

  test('files made inside belong to the mapped ids outside', async ({ lab }) => {
    const { rootfs, dir } = lab.bundle(userNamespace(), args('write=/made=x'));
    (await lab.tsrun(['run', '--bundle', dir, lab.id()])).expectCode(0);
    expect(statSync(join(rootfs, 'made'))).toMatchObject({ uid: 100_000, gid: 100_000 });
  });

  test('the mounts of the default spec, devices and all', async ({ lab }) => {
    const facts = await lab.facts(
      userNamespace(),
      change((config) => {
        config.mounts.push(
          {
            destination: '/dev/shm',
            type: 'tmpfs',
            source: 'shm',
            options: ['nosuid', 'noexec', 'nodev', 'mode=1777'],
          },
          { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
          { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
        );
      }),
      args('write=/dev/null=x', 'stat=/dev/null', 'write=/dev/shm/x=1', 'stat=/sys/kernel', 'ls=/dev/pts'),
    );
    expect(facts.of('write', '/dev/null').errno).toBe('');
    expect(facts.of('stat', '/dev/null')).toMatchObject({ type: 'char', major: 1, minor: 3 });
    expect(facts.of('write', '/dev/shm/x').errno).toBe('');
    expect(facts.of('stat', '/sys/kernel').errno).toBe('');
    expect(facts.list('ls')).toContain('ptmx');
  });

  test('a root file system below a directory that only root of the machine may enter', async ({ lab }) => {
    const bundle = lab.bundle(userNamespace(), args('ids', 'ls=/'));
    chmodSync(lab.dir, 0o700);
    const result = await lab.tsrun(['run', '--bundle', bundle.dir, lab.id()]);
    expect(result.expectCode(0).facts.list('ls')).toContain('guest');
  });

  test('a bind source below such a directory', async ({ lab }) => {
    const source = lab.directory('private/volume');
    writeFileSync(join(source, 'data'), 'reached');
    chmodSync(lab.path('private'), 0o700);
    const facts = await lab.facts(
      userNamespace(),
      change((config) => config.mounts.push({ destination: '/volume', type: 'bind', source, options: ['bind'] })),
      args('read=/volume/data'),
    );
    expect(facts.text('read')).toBe('reached');
  });

  const shared: [string, string, string, string][] = [
    ['proc without a pid namespace', 'pid', '/proc', 'proc'],
    ['sysfs without a network namespace', 'network', '/sys', 'sysfs'],
    ['mqueue without an ipc namespace', 'ipc', '/dev/mqueue', 'mqueue'],
    ['cgroup2 without a cgroup namespace', 'cgroup', '/sys/fs/cgroup', 'cgroup2'],
    ['cgroup without a cgroup namespace', 'cgroup', '/sys/fs/cgroup', 'cgroup'],
  ];
  // The kernel makes none of these anew there: the machine's is bound, or the mount is refused by name.
  test.for(shared)('%s', async ([, kind, destination, type], { lab }) => {
    const result = await lab.run([
      userNamespace(),
      withoutNamespace(kind),
      withoutMount(destination),
      change((config) =>
        config.mounts.push({ destination, type, source: type, options: ['nosuid', 'noexec', 'nodev', 'ro'] }),
      ),
      args('read=/proc/self/mountinfo', 'mkdir=/sys/fs/cgroup/new'),
    ]);
    if (result.code === 0) {
      // What is below it on the machine comes along: a hierarchy of cgroups, for one.
      const there = parseMountinfo(result.facts.text('read')).filter(
        ({ target }) => target === destination || target.startsWith(`${destination}/`),
      );
      expect(there.length).toBeGreaterThan(0);
      for (const { target, options } of there)
        expect([target, options]).toEqual([target, expect.arrayContaining(['nosuid', 'noexec', 'nodev', 'ro'])]);
      expect(result.facts.of('mkdir').errno).not.toBe('');
    } else {
      expect(result.stderr).toContain(destination);
      expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    }
    expect(lab.leftovers()).toEqual([]);
  });

  test('read-only root, masked paths and a tmpfs with it', async ({ lab }) => {
    const facts = await lab.facts(
      userNamespace(),
      set('root.readonly', true),
      tmpfs('/data', 'mode=1777'),
      args('write=/new=x', 'write=/data/new=x', 'stat=/data/new'),
    );
    expect(facts.of('write', '/new').errno).toBe('EROFS');
    expect(facts.of('write', '/data/new').errno).toBe('');
    expect(facts.of('stat')).toMatchObject({ uid: 0, gid: 0 });
  });

  test('hostname, sysctl, limits and hooks go together with it', async ({ lab }) => {
    const facts = await lab.facts(
      userNamespace(),
      set('hostname', 'mapped'),
      linux({ sysctl: { 'kernel.msgmax': '7777' } }),
      set('process.rlimits', [{ type: 'RLIMIT_NOFILE', soft: 50, hard: 60 }]),
      args('hostname', 'read=/proc/sys/kernel/msgmax', 'rlimits'),
    );
    expect(facts.text('hostname')).toBe('mapped');
    expect(facts.text('read').trim()).toBe('7777');
    expect((facts.of('rlimits').NOFILE as { hard: string }).hard).toBe('60');
  });
});

describe('time namespace', () => {
  const day = 86_400;
  test('offsets', async ({ lab }) => {
    const own = (await call(['/bin/cat', '/proc/uptime'])).stdout;
    const container = await lab.started([
      namespace('time'),
      linux({ timeOffsets: { monotonic: { secs: 3 * day, nanosecs: 5 }, boottime: { secs: 7 * day, nanosecs: 250 } } }),
      args('clock', 'read=/proc/self/timens_offsets', 'pause'),
    ]);
    const told = await container.told('pause');
    const rows = told
      .text('read')
      .trim()
      .split('\n')
      .map((row) => row.trim().split(/\s+/));
    expect(rows).toEqual([
      ['monotonic', String(3 * day), '5'],
      ['boottime', String(7 * day), '250'],
    ]);
    const uptime = Number.parseFloat(own);
    const { boottime, monotonic } = told.of('clock') as unknown as { boottime: number; monotonic: number };
    expect(boottime).toBeGreaterThan(7 * day + uptime - 60);
    expect(boottime).toBeLessThan(7 * day + uptime + 3600);
    expect(monotonic).toBeGreaterThan(3 * day);
    expect(monotonic).toBeLessThan(boottime);
    expect(readFileSync(`/proc/${container.pid}/timens_offsets`, 'utf8')).toContain(String(7 * day));
  });

  test('one offset alone, and a negative one', async ({ lab }) => {
    const facts = await lab.facts(
      namespace('time'),
      linux({ timeOffsets: { boottime: { secs: 1000 }, monotonic: { secs: -1 } } }),
      args('read=/proc/self/timens_offsets'),
    );
    expect(facts.text('read')).toMatch(/monotonic\s+-1\s+0\n\s*boottime\s+1000\s+0/);
  });

  test('with a user namespace', async ({ lab }) => {
    const facts = await lab.facts(
      userNamespace(),
      namespace('time'),
      linux({ timeOffsets: { boottime: { secs: day } } }),
      args('read=/proc/self/timens_offsets'),
    );
    expect(facts.text('read')).toMatch(/boottime\s+86400\s+0/);
  });

  test('without offsets', async ({ lab }) => {
    const container = await lab.started([namespace('time'), args('pause')]);
    await container.told('pause');
    expect(namespaceOf(container.pid, 'time')).not.toBe(namespaceOf('self', 'time'));
  });
});

describe('what is shared stays shared', () => {
  test('two containers of one ipc and network namespace', async ({ lab }) => {
    const first = await lab.started([linux({ sysctl: { 'kernel.msgmax': '5555' } }), args('pause')]);
    await first.told('pause');
    const facts = await lab.facts(namespace('ipc', nsPath(first.pid, 'ipc')), args('read=/proc/sys/kernel/msgmax'));
    expect(facts.text('read').trim()).toBe('5555');
  });

  test('no mount of a container is seen outside', async ({ lab }) => {
    const before = readFileSync('/proc/self/mountinfo', 'utf8');
    const container = await lab.started([tmpfs('/data'), file('/x'), args('pause')]);
    await container.told('pause');
    const named = (text: string) => text.split('\n').filter((line) => line.includes(lab.dir));
    expect(named(readFileSync('/proc/self/mountinfo', 'utf8'))).toEqual(named(before));
  });
});
