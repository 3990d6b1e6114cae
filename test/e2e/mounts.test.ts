/** Mounts: every option of config-linux.md's table, binds, propagation, the root file system. Observed through mountinfo. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  args,
  bind,
  change,
  directory,
  file,
  link,
  linux,
  mount,
  namespace,
  type Part,
  set,
  tmpfs,
  user,
  userNamespace,
  withCapabilities,
} from './harness/config.ts';
import { mountsOf, until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { type Mount, mountAt, parseMountinfo } from './harness/mountinfo.ts';
import { hostToolPath } from './harness/places.ts';
import { call, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** The mounts as a container made of these parts sees them. */
async function mountsIn(lab: Lab, ...parts: Part[]): Promise<Mount[]> {
  return parseMountinfo((await lab.facts(...parts, args('mounts'))).text('mounts'));
}

describe('options of a new file system', () => {
  /** option, what appears, what must not appear; among the options of the mount and of its file system. */
  const table: [string[], string[], string[]][] = [
    [['defaults'], ['rw', 'relatime'], ['ro']],
    [['ro'], ['ro'], ['rw']],
    [['rw'], ['rw'], ['ro']],
    [['nosuid'], ['nosuid'], []],
    [['suid'], [], ['nosuid']],
    [['nodev'], ['nodev'], []],
    [['dev'], [], ['nodev']],
    [['noexec'], ['noexec'], []],
    [['exec'], [], ['noexec']],
    [['sync'], ['sync'], []],
    [['async'], [], ['sync']],
    [['dirsync'], ['dirsync'], []],
    [['noatime'], ['noatime'], ['relatime']],
    [['atime'], [], ['noatime']],
    [['nodiratime'], ['nodiratime'], []],
    [['diratime'], [], ['nodiratime']],
    [['relatime'], ['relatime'], ['noatime']],
    [['norelatime'], [], ['noatime']],
    [['strictatime'], [], ['relatime', 'noatime']],
    [['nostrictatime'], [], ['noatime']],
    [['nosymfollow'], ['nosymfollow'], []],
    [['symfollow'], [], ['nosymfollow']],
    [['lazytime'], ['lazytime'], []],
    [['nolazytime'], [], ['lazytime']],
    [['iversion'], [], ['iversion']],
    [['noiversion'], [], ['noiversion']],
    [['silent'], [], ['silent']],
    [['loud'], [], ['loud']],
    [['nomand'], [], ['mand', 'nomand']],
    // The last of two that contradict each other counts.
    [['ro', 'rw'], ['rw'], ['ro']],
    [['rw', 'ro'], ['ro'], []],
    [['nosuid', 'suid'], [], ['nosuid']],
    [['suid', 'nosuid'], ['nosuid'], []],
    [['noexec', 'exec'], [], ['noexec']],
    [['nodev', 'dev'], [], ['nodev']],
    [['noatime', 'strictatime'], [], ['noatime', 'relatime']],
    [['strictatime', 'noatime'], ['noatime'], []],
    [['noatime', 'relatime'], ['relatime'], ['noatime']],
    [['nosuid', 'defaults'], ['nosuid'], []],
    // All that engines give at once.
    [['nosuid', 'noexec', 'nodev', 'ro', 'noatime'], ['nosuid', 'noexec', 'nodev', 'ro', 'noatime'], ['rw']],
    // Data of the file system, between options.
    [['size=1m', 'nosuid', 'mode=0700'], ['nosuid', 'size=1024k', 'mode=700'], []],
    [['nr_inodes=100', 'ro', 'uid=5', 'gid=6'], ['ro', 'nr_inodes=100', 'uid=5', 'gid=6'], []],
  ];

  test.for(table)('%j', async ([options, present, absent], { lab }) => {
    const found = mountAt(await mountsIn(lab, tmpfs('/data', ...options)), '/data');
    expect(found.type).toBe('tmpfs');
    const all = [...found.options, ...found.superOptions];
    expect(all).toEqual(expect.arrayContaining(present));
    for (const option of absent.filter((name) => name !== 'rw')) expect(all).not.toContain(option);
    if (absent.includes('rw')) expect(found.options).not.toContain('rw');
  });

  test('what they mean', async ({ lab }) => {
    const guest = readFileSync(join(lab.bundle().rootfs, 'guest'));
    const facts = await lab.facts(
      file('/exec/guest', guest, 0o755),
      tmpfs('/ro', 'ro'),
      tmpfs('/nodev', 'nodev'),
      tmpfs('/dev2', 'dev'),
      mount({ destination: '/noexec', type: 'tmpfs', source: 'tmpfs', options: ['noexec'] }),
      tmpfs('/small', 'size=64k', 'mode=711'),
      directory('/noexec'),
      args(
        'write=/ro/x=1',
        'mknod=/nodev/null=c=1=3',
        'open=/nodev/null=w',
        'mknod=/dev2/null=c=1=3',
        'open=/dev2/null=w',
        'statfs=/small',
        'stat=/small',
      ),
    );
    expect(facts.of('write').errno).toBe('EROFS');
    expect(facts.of('open', '/nodev/null').errno).toBe('EACCES');
    expect(facts.of('open', '/dev2/null').errno).toBe('');
    expect(facts.of('statfs').bytes).toBe(65_536);
    expect(facts.of('stat')).toMatchObject({ mode: 0o711 });
  });

  test('an option nobody knows names the mount and itself', async ({ lab }) => {
    const result = await lab.run([tmpfs('/data', 'bogusopt'), args('exit=0')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('mounts[3]');
    expect(result.stderr).toContain('bogusopt');
  });
});

describe('file systems', () => {
  test('those of the default spec', async ({ lab }) => {
    const mounts = await mountsIn(
      lab,
      mount({
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
      }),
      mount({ destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] }),
      mount({ destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] }),
    );
    expect(mountAt(mounts, '/proc')).toMatchObject({
      type: 'proc',
      options: expect.arrayContaining(['nosuid', 'noexec', 'nodev']),
    });
    expect(mountAt(mounts, '/dev')).toMatchObject({ type: 'tmpfs', options: expect.arrayContaining(['nosuid']) });
    expect(mountAt(mounts, '/dev/pts')).toMatchObject({
      type: 'devpts',
      superOptions: expect.arrayContaining(['gid=5', 'mode=620', 'ptmxmode=666']),
    });
    expect(mountAt(mounts, '/dev/shm')).toMatchObject({
      type: 'tmpfs',
      superOptions: expect.arrayContaining(['size=65536k']),
    });
    expect(mountAt(mounts, '/dev/mqueue').type).toBe('mqueue');
    expect(mountAt(mounts, '/sys')).toMatchObject({ type: 'sysfs', options: expect.arrayContaining(['ro']) });
    // Nothing of the machine's mounts is left.
    expect(mounts.map(({ target }) => target).sort()).toEqual([
      '/',
      '/dev',
      '/dev/mqueue',
      '/dev/pts',
      '/dev/shm',
      '/proc',
      '/sys',
    ]);
  });

  test('in their order: a later mount may lie on an earlier one and hide it', async ({ lab }) => {
    const source = lab.directory('source');
    writeFileSync(join(source, 'seen'), '');
    const facts = await lab.facts(
      tmpfs('/data'),
      bind(source, '/data/below'),
      tmpfs('/hidden'),
      bind(source, '/hidden'),
      args('ls=/data', 'ls=/data/below', 'ls=/hidden'),
    );
    expect(facts.list('ls', '/data')).toEqual(['below']);
    expect(facts.list('ls', '/data/below')).toEqual(['seen']);
    expect(facts.list('ls', '/hidden')).toEqual(['seen']);
  });

  test('overlay', async ({ lab }) => {
    const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => lab.directory(name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(join(lower, 'from-below'), 'below');
    const facts = await lab.facts(
      mount({
        destination: '/layers',
        type: 'overlay',
        source: 'overlay',
        options: [`lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`, 'nosuid'],
      }),
      args('read=/layers/from-below', 'write=/layers/new=up', 'mounts'),
    );
    expect(facts.text('read')).toBe('below');
    expect(readFileSync(join(upper, 'new'), 'utf8')).toBe('up');
    expect(mountAt(parseMountinfo(facts.text('mounts')), '/layers')).toMatchObject({
      type: 'overlay',
      options: expect.arrayContaining(['nosuid']),
    });
  });

  test('an option longer than 256 bytes', async ({ lab }) => {
    const lowers = Array.from({ length: 12 }, (_, index) =>
      lab.directory(`lower-with-a-long-name-${'n'.repeat(30)}-${index}`),
    );
    writeFileSync(join(lowers.at(-1) ?? '', 'deep'), 'deep');
    const facts = await lab.facts(
      mount({
        destination: '/layers',
        type: 'overlay',
        source: 'overlay',
        options: [`lowerdir=${lowers.join(':')}`, 'ro'],
      }),
      args('read=/layers/deep'),
    );
    expect(facts.text('read')).toBe('deep');
  });

  test('proc with options of its own', async ({ lab }) => {
    const mounts = await mountsIn(
      lab,
      change((config) => {
        config.mounts = config.mounts.map((entry) =>
          entry.destination === '/proc' ? { ...entry, options: ['nosuid', 'hidepid=2', 'noexec'] } : entry,
        );
      }),
    );
    expect(mountAt(mounts, '/proc').superOptions.join()).toMatch(/hidepid=(2|invisible)/);
  });

  test('a file system that does not exist names the mount and the type', async ({ lab }) => {
    const result = await lab.run([mount({ destination: '/x', type: 'bogusfs', source: 'none' })]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('bogusfs');
    expect(result.stderr).toContain('mounts[3]');
  });
});

describe('the place of a mount', () => {
  test('directories and, for a bind of a file, files are made', async ({ lab }) => {
    const source = lab.path('file');
    writeFileSync(source, 'content');
    const facts = await lab.facts(
      tmpfs('/new/deep/dir'),
      bind(source, '/other/new/file'),
      args('stat=/new/deep', 'stat=/other/new', 'stat=/other/new/file', 'read=/other/new/file'),
    );
    expect(facts.of('stat', '/new/deep')).toMatchObject({ type: 'dir', mode: 0o755 });
    expect(facts.of('stat', '/other/new')).toMatchObject({ type: 'dir', mode: 0o755 });
    expect(facts.of('stat', '/other/new/file').type).toBe('file');
    expect(facts.text('read')).toBe('content');
  });

  test('links in the root file system lead inside it, absolute and with ..', async ({ lab }) => {
    const outside = lab.directory('outside');
    const facts = await lab.facts(
      link('/absolute', outside),
      link('/climbing', `../../../../../../../..${outside}`),
      link('/plain', '/usr/bin'),
      tmpfs('/absolute/a'),
      tmpfs('/climbing/b'),
      tmpfs('/plain'),
      args('mounts'),
    );
    expect(readdirSync(outside)).toEqual([]);
    const targets = parseMountinfo(facts.text('mounts')).map(({ target }) => target);
    expect(targets).toEqual(expect.arrayContaining([`${outside}/a`, `${outside}/b`, '/usr/bin']));
  });

  test('.. does not leave the root', async ({ lab }) => {
    const targets = (await mountsIn(lab, tmpfs('/../../../above'), tmpfs('/tmp/../etc'))).map(({ target }) => target);
    expect(targets).toEqual(expect.arrayContaining(['/above', '/etc']));
  });

  test('a relative destination is below the root', async ({ lab }) => {
    const result = await lab.run([tmpfs('relative/place'), args('mounts')]);
    expect(parseMountinfo(result.expectCode(0).facts.text('mounts')).map(({ target }) => target)).toContain(
      '/relative/place',
    );
  });

  test('blanks and odd characters', async ({ lab }) => {
    const mounts = await mountsIn(lab, tmpfs('/with blank'), tmpfs('/ünïcode\ttab'));
    expect(mounts.map(({ target }) => target)).toEqual(expect.arrayContaining(['/with blank', '/ünïcode\ttab']));
  });

  test('a directory cannot be mounted on a file, and the message says so', async ({ lab }) => {
    const result = await lab.run([file('/etc/file'), bind(lab.directory('source'), '/etc/file')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/not a directory/i);
    expect(result.stderr).toContain('mounts[3]');
  });
});

describe('bind mounts', () => {
  test('of a directory: with bind alone, without the mounts below; with rbind, with them', async ({ lab }) => {
    const source = lab.directory('source');
    mkdirSync(join(source, 'sub'));
    (await call(['/bin/mount', '-t', 'tmpfs', 'inner', join(source, 'sub')])).expectCode(0);
    try {
      writeFileSync(join(source, 'sub/inner-file'), '');
      const facts = await lab.facts(
        mount({ destination: '/plain', type: 'bind', source, options: ['bind'] }),
        mount({ destination: '/all', source, options: ['rbind'] }),
        mount({ destination: '/typed', type: 'bind', source }),
        args('ls=/plain/sub', 'ls=/all/sub', 'ls=/typed'),
      );
      expect(facts.list('ls', '/plain/sub')).toEqual([]);
      expect(facts.list('ls', '/all/sub')).toEqual(['inner-file']);
      expect(facts.list('ls', '/typed')).toEqual(['sub']);
    } finally {
      (await call(['/bin/umount', join(source, 'sub')])).expectCode(0);
    }
  });

  test('of a file, a /proc file, a FIFO, a socket and a device', async ({ lab }) => {
    const source = lab.directory('source');
    writeFileSync(join(source, 'file'), 'text');
    (await call(['/usr/bin/mkfifo', join(source, 'fifo')])).expectCode(0);
    const listener = start([hostToolPath, 'console', join(source, 'socket')]);
    try {
      await until('the socket is there', () => existsSync(join(source, 'socket')));
      const facts = await lab.facts(
        bind(join(source, 'file'), '/bound/file'),
        bind('/proc/version', '/bound/version'),
        bind('/proc/self/mountinfo', '/bound/mountinfo'),
        bind(join(source, 'fifo'), '/bound/fifo'),
        bind(join(source, 'socket'), '/bound/socket'),
        bind('/dev/null', '/bound/null'),
        args(
          'read=/bound/file',
          'read=/bound/version',
          'stat=/bound/fifo',
          'stat=/bound/socket',
          'connect=/bound/socket',
          'stat=/bound/null',
          'open=/bound/null=w',
        ),
      );
      expect(facts.text('read', '/bound/file')).toBe('text');
      expect(facts.text('read', '/bound/version')).toBe(readFileSync('/proc/version', 'utf8'));
      expect(facts.of('stat', '/bound/fifo').type).toBe('fifo');
      expect(facts.of('stat', '/bound/socket').type).toBe('socket');
      expect(facts.of('connect').errno).toBe('');
      expect(facts.of('stat', '/bound/null')).toMatchObject({ type: 'char', major: 1, minor: 3 });
      expect(facts.of('open').errno).toBe('');
    } finally {
      listener.kill('SIGKILL');
      await listener;
    }
  });

  const attributes: [string[], string[], string[]][] = [
    [['ro'], ['ro'], ['rw']],
    [['nosuid'], ['nosuid'], []],
    [['nodev'], ['nodev'], []],
    [['noexec'], ['noexec'], []],
    [['noatime'], ['noatime'], ['relatime']],
    [['nodiratime'], ['nodiratime'], []],
    [['strictatime'], [], ['noatime', 'relatime']],
    [['nosymfollow'], ['nosymfollow'], []],
    [['ro', 'nosuid', 'nodev', 'noexec'], ['ro', 'nosuid', 'nodev', 'noexec'], ['rw']],
  ];
  test.for(attributes)('with %j', async ([options, present, absent], { lab }) => {
    const source = lab.directory('source');
    const mounts = await mountsIn(lab, bind(source, '/bound', ...options));
    const found = mountAt(mounts, '/bound');
    expect(found.options).toEqual(expect.arrayContaining(present));
    for (const option of absent) expect(found.options).not.toContain(option);
    // The file system itself and the machine's mounts stay as they are.
    expect(mountAt(mountsOf('self'), '/').options).toContain('rw');
  });

  test('a read-only bind cannot be written, its source can', async ({ lab }) => {
    const source = lab.directory('source');
    const facts = await lab.facts(
      bind(source, '/ro', 'ro'),
      bind(source, '/rw'),
      args('write=/ro/x=1', 'write=/rw/x=1'),
    );
    expect(facts.of('write', '/ro/x').errno).toBe('EROFS');
    expect(facts.of('write', '/rw/x').errno).toBe('');
  });

  test('attributes of the source mount stay: ro of a nosuid,nodev source', async ({ lab }) => {
    const source = lab.directory('source');
    (await call(['/bin/mount', '-t', 'tmpfs', '-o', 'nosuid,nodev,noexec,noatime', 'strict', source])).expectCode(0);
    try {
      const found = mountAt(await mountsIn(lab, bind(source, '/bound', 'ro')), '/bound');
      expect(found.options).toEqual(expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec', 'noatime']));
    } finally {
      (await call(['/bin/umount', source])).expectCode(0);
    }
  });

  test('a source that does not exist names the mount and the path', async ({ lab }) => {
    const result = await lab.run([bind('/no/such/source', '/x')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('/no/such/source');
    expect(result.stderr).toContain('mounts[3]');
    expect(lab.leftovers()).toEqual([]);
  });

  test('a relative source is below the bundle', async ({ lab }) => {
    const { dir } = lab.bundle(bind('volume', '/volume'), args('ls=/volume'));
    mkdirSync(join(dir, 'volume'));
    writeFileSync(join(dir, 'volume/inside'), '');
    const result = await lab.tsrun(['run', '--bundle', dir, lab.id()]);
    expect(result.expectCode(0).facts.list('ls')).toEqual(['inside']);
  });
});

describe('a mount on /', () => {
  const onRoot = (type: string, source: string, ...options: string[]): Part =>
    change((config) => {
      config.mounts.unshift({ destination: '/', type, source, options });
    });

  test('is the root from then on, with a copy of what was there', async ({ lab }) => {
    const bundle = lab.bundle(onRoot('tmpfs', 'new', 'tmpcopyup', 'mode=755'), args('write=/made=1', 'mounts'));
    const { facts } = (await lab.tsrun(['run', '--bundle', bundle.dir, lab.id()])).expectCode(0);
    expect(facts.of('write').errno).toBe('');
    expect(existsSync(join(bundle.rootfs, 'made'))).toBe(false);
    const atRoot = parseMountinfo(facts.text('mounts')).filter(({ target }) => target === '/');
    expect(atRoot.map(({ type }) => type)).toContain('tmpfs');
  });

  test('by a bind is the directory bound', async ({ lab }) => {
    const other = lab.bundle();
    const bundle = lab.bundle(onRoot('bind', other.rootfs, 'bind'), args('write=/made=1'));
    (await lab.tsrun(['run', '--bundle', bundle.dir, lab.id()])).expectCode(0);
    expect([existsSync(join(bundle.rootfs, 'made')), existsSync(join(other.rootfs, 'made'))]).toEqual([false, true]);
  });
});

describe('recursive attributes', () => {
  /** option of an rbind, and what the mount below then has or has not */
  const table: [string, string[], string[]][] = [
    ['rro', ['ro'], []],
    ['rnosuid', ['nosuid'], []],
    ['rnodev', ['nodev'], []],
    ['rnoexec', ['noexec'], []],
    ['rnodiratime', ['nodiratime'], []],
    ['rnoatime', ['noatime'], ['relatime']],
    ['rrelatime', ['relatime'], ['noatime']],
    ['rstrictatime', [], ['relatime', 'noatime']],
    ['rnosymfollow', ['nosymfollow'], []],
    // Not recursive: the mount below stays as it was.
    ['ro', ['rw'], ['ro']],
    ['nosuid', [], ['nosuid']],
  ];
  /** the same for a mount below that has them all */
  const clearing: [string, string][] = [
    ['rrw', 'ro'],
    ['rsuid', 'nosuid'],
    ['rdev', 'nodev'],
    ['rexec', 'noexec'],
    ['rdiratime', 'nodiratime'],
    ['rsymfollow', 'nosymfollow'],
    ['ratime', 'noatime'],
    ['rnorelatime', 'noatime'],
    ['rnostrictatime', 'noatime'],
  ];

  async function below(lab: Lab, innerOptions: string, option: string): Promise<Mount> {
    const source = lab.directory('source');
    mkdirSync(join(source, 'sub'));
    (await call(['/bin/mount', '-t', 'tmpfs', '-o', innerOptions, 'inner', join(source, 'sub')])).expectCode(0);
    try {
      return mountAt(await mountsIn(lab, bind(source, '/bound', option)), '/bound/sub');
    } finally {
      (await call(['/bin/umount', join(source, 'sub')])).expectCode(0);
    }
  }

  test.for(table)('%s', async ([option, present, absent], { lab }) => {
    const found = await below(lab, 'rw', option);
    expect(found.options).toEqual(expect.arrayContaining(present));
    for (const name of absent) expect(found.options).not.toContain(name);
  });

  test.for(clearing)('%s clears %s', async ([option, cleared], { lab }) => {
    const found = await below(lab, 'bind,ro,nosuid,nodev,noexec,nodiratime,noatime'.slice(5), option);
    expect(found.options).not.toContain(cleared);
  });

  test('rro of a new file system', async ({ lab }) => {
    const facts = await lab.facts(tmpfs('/data', 'rro'), args('write=/data/x=1'));
    expect(facts.of('write').errno).toBe('EROFS');
  });
});

describe('propagation', () => {
  const types: [string, RegExp][] = [
    ['private', /^$/],
    ['rprivate', /^$/],
    ['shared', /^shared:\d+$/],
    ['rshared', /^shared:\d+$/],
    ['slave', /^$|^master:\d+$/],
    ['rslave', /^$|^master:\d+$/],
    ['unbindable', /^unbindable$/],
    ['runbindable', /^unbindable$/],
  ];
  test.for(types)('%s of a new file system and of a bind', async ([option, expected], { lab }) => {
    const mounts = await mountsIn(lab, tmpfs('/data', option), bind(lab.directory('source'), '/bound', option));
    expect(mountAt(mounts, '/data').propagation.join()).toMatch(expected);
    expect(mountAt(mounts, '/bound').propagation.join()).toMatch(expected);
  });

  test.for([
    ['rslave', true, false],
    ['rshared', true, true],
    ['rprivate', false, false],
  ] as const)('%s: mounts travel in %s, out %s', async ([option, inwards, outwards], { lab }) => {
    const source = lab.directory('source');
    (
      await call([
        '/bin/sh',
        '-c',
        `mount -t tmpfs shared ${source} && mount --make-shared ${source} && mkdir ${source}/host ${source}/guest`,
      ])
    ).expectCode(0);
    try {
      const container = await lab.started([
        withCapabilities('CAP_SYS_ADMIN'),
        bind(source, '/bound', option),
        change((config) => {
          if (option === 'rshared') config.linux.rootfsPropagation = 'rshared';
        }),
        args('mount=tmpfs=/bound/guest', 'pause'),
      ]);
      expect((await container.told('pause')).of('mount').errno).toBe('');
      (await call(['/bin/mount', '-t', 'tmpfs', 'from-host', join(source, 'host')])).expectCode(0);
      const inside = mountsOf(container.pid).map(({ target }) => target);
      expect([option, inside.includes('/bound/host')]).toEqual([option, inwards]);
      const outside = mountsOf('self').map(({ target }) => target);
      expect([option, outside.includes(join(source, 'guest'))]).toEqual([option, outwards]);
      (await container.delete('--force')).expectCode(0);
    } finally {
      await call(['/bin/umount', '-R', source]);
    }
  });

  test.for([undefined, 'rslave', 'rprivate', 'rshared', 'runbindable'])(
    'in a user namespace nothing of it shows on a host whose mounts are shared: rootfsPropagation %s',
    async (rootfsPropagation, { lab }) => {
      const shared = lab.directory('shared');
      (await call(['/bin/sh', '-c', `mount -t tmpfs shared ${shared} && mount --make-shared ${shared}`])).expectCode(0);
      try {
        const bundle = lab.bundle(
          userNamespace(),
          args('pause'),
          linux(rootfsPropagation === undefined ? {} : { rootfsPropagation }),
        );
        const dir = join(shared, 'bundle');
        (await call(['/bin/cp', '-a', bundle.dir, dir])).expectCode(0);
        const { result, id } = await lab.tryCreate({ ...bundle, dir });
        result.expectCode(0);
        const outside = mountsOf('self').map(({ target }) => target);
        expect(outside.filter((target) => target.startsWith(`${shared}/`))).toEqual([]);
        (await lab.tsrun(['delete', '--force', id])).expectCode(0);
      } finally {
        await call(['/bin/umount', '-R', shared]);
      }
    },
  );

  const roots: [string, RegExp][] = [
    ['private', /^$/],
    ['rprivate', /^$/],
    ['slave', /^$|^master:\d+$/],
    ['rslave', /^$|^master:\d+$/],
    ['shared', /^shared:\d+/],
    ['rshared', /^shared:\d+/],
    ['unbindable', /^unbindable$/],
    ['runbindable', /^unbindable$/],
  ];
  test.for(roots)('rootfsPropagation %s', async ([rootfsPropagation, expected], { lab }) => {
    const mounts = await mountsIn(lab, linux({ rootfsPropagation }));
    expect(mountAt(mounts, '/').propagation.join()).toMatch(expected);
  });
});

test('a tmpfs has the mode of the directory that it covers, or its own', async ({ lab }) => {
  const facts = await lab.facts(
    directory('/closed', 0o710),
    tmpfs('/closed', 'ro'),
    directory('/given', 0o710),
    tmpfs('/given', 'mode=1750'),
    directory('/copied', 0o710),
    tmpfs('/copied', 'tmpcopyup'),
    directory('/copied-given', 0o710),
    tmpfs('/copied-given', 'tmpcopyup', 'mode=1757'),
    tmpfs('/missing'),
    args('stat=/closed', 'stat=/given', 'stat=/copied', 'stat=/copied-given', 'stat=/missing', 'write=/closed/x=1'),
  );
  const modes = facts.each('stat').map(({ arg, mode }) => `${arg} ${Number(mode).toString(8)}`);
  expect(modes).toEqual(['/closed 710', '/given 1750', '/copied 710', '/copied-given 1757', '/missing 1777']);
  expect(facts.of('write').errno).toBe('EROFS');
});

describe('tmpcopyup', () => {
  test('copies what lies under it: files, modes, owners, links, directories', async ({ lab }) => {
    const facts = await lab.facts(
      file('/data/file', 'text', 0o640, 7),
      file('/data/sub/deep/file', 'deep', 0o600),
      link('/data/link', 'file'),
      directory('/data/sticky', 0o1777),
      tmpfs('/data', 'tmpcopyup', 'nosuid'),
      args(
        'read=/data/file',
        'stat=/data/file',
        'read=/data/sub/deep/file',
        'stat=/data/link',
        'stat=/data/sticky',
        'write=/data/file=changed',
        'mounts',
      ),
    );
    expect(facts.text('read', '/data/file')).toBe('text');
    expect(facts.of('stat', '/data/file')).toMatchObject({ type: 'file', mode: 0o640, uid: 7, gid: 7 });
    expect(facts.text('read', '/data/sub/deep/file')).toBe('deep');
    expect(facts.of('stat', '/data/link')).toMatchObject({ type: 'link', target: 'file' });
    expect(facts.of('stat', '/data/sticky')).toMatchObject({ type: 'dir', mode: 0o1777 });
    expect(mountAt(parseMountinfo(facts.text('mounts')), '/data')).toMatchObject({
      type: 'tmpfs',
      options: expect.arrayContaining(['nosuid']),
    });
  });

  test('leaves the original as it is', async ({ lab }) => {
    const { rootfs, dir } = lab.bundle(
      file('/data/file', 'text'),
      tmpfs('/data', 'tmpcopyup'),
      args('write=/data/file=changed', 'write=/data/new=x'),
    );
    (await lab.tsrun(['run', '--bundle', dir, lab.id()])).expectCode(0);
    expect(readFileSync(join(rootfs, 'data/file'), 'utf8')).toBe('text');
    expect(readdirSync(join(rootfs, 'data'))).toEqual(['file']);
  });

  test('with ro the copy is there and cannot be written', async ({ lab }) => {
    const facts = await lab.facts(
      file('/data/file', 'text'),
      tmpfs('/data', 'tmpcopyup', 'ro'),
      args('read=/data/file', 'write=/data/file=x'),
    );
    expect(facts.text('read')).toBe('text');
    expect(facts.of('write').errno).toBe('EROFS');
  });
});

describe('remount', () => {
  test('changes the mount that is there', async ({ lab }) => {
    const mounts = await mountsIn(
      lab,
      tmpfs('/data', 'nosuid'),
      mount({ destination: '/data', type: 'tmpfs', source: 'tmpfs', options: ['remount', 'ro', 'nosuid'] }),
    );
    expect(mounts.filter(({ target }) => target === '/data')).toHaveLength(1);
    expect(mountAt(mounts, '/data').options).toEqual(expect.arrayContaining(['ro', 'nosuid']));
  });

  test('of a bind', async ({ lab }) => {
    const mounts = await mountsIn(
      lab,
      bind(lab.directory('source'), '/bound'),
      mount({ destination: '/bound', source: 'none', options: ['bind', 'remount', 'ro', 'noexec'] }),
    );
    expect(mounts.filter(({ target }) => target === '/bound')).toHaveLength(1);
    expect(mountAt(mounts, '/bound').options).toEqual(expect.arrayContaining(['ro', 'noexec']));
  });
});

describe('cgroup mounts', () => {
  test('type cgroup, read-only unless rw is asked for', async ({ lab }) => {
    const facts = await lab.facts(
      namespace('cgroup'),
      mount({ destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] }),
      mount({
        destination: '/sys/fs/cgroup',
        type: 'cgroup',
        source: 'cgroup',
        options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
      }),
      args('ls=/sys/fs/cgroup', 'mkdir=/sys/fs/cgroup/new', 'mounts'),
    );
    expect(facts.list('ls').length).toBeGreaterThan(0);
    expect(facts.of('mkdir').errno).toBe('EROFS');
    const mounts = parseMountinfo(facts.text('mounts')).filter(({ target }) => target.startsWith('/sys/fs/cgroup'));
    expect(mounts.some(({ type }) => type === 'cgroup2')).toBe(true);
    for (const found of mounts)
      expect([found.target, found.options]).toEqual([
        found.target,
        expect.arrayContaining(['ro', 'nosuid', 'noexec', 'nodev']),
      ]);
  });

  test('shows the container’s own cgroup with a cgroup namespace', async ({ lab }) => {
    const container = await lab.started([
      namespace('cgroup'),
      mount({
        destination: '/sys/fs/cgroup',
        type: 'cgroup2',
        source: 'cgroup2',
        options: ['ro', 'nosuid', 'noexec', 'nodev'],
      }),
      args('read=/sys/fs/cgroup/cgroup.procs', 'mounts', 'pause'),
    ]);
    const told = await container.told('pause');
    expect(told.text('read').trim().split('\n')).toEqual(['1']);
    expect(mountAt(parseMountinfo(told.text('mounts')), '/sys/fs/cgroup')).toMatchObject({
      type: 'cgroup2',
      root: '/',
    });
  });

  test('without a cgroup namespace too it shows no more than the container’s cgroup, or is read-only', async ({
    lab,
  }) => {
    const facts = await lab.facts(
      mount({
        destination: '/sys/fs/cgroup',
        type: 'cgroup',
        source: 'cgroup',
        options: ['nosuid', 'noexec', 'nodev', 'ro'],
      }),
      args('mkdir=/sys/fs/cgroup/new', 'mkdir=/sys/fs/cgroup/unified/new', 'ls=/sys/fs/cgroup'),
    );
    for (const attempt of facts.each('mkdir')) expect(attempt.errno).not.toBe('');
    expect(facts.list('ls').length).toBeGreaterThan(0);
  });
});

describe('the root file system', () => {
  test('read-only', async ({ lab }) => {
    const facts = await lab.facts(
      set('root.readonly', true),
      tmpfs('/tmp'),
      args('write=/new=x', 'write=/tmp/new=x', 'write=/dev/new=x', 'mounts'),
    );
    expect(facts.of('write', '/new').errno).toBe('EROFS');
    expect(facts.of('write', '/tmp/new').errno).toBe('');
    expect(facts.of('write', '/dev/new').errno).toBe('');
    expect(mountAt(parseMountinfo(facts.text('mounts')), '/').options).toContain('ro');
  });

  test('writable by default', async ({ lab }) => {
    expect((await lab.facts(args('write=/new=x'))).of('write').errno).toBe('');
  });

  test('read-only leaves the machine’s directory writable', async ({ lab }) => {
    const { rootfs, dir } = lab.bundle(set('root.readonly', true), args('exit=0'));
    (await lab.tsrun(['run', '--bundle', dir, lab.id()])).expectCode(0);
    writeFileSync(join(rootfs, 'still'), '');
  });

  test('no way back to the old root', async ({ lab }) => {
    const facts = await lab.facts(
      withCapabilities('CAP_SYS_ADMIN'),
      args('mounts', 'ls=/', 'chroot=../../../..', 'ls=/'),
    );
    for (const told of facts.each('ls')) expect(told.value).toContain('guest');
    const mounts = parseMountinfo(facts.text('mounts'));
    expect(mounts.filter(({ target }) => target === '/')).toHaveLength(1);
    expect(mountAt(mounts, '/').root).toContain('/rootfs');
  });

  test('--no-pivot', async ({ lab }) => {
    const result = await lab.run([args('ls=/', 'write=/made=x', 'mounts', 'stat=/proc/self')], {
      flags: ['--no-pivot'],
    });
    result.expectCode(0);
    expect(result.facts.list('ls')).toContain('guest');
    expect(result.facts.of('write').errno).toBe('');
    expect(result.facts.of('stat').errno).toBe('');
  });

  test('an absolute path, and a path with ..', async ({ lab }) => {
    const elsewhere = lab.bundle();
    expect((await lab.facts(set('root.path', elsewhere.rootfs), args('print=x', 'ls=/'))).list('ls')).toContain(
      'guest',
    );
    const { dir } = lab.bundle(set('root.path', './../bundle1/rootfs'), args('ls=/'));
    const result = await lab.tsrun(['run', '--bundle', dir, lab.id()]);
    expect(result.expectCode(0).facts.list('ls')).toContain('guest');
  });

  test('a mount point of its own', async ({ lab }) => {
    const bundle = lab.bundle(args('ls=/'));
    (await call(['/bin/mount', '--bind', bundle.rootfs, bundle.rootfs])).expectCode(0);
    try {
      const result = await lab.tsrun(['run', '--bundle', bundle.dir, lab.id()]);
      expect(result.expectCode(0).facts.list('ls')).toContain('guest');
    } finally {
      (await call(['/bin/umount', bundle.rootfs])).expectCode(0);
    }
  });

  test('mounts of the machine below it come along', async ({ lab }) => {
    const bundle = lab.bundle(directory('/below'), args('ls=/below'));
    (await call(['/bin/mount', '-t', 'tmpfs', 'below', join(bundle.rootfs, 'below')])).expectCode(0);
    try {
      writeFileSync(join(bundle.rootfs, 'below/seen'), '');
      const result = await lab.tsrun(['run', '--bundle', bundle.dir, lab.id()]);
      expect(result.expectCode(0).facts.list('ls')).toEqual(['seen']);
    } finally {
      (await call(['/bin/umount', join(bundle.rootfs, 'below')])).expectCode(0);
    }
  });

  test('not writable for the machine’s root either: a read-only bundle', async ({ lab }) => {
    const bundle = lab.bundle(set('root.readonly', true), directory('/dev'), directory('/dev/pts'), args('print=fine'));
    (
      await call([
        '/bin/sh',
        '-c',
        `mount --bind ${bundle.dir} ${bundle.dir} && mount -o remount,bind,ro ${bundle.dir}`,
      ])
    ).expectCode(0);
    try {
      const result = await lab.tsrun(['run', '--bundle', bundle.dir, lab.id()]);
      expect(result.expectCode(0).stdout).toBe('fine\n');
    } finally {
      (await call(['/bin/umount', bundle.dir])).expectCode(0);
    }
  });

  test('a user other than root', async ({ lab }) => {
    const facts = await lab.facts(user(1000, 1000), args('write=/new=x', 'write=/tmp/new=x'));
    expect(facts.of('write', '/new').errno).toBe('EACCES');
    expect(facts.of('write', '/tmp/new').errno).toBe('');
  });
});

describe('many', () => {
  test('200 mounts', async ({ lab }) => {
    const mounts = await mountsIn(
      lab,
      ...Array.from({ length: 200 }, (_, index) => tmpfs(`/many/${index}`, 'size=4k')),
    );
    expect(mounts.filter(({ target }) => target.startsWith('/many/'))).toHaveLength(200);
  });
});
