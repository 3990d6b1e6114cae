/** Device nodes, links in /dev, and the device policy. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  args,
  change,
  type Device,
  file,
  linux,
  type Part,
  set,
  tmpfs,
  user,
  userNamespace,
  withCapabilities,
  withoutMount,
} from './harness/config.ts';
import { mountAt, parseMountinfo } from './harness/mountinfo.ts';
import { call, runtime } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** path, major, minor */
const defaults: [string, number, number][] = [
  ['/dev/null', 1, 3],
  ['/dev/zero', 1, 5],
  ['/dev/full', 1, 7],
  ['/dev/random', 1, 8],
  ['/dev/urandom', 1, 9],
  ['/dev/tty', 5, 0],
];
const links: [string, string][] = [
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
];

describe('default devices', () => {
  const verbs = [
    ...defaults.map(([path]) => `stat=${path}`),
    ...links.map(([path]) => `stat=${path}`),
    'stat=/dev/ptmx',
    'stat=/dev/pts/ptmx',
    'stat=/dev/console',
  ];

  test('nodes and links', async ({ lab }) => {
    const facts = await lab.facts(args(...verbs));
    for (const [path, major, minor] of defaults) {
      expect(facts.of('stat', path)).toMatchObject({ type: 'char', mode: 0o666, uid: 0, gid: 0, major, minor });
    }
    for (const [path, target] of links) expect(facts.of('stat', path)).toMatchObject({ type: 'link', target });
    expect(facts.of('stat', '/dev/ptmx')).toMatchObject({
      type: 'link',
      target: expect.stringMatching(/^(\/dev\/)?pts\/ptmx$/),
    });
    expect(facts.of('stat', '/dev/pts/ptmx')).toMatchObject({ type: 'char', mode: 0o666, major: 5, minor: 2 });
    expect(facts.of('stat', '/dev/console').errno).toBe('ENOENT');
  });

  test('they work, for another user too', async ({ lab }) => {
    const facts = await lab.facts(
      user(1000, 1000),
      args(
        'write=/dev/null=x',
        'write=/dev/full=x',
        'open=/dev/zero=r',
        'open=/dev/random=r',
        'open=/dev/urandom=r',
        'open=/dev/ptmx=rw',
        'read=/dev/null',
        'open=/dev/tty=rw',
      ),
    );
    expect(facts.of('write', '/dev/null').errno).toBe('');
    expect(facts.of('write', '/dev/full').errno).toBe('E28');
    for (const path of ['/dev/zero', '/dev/random', '/dev/urandom', '/dev/ptmx']) {
      expect([path, facts.of('open', path).errno]).toEqual([path, '']);
    }
    // No terminal controls the process.
    expect(facts.of('open', '/dev/tty').errno).toBe('ENXIO');
  });

  test('without a mount on /dev they are made in the root file system', async ({ lab }) => {
    const facts = await lab.facts(withoutMount('/dev'), withoutMount('/dev/pts'), args(...verbs));
    for (const [path, major, minor] of defaults) {
      expect([path, facts.of('stat', path)]).toMatchObject([path, { type: 'char', major, minor }]);
    }
  });

  test('in a user namespace', async ({ lab }) => {
    const facts = await lab.facts(userNamespace(), args(...verbs, 'write=/dev/null=x', 'open=/dev/ptmx=rw'));
    for (const [path, major, minor] of defaults) {
      expect(facts.of('stat', path)).toMatchObject({ type: 'char', mode: 0o666, major, minor });
    }
    expect(facts.of('write').errno).toBe('');
    expect(facts.of('open').errno).toBe('');
  });

  test('a bind of /dev is left as it is', async ({ lab }) => {
    const source = lab.directory('dev');
    const result = await lab.run([
      withoutMount('/dev'),
      withoutMount('/dev/pts'),
      change((config) => config.mounts.push({ destination: '/dev', type: 'bind', source, options: ['rbind', 'ro'] })),
      args('ls=/dev'),
    ]);
    expect(result.expectCode(0).facts.list('ls')).toEqual([]);
  });
});

describe('linux.devices', () => {
  const devices: Device[] = [
    { type: 'c', path: '/dev/fuse', major: 10, minor: 229, fileMode: 0o600, uid: 5, gid: 6 },
    { type: 'u', path: '/dev/unbuffered', major: 1, minor: 5, fileMode: 0o640 },
    { type: 'b', path: '/dev/deep/below/disk', major: 8, minor: 0, fileMode: 0o660, uid: 0, gid: 6 },
    { type: 'p', path: '/dev/pipe', fileMode: 0o622 },
    { type: 'c', path: '/opt/outside-of-dev', major: 1, minor: 3 },
    { type: 'c', path: '/dev/large', major: 4095, minor: 1_048_575, fileMode: 0o400 },
  ];

  test('nodes of each type, with mode and owner, in directories that are made', async ({ lab }) => {
    const facts = await lab.facts(
      linux({ devices }),
      args(...devices.map(({ path }) => `stat=${path}`), 'stat=/dev/deep'),
    );
    expect(facts.of('stat', '/dev/fuse')).toMatchObject({
      type: 'char',
      major: 10,
      minor: 229,
      mode: 0o600,
      uid: 5,
      gid: 6,
    });
    expect(facts.of('stat', '/dev/unbuffered')).toMatchObject({ type: 'char', major: 1, minor: 5, mode: 0o640 });
    expect(facts.of('stat', '/dev/deep/below/disk')).toMatchObject({
      type: 'block',
      major: 8,
      minor: 0,
      mode: 0o660,
      gid: 6,
    });
    expect(facts.of('stat', '/dev/pipe')).toMatchObject({ type: 'fifo', mode: 0o622 });
    expect(facts.of('stat', '/opt/outside-of-dev')).toMatchObject({ type: 'char', major: 1, minor: 3, uid: 0, gid: 0 });
    expect(facts.of('stat', '/dev/large')).toMatchObject({ major: 4095, minor: 1_048_575 });
    expect(facts.of('stat', '/dev/deep')).toMatchObject({ type: 'dir', mode: 0o755 });
  });

  test('one of the default devices, with another mode', async ({ lab }) => {
    const facts = await lab.facts(
      linux({ devices: [{ type: 'c', path: '/dev/null', major: 1, minor: 3, fileMode: 0o600, uid: 7, gid: 8 }] }),
      args('stat=/dev/null'),
    );
    expect(facts.of('stat')).toMatchObject({ type: 'char', major: 1, minor: 3, mode: 0o600, uid: 7, gid: 8 });
  });

  test('a path that is taken by something else is an error that names it', async ({ lab }) => {
    const result = await lab.run([
      withoutMount('/dev'),
      withoutMount('/dev/pts'),
      file('/dev/fuse', 'a file'),
      linux({ devices: [{ type: 'c', path: '/dev/fuse', major: 10, minor: 229 }] }),
    ]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('/dev/fuse');
    expect(lab.leftovers()).toEqual([]);
  });

  test('in a user namespace the device of the machine is bound', async ({ lab }) => {
    const facts = await lab.facts(
      userNamespace(),
      linux({
        devices: [{ type: 'c', path: '/dev/full', major: 1, minor: 7 }],
        // A device of its own stands in for the default one, whose permission goes with it.
        resources: { devices: [{ allow: true, type: 'c', major: 1, minor: 7, access: 'rw' }] },
      }),
      args('stat=/dev/full', 'write=/dev/full=x'),
    );
    expect(facts.of('stat')).toMatchObject({ type: 'char', major: 1, minor: 7 });
    expect(facts.of('write').errno).toBe('E28');
  });

  test('nothing is made on the machine', async ({ lab }) => {
    const { rootfs, dir } = lab.bundle(
      linux({ devices: [{ type: 'c', path: '/dev/fuse', major: 10, minor: 229 }] }),
      args('exit=0'),
    );
    (await lab.tsrun(['run', '--bundle', dir, lab.id()])).expectCode(0);
    expect(() => statSync(join(rootfs, 'dev/fuse'))).toThrow();
  });
});

describe('device policy', () => {
  // 1:11 is /dev/kmsg: exists on every machine, and is harmless to open (for reading with CAP_SYSLOG).
  const kmsg: Device = { type: 'c', path: '/dev/kmsg', major: 1, minor: 11, fileMode: 0o666 };
  const attempts = args(
    'mknod=/tmp/null=c=1=3',
    'open=/tmp/null=rw',
    'mknod=/tmp/kmsg=c=1=11',
    'open=/dev/kmsg=r',
    'open=/dev/kmsg=w',
    'open=/dev/null=rw',
    'open=/dev/zero=r',
    'open=/dev/ptmx=rw',
  );
  const policy =
    (part: Part): Part =>
    (draft) => {
      withCapabilities('CAP_SYSLOG')(draft);
      part(draft);
    };
  const rights = (...rules: NonNullable<NonNullable<Parameters<typeof linux>[0]['resources']>['devices']>) =>
    policy(linux({ devices: [kmsg], resources: { devices: rules } }));

  test('without rules: the default devices and no other', async ({ lab }) => {
    const facts = await lab.facts(policy(linux({ devices: [kmsg] })), attempts);
    for (const path of ['/dev/null', '/dev/zero', '/dev/ptmx', '/tmp/null']) {
      expect([path, facts.of('open', path).errno]).toEqual([path, '']);
    }
    expect(
      facts
        .each('open')
        .filter(({ arg }) => arg === '/dev/kmsg')
        .map(({ errno }) => errno),
    ).toEqual(['EPERM', 'EPERM']);
  });

  test('deny all: the default devices stay', async ({ lab }) => {
    const facts = await lab.facts(rights({ allow: false, access: 'rwm' }), attempts);
    expect(facts.of('open', '/dev/kmsg').errno).toBe('EPERM');
    expect(facts.of('open', '/dev/null').errno).toBe('');
  });

  test('allow to read one', async ({ lab }) => {
    const facts = await lab.facts(
      rights({ allow: false, access: 'rwm' }, { allow: true, type: 'c', major: 1, minor: 11, access: 'r' }),
      attempts,
    );
    const [read, write] = facts.each('open').filter(({ arg }) => arg === '/dev/kmsg');
    expect([read?.errno, write?.errno]).toEqual(['', 'EPERM']);
  });

  test('allow to write one', async ({ lab }) => {
    const facts = await lab.facts(
      rights({ allow: false, access: 'rwm' }, { allow: true, type: 'c', major: 1, minor: 11, access: 'w' }),
      attempts,
    );
    const [read, write] = facts.each('open').filter(({ arg }) => arg === '/dev/kmsg');
    expect([read?.errno, write?.errno]).toEqual(['EPERM', '']);
  });

  test('a wildcard minor number', async ({ lab }) => {
    const facts = await lab.facts(
      rights({ allow: false, access: 'rwm' }, { allow: true, type: 'c', major: 1, access: 'rw' }),
      attempts,
    );
    expect(facts.each('open').every(({ errno }) => errno === '')).toBe(true);
  });

  test('the later rule wins', async ({ lab }) => {
    const facts = await lab.facts(
      rights({ allow: true, access: 'rwm' }, { allow: false, type: 'c', major: 1, minor: 11, access: 'w' }),
      attempts,
    );
    const [read, write] = facts.each('open').filter(({ arg }) => arg === '/dev/kmsg');
    expect([read?.errno, write?.errno]).toEqual(['', 'EPERM']);
  });

  test('allow all', async ({ lab }) => {
    const facts = await lab.facts(rights({ allow: true, access: 'rwm' }), attempts);
    for (const fact of [...facts.each('open'), ...facts.each('mknod')]) expect(fact.errno).toBe('');
  });

  test('it holds for a node on a tmpfs and for the processes that come later', async ({ lab }) => {
    const facts = await lab.facts(
      tmpfs('/nodes', 'dev'),
      withCapabilities('CAP_MKNOD'),
      rights({ allow: false, access: 'rwm' }),
      args('mknod=/nodes/kmsg=c=1=11', 'open=/nodes/kmsg=r', 'spawn=/guest open=/dev/kmsg=r'),
    );
    for (const fact of facts.each('open')) expect(fact.errno).not.toBe('');
  });

  test('a device of linux.devices is not allowed by being made', async ({ lab }) => {
    const facts = await lab.facts(policy(linux({ devices: [kmsg] })), args('open=/dev/kmsg=r'));
    expect(facts.of('open').errno).toBe('EPERM');
  });

  test('in a user namespace too', async ({ lab }) => {
    const facts = await lab.facts(
      userNamespace(),
      linux({ resources: { devices: [{ allow: false, access: 'rwm' }] } }),
      set('process.user', { uid: 0, gid: 0 }),
      args('open=/dev/null=rw', 'open=/dev/ptmx=rw'),
    );
    expect(facts.each('open').map(({ errno }) => errno)).toEqual(['', '']);
  });
});

test('a device of the host that a user namespace gets is no peer of the host’s own', async ({ lab }) => {
  const { dir } = lab.bundle(userNamespace(), user(0, 0), args('mounts'));
  // Where all is shared, as systemd has it.
  const result = await call([
    ...['/usr/bin/unshare', '--mount', '--propagation', 'shared'],
    ...runtime(lab.root, 'run', '--bundle', dir, lab.id()),
  ]);
  const mounts = parseMountinfo(result.expectCode(0).facts.text('mounts'));
  expect(mountAt(mounts, '/dev/null').propagation).toEqual([]);
  expect(mounts.filter(({ propagation }) => propagation.some((word) => word.startsWith('shared:')))).toEqual([]);
});
