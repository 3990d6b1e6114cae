/** `mounts add`, `remove` and `list`, on containers that run. */
import {
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { args, bind, command, mount, namespace, type Part, set, userNamespace } from './harness/config.ts';
import { isAlive, mountsOf } from './harness/kernel.ts';
import type { Container, Lab } from './harness/lab.ts';
import { caller, hostToolPath } from './harness/places.ts';
import { call, runtime, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

const seenBy = (container: Container): string[] => mountsOf(container.pid).map(({ target }) => target);

async function change(lab: Lab, action: 'add' | 'remove', container: Container, mounts: unknown, text?: string) {
  const file = lab.path('mounts.json');
  writeFileSync(file, text ?? JSON.stringify(mounts, null, 2));
  return lab.tsrun(['mounts', action, container.id, file], { cwd: lab.dir });
}

const bindOf = (source: string, destination: string, ...options: string[]) => ({
  destination,
  type: 'bind',
  source,
  options: ['bind', ...options],
});

async function withSource(lab: Lab, ...parts: Part[]): Promise<{ container: Container; source: string }> {
  const source = lab.directory('source');
  writeFileSync(`${source}/file`, 'content');
  return { container: await lab.started([args('until=/stop'), ...parts]), source };
}

const inContainer = async (container: Container, ...words: string[]): Promise<string> =>
  (await call(['nsenter', '-t', String(container.pid), '-m', '--root', ...words])).stdout;

describe('mounts add', () => {
  test('a directory, a file and a tmpfs appear, with their options', async ({ lab }) => {
    const { container, source } = await withSource(lab);
    const result = await change(lab, 'add', container, [
      bindOf(source, '/added/below', 'ro', 'nosuid'),
      bindOf(`${source}/file`, '/added-file'),
      { destination: '/fresh', type: 'tmpfs', source: 'tmpfs', options: ['size=64k', 'noexec'] },
    ]);
    expect([result.expectCode(0).stdout, result.stderr]).toEqual(['', '']);
    const mounts = mountsOf(container.pid);
    const at = (target: string) => mounts.find((mount) => mount.target === target);
    expect(at('/added/below')?.options).toEqual(expect.arrayContaining(['ro', 'nosuid']));
    expect(at('/fresh')).toMatchObject({ type: 'tmpfs', options: expect.arrayContaining(['noexec']) });
    expect(at('/added-file')).toBeDefined();
    // The host has none of them.
    expect(lab.mounts().filter((line) => /added|fresh/.test(line))).toEqual([]);
  });

  test('a relative source begins in the current directory, and - is standard input', async ({ lab }) => {
    const { container } = await withSource(lab);
    const result = await lab.tsrun(['mounts', 'add', container.id, '-'], {
      cwd: lab.dir,
      input: JSON.stringify({ mounts: [bindOf('source', '/here')] }),
    });
    result.expectCode(0);
    expect(seenBy(container)).toContain('/here');
  });

  test('in a container with a user namespace, from a source that only root reaches', async ({ lab }) => {
    const { container, source } = await withSource(lab, userNamespace());
    mkdirSync(`${source}/secret/inner`, { recursive: true, mode: 0o700 });
    (await change(lab, 'add', container, [bindOf(`${source}/secret/inner`, '/tmp/in')])).expectCode(0);
    expect(seenBy(container)).toContain('/tmp/in');
  });

  test('either all or none', async ({ lab }) => {
    const { container, source } = await withSource(lab);
    const before = seenBy(container);
    const result = await change(lab, 'add', container, [
      bindOf(source, '/one'),
      { destination: '/two', type: 'tmpfs', options: ['size=1m'] },
      { destination: '/three', type: 'tmpfs', options: ['bogus=1'] },
    ]);
    expect(result.expectCode(1).stderr).toMatch(/mounts\[2\].*bogus/);
    expect(seenBy(container)).toEqual(before);
  });

  test.for<[string, (rootfs: string, outside: string) => void]>([
    ['an absolute link', (rootfs, outside) => symlinkSync(outside, `${rootfs}/link`)],
    ['a relative link', (rootfs, outside) => symlinkSync(`../../../../../../../..${outside}`, `${rootfs}/link`)],
  ])('%s in the container leads nowhere outside', async ([, prepare], { lab }) => {
    const { container, source } = await withSource(lab);
    const outside = lab.directory('outside');
    prepare(container.bundle.rootfs, outside);
    (await change(lab, 'add', container, [bindOf(source, '/link/sub')])).expectCode(0);
    expect(readdirSync(outside)).toEqual([]);
    expect(lab.mounts().filter((line) => line.includes('outside'))).toEqual([]);
    expect(seenBy(container).some((target) => target.endsWith('/sub'))).toBe(true);
  });

  test('works where the container’s root was emptied', async ({ lab }) => {
    const { container, source } = await withSource(lab);
    rmSync(`${container.bundle.rootfs}/guest`);
    rmSync(`${container.bundle.rootfs}/etc`, { recursive: true });
    (await change(lab, 'add', container, [bindOf(source, '/etc')])).expectCode(0);
    expect(seenBy(container)).toContain('/etc');
  });
});

describe('while the container exchanges a directory for a link', () => {
  const rounds = 30;
  test.for<[to: string, link: (outside: string) => string]>([
    ['up and out', (outside) => `../../../../../../../..${outside}`],
    ['a directory of the host', (outside) => outside],
    ['procfs', () => '/proc/sys/kernel'],
    ['the descriptors of a process', () => '/proc/self/fd'],
  ])('%s: nothing lands there', async ([, link], { lab, onTestFinished }) => {
    const outside = lab.directory('outside');
    writeFileSync(join(outside, 'file'), 'untouched');
    const source = lab.directory('source');
    writeFileSync(join(source, 'file'), 'content');
    // In memory, where names change places fast enough for the race to be won.
    const volume = mkdtempSync('/run/race-');
    onTestFinished(() => rmSync(volume, { recursive: true }));
    mkdirSync(join(volume, 'a'));
    symlinkSync(link(outside), join(volume, 'b'));
    if (caller !== undefined) for (const path of [volume, join(volume, 'a')]) chownSync(path, caller, caller);
    const container = await lab.started([
      ({ rootfs }) => copyFileSync(hostToolPath, `${rootfs}/host`),
      bind(volume, '/volume'),
      command('/host', 'swap', '/volume/a', '/volume/b'),
    ]);
    const [before, mounts] = [seenBy(container).filter((target) => target.startsWith('/proc')), lab.mounts()];
    const codes: number[] = [];
    // One in eight may succeed: all three mounts have to meet the directory.
    for (let round = 0; round < rounds || (!codes.includes(0) && round < 20 * rounds); round++) {
      const wanted = [
        bindOf(source, `/volume/a/dir${round}/below`),
        bindOf(`${source}/file`, `/volume/a/file${round}`),
        { destination: '/volume/a/file', type: 'bind', source: `${source}/file`, options: ['bind'] },
      ];
      const { code, stderr } = await change(lab, 'add', container, wanted);
      codes.push(code);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      if (round % 2) await change(lab, 'remove', container, wanted);
    }
    expect(isAlive(container.pid)).toBe(true);
    expect(new Set([0, 1])).toEqual(new Set([0, 1, ...codes]));
    expect(codes).toContain(0);
    expect(seenBy(container).filter((target) => target.startsWith('/proc'))).toEqual(before);
    expect(lab.mounts()).toEqual(mounts);
    expect([readdirSync(outside), readFileSync(join(outside, 'file'), 'utf8')]).toEqual([['file'], 'untouched']);
  });
});

test('mounts add goes on to its end, whatever signals come', async ({ lab }) => {
  const { container } = await withSource(lab, ({ rootfs }) => {
    mkdirSync(`${rootfs}/big`);
    for (let i = 0; i < 64; i++) writeFileSync(`${rootfs}/big/${i}`, Buffer.alloc(1024 * 1024));
  });
  const wanted = [
    { destination: '/small', type: 'tmpfs', source: 'tmpfs' },
    { destination: '/big', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] },
  ];
  const file = lab.path('signalled.json');
  writeFileSync(file, JSON.stringify(wanted));
  const command = start(runtime(lab.root, 'mounts', 'add', container.id, file));
  for (let pause = 0; command.exitCode === null && pause < 400; pause++) {
    if (seenBy(container).includes('/small')) command.kill('SIGTERM');
    await new Promise((wake) => setTimeout(wake, 1));
  }
  const { exitCode, signal } = await command;
  expect([exitCode, signal]).toEqual([0, undefined]);
  expect(seenBy(container)).toEqual(expect.arrayContaining(['/small', '/big']));
});

describe('mounts remove', () => {
  test('takes away what was added, and what was there', async ({ lab }) => {
    const { container, source } = await withSource(lab);
    const wanted = [bindOf(source, '/added'), bindOf(`${source}/file`, '/added-file')];
    (await change(lab, 'add', container, wanted)).expectCode(0);
    (await change(lab, 'remove', container, wanted)).expectCode(0);
    expect(seenBy(container).filter((target) => target.startsWith('/added'))).toEqual([]);
    expect(readdirSync(source)).toEqual(['file']);
  });

  test.for<[string, RegExp]>([
    ['/', /stays/],
    ['/proc', /stays/],
    ['/proc/sys', /stays/],
    ['/no/such', /does not exist/],
    ['/etc', /nothing is mounted there/],
  ])('%s is refused', async ([destination, said], { lab }) => {
    const { container } = await withSource(lab);
    const before = seenBy(container);
    const result = await change(lab, 'remove', container, [{ destination }]);
    expect(result.expectCode(1).stderr).toMatch(said);
    expect(result.stderr).toContain('mounts[0]');
    expect(seenBy(container)).toEqual(before);
  });
});

test('mounts remove does not follow a link to the root', async ({ lab }) => {
  const { container } = await withSource(lab, ({ rootfs }) => symlinkSync('/', `${rootfs}/link`));
  const before = seenBy(container);
  const result = await change(lab, 'remove', container, [{ destination: '/link' }]);
  expect(result.expectCode(1).stderr).toMatch(/leads to the container’s root, which stays/);
  expect(seenBy(container)).toEqual(before);
});

const sysfs = mount({ destination: '/sys', type: 'sysfs', source: 'sysfs' });

test.for([
  ['/proc', 'version', 'tty'],
  ['/sys', 'kernel/uevent_seqnum', 'class'],
] as const)('mounts remove does not follow a link to what hides a part of %s', async ([top, ...names], { lab }) => {
  const masked = names.map((name) => `${top}/${name}`);
  const { container } = await withSource(lab, namespace('network'), sysfs, set('linux.maskedPaths', masked), (draft) =>
    symlinkSync(top, `${draft.rootfs}/link`),
  );
  const before = seenBy(container);
  expect(before).toEqual(expect.arrayContaining(masked));
  for (const destination of [...names.map((name) => `/link/${name}`), '/link']) {
    const result = await change(lab, 'remove', container, [{ destination }]);
    expect(result.expectCode(1).stderr).toMatch(/a link leads it into procfs or sysfs, where everything stays/);
  }
  expect(seenBy(container)).toEqual(before);
});

test('mounts remove takes away what was added of sysfs, and not what a link leads to below it', async ({ lab }) => {
  const { container } = await withSource(lab, namespace('network'), sysfs, ({ rootfs }) =>
    symlinkSync('/sys', `${rootfs}/link`),
  );
  const before = seenBy(container);
  const added = [bindOf('/sys/class', '/of-sysfs'), bindOf('/sys/kernel/uevent_seqnum', '/of-sysfs-file')];
  (await change(lab, 'add', container, added)).expectCode(0);
  (await change(lab, 'remove', container, added)).expectCode(0);
  expect(seenBy(container)).toEqual(before);
  const below = [{ destination: '/sys/fs/cgroup', type: 'tmpfs', source: 'tmpfs' }];
  (await change(lab, 'add', container, below)).expectCode(0);
  const refused = await change(lab, 'remove', container, [{ destination: '/link/fs/cgroup' }]);
  expect(refused.expectCode(1).stderr).toMatch(/a link leads it into procfs or sysfs/);
  (await change(lab, 'remove', container, below)).expectCode(0);
  expect(seenBy(container)).toEqual(before);
});

test('mounts remove takes away what hides a part of /sys, where that is asked for', async ({ lab }) => {
  const masked = ['/sys/kernel/uevent_seqnum', '/sys/class'];
  const { container } = await withSource(lab, namespace('network'), sysfs, set('linux.maskedPaths', masked));
  const before = seenBy(container);
  const all = masked.map((destination) => ({ destination }));
  (await change(lab, 'remove', container, all)).expectCode(0);
  expect(seenBy(container)).toEqual(before.filter((target) => !masked.includes(target)));
});

describe('mounts list', () => {
  test('as the container sees them, as a table and as JSON', async ({ lab }) => {
    const { container, source } = await withSource(lab);
    (await change(lab, 'add', container, [bindOf(source, '/a b\nc')])).expectCode(0);
    const json = (await lab.tsrun(['mounts', 'list', '--format', 'json', container.id]))
      .expectCode(0)
      .json<{ destination: string; type: string; options: string[] }[]>();
    expect(json.map(({ destination }) => destination)).toEqual(seenBy(container));
    expect(json.find(({ destination }) => destination === '/proc')).toMatchObject({ type: 'proc' });
    const { stdout } = (await lab.tsrun(['mounts', 'list', container.id])).expectCode(0);
    expect(stdout).toMatch(/^DESTINATION +TYPE +SOURCE +OPTIONS\n/);
    expect(stdout).toContain('/a b\\nc');
    expect(await inContainer(container, '/bin/true')).toBe('');
  });
});

describe('what is refused', () => {
  const rows: [string, string, RegExp][] = [
    ['no JSON', '[{', /mounts\.json:1:\d+: the text ends too early/],
    ['a wrong type', '[{"destination": 5}]', /mounts\.json:1:3: mounts\[0\]\.destination: expected a string: got 5/],
    ['no destination', '[{}]', /mounts\.json:1:2: mounts\[0\]\.destination/],
    ['the root', '[{"destination": "/", "type": "tmpfs"}]', /replace the container's root/],
    ['inside of /proc', '[{"destination": "/proc/sys", "type": "tmpfs"}]', /inside of \/proc/],
    ['no type', '[{"destination": "/x"}]', /mounts\[0\]\.type: missing/],
    ['a new proc', '[{"destination": "/x", "type": "proc"}]', /mounts\[0\]\.type: proc cannot be added/],
    [
      'a missing source',
      '[{"destination": "/x", "source": "/no/such", "options": ["bind"]}]',
      /mounts\[0\]: [^\n]*the source "?\/no\/such"? (does not exist|is missing)/,
    ],
    ['a number', '7', /mounts\.json:1:1/],
  ];
  test.for(rows)('%s', async ([, text, said], { lab }) => {
    const { container } = await withSource(lab);
    const before = seenBy(container);
    const result = await change(lab, 'add', container, undefined, text);
    expect(result.expectCode(1).stderr).toMatch(said);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(seenBy(container)).toEqual(before);
  });

  test('a container that ended, or that is not there', async ({ lab }) => {
    const container = await lab.started([args('ids')]);
    await container.ended();
    expect((await change(lab, 'add', container, [])).expectCode(1).stderr).toContain('container not running');
    expect((await lab.tsrun(['mounts', 'list', 'nobody-here'])).expectCode(1).stderr).toContain('does not exist');
  });

  test.for<[string[], RegExp]>([
    [['mounts'], /missing argument: add\|remove\|list/],
    [['mounts', 'ad', 'x'], /add\|remove\|list: got "ad"/],
    [['mounts', 'add', 'x'], /missing argument: FILE/],
    [['mounts', 'list', 'x', 'file'], /too many arguments/],
  ])('%j', async ([words, said], { lab }) => {
    expect((await lab.tsrun(words)).expectCode(1).stderr).toMatch(said);
  });

  test('a container without mounts of its own', async ({ lab }) => {
    const container = await lab.create([
      args('pause'),
      ({ config }) => {
        config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== 'mount');
        config.mounts = [];
      },
      set('linux.maskedPaths', undefined),
      set('linux.readonlyPaths', undefined),
    ]);
    expect((await lab.tsrun(['mounts', 'list', container.id])).expectCode(1).stderr).toContain(
      'no mount namespace of its own',
    );
  });
});
