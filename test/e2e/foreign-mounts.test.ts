/** Containers without a mount namespace of their own: their mounts are among those of others, and go with the container. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  args,
  bind,
  directory,
  file,
  hook,
  linux,
  namespace,
  type Part,
  set,
  terminal,
  tmpfs,
  userNamespace,
  withCapabilities,
  withoutNamespace,
} from './harness/config.ts';
import { mountsOf, namespaceOf, until } from './harness/kernel.ts';
import type { Container, Lab } from './harness/lab.ts';
import { type Mount, mountAt, parseMountinfo } from './harness/mountinfo.ts';
import { guestPath, hostToolPath } from './harness/places.ts';
import { call, runtime } from './harness/runtime.ts';
import { ConsoleSocket } from './harness/terminal.ts';
import { describe, expect, test } from './harness/test.ts';

const inherited = withoutNamespace('mount');

const paused = (...verbs: string[]): Part => args(...verbs, 'pause');

const stop = async (container: Container): Promise<void> => {
  (await container.delete('--force')).expectCode(0);
};

const mountPoint = (lab: Lab, { id }: { id: string }): string => join(lab.root, id, 'rootfs');

/** A mount namespace that a process of the box holds, a copy of the box's. */
async function elsewhere<T>(use: (pid: number, mounts: () => Mount[]) => Promise<T>): Promise<T> {
  const holder = await call([
    ...['/usr/bin/unshare', '--mount', '--propagation', 'private'],
    ...['/bin/sh', '-c', 'sleep 600 >/dev/null 2>&1 & echo $!'],
  ]);
  const pid = Number(holder.expectCode(0).stdout);
  try {
    return await use(pid, () => mountsOf(pid));
  } finally {
    process.kill(pid, 'SIGKILL');
  }
}

describe('in the mount namespace of the caller', () => {
  test('everything is mounted, made, hidden and protected as elsewhere', async ({ lab }) => {
    const before = lab.mounts();
    const source = lab.directory('source');
    writeFileSync(join(source, 'file'), 'of the host');
    const container = await lab.started([
      inherited,
      bind(source, '/data', 'ro'),
      tmpfs('/scratch', 'noexec'),
      file('/etc/hidden', 'secret'),
      file('/etc/kept', 'kept'),
      linux({
        maskedPaths: ['/etc/hidden', '/proc/kcore'],
        readonlyPaths: ['/etc/kept', '/proc/sys'],
        devices: [{ path: '/dev/extra', type: 'c', major: 1, minor: 5 }],
      }),
      set('root.readonly', true),
      withCapabilities('CAP_SYS_ADMIN'),
      paused(
        'ns=mnt',
        'ls=/',
        'read=/data/file',
        'write=/data/new=x',
        'write=/scratch/new=x',
        'write=/new=x',
        'read=/etc/hidden',
        'write=/etc/kept=x',
        'write=/proc/sys/kernel/domainname=x',
        'stat=/dev/null',
        'stat=/dev/extra',
        'read=/proc/self/comm',
        'mounts',
      ),
    ]);
    const facts = await container.told('pause');
    expect(namespaceOf(container.pid, 'mnt')).toBe(namespaceOf('self', 'mnt'));
    expect(facts.list('ls')).toContain('guest');
    expect(facts.list('ls')).not.toContain('sbin');
    expect(facts.text('read', '/data/file')).toBe('of the host');
    for (const path of ['/data/new', '/new', '/etc/kept', '/proc/sys/kernel/domainname'])
      expect([path, facts.of('write', path).errno]).toEqual([path, 'EROFS']);
    expect(facts.of('write', '/scratch/new').errno).toBe('');
    expect(facts.text('read', '/etc/hidden')).toBe('');
    expect(facts.of('stat', '/dev/null')).toMatchObject({ type: 'char', major: 1, minor: 3 });
    expect(facts.of('stat', '/dev/extra')).toMatchObject({ type: 'char', major: 1, minor: 5 });
    // Of the host's mounts it sees none: what is not below its root has no path there.
    const seen = parseMountinfo(facts.text('mounts'));
    expect(mountAt(seen, '/').options).toContain('ro');
    expect(seen.map(({ target }) => target)).not.toContain(lab.root);
    expect(seen.filter(({ propagation }) => propagation.some((word) => word.startsWith('shared:')))).toEqual([]);

    // The host sees them in the state directory, and there only.
    const at = mountPoint(lab, container);
    const grown = lab.mounts().filter((line) => !before.includes(line));
    expect(grown.length).toBeGreaterThan(5);
    expect(grown.filter((line) => line !== at && !line.startsWith(`${at} `) && !line.startsWith(`${at}/`))).toEqual([]);
    expect(readdirSync(source)).toEqual(['file']);

    await stop(container);
    expect(lab.mounts()).toEqual(before);
    expect(readdirSync(container.bundle.rootfs)).toContain('guest');
    expect(readdirSync(source)).toEqual(['file']);
  });

  test('a terminal', async ({ lab }) => {
    const before = lab.mounts();
    const socket = await ConsoleSocket.listen(lab.path('console.sock'));
    try {
      const container = await lab.started([inherited, terminal(), paused('tty', 'stat=/dev/console')], {
        flags: ['--console-socket', socket.path],
      });
      await socket.said('"pause"');
      expect(socket.facts.of('tty')).toMatchObject({ tty: true, controlling: true });
      expect(socket.facts.of('stat')).toMatchObject({ type: 'char', major: 136 });
      await stop(container);
      expect(lab.mounts()).toEqual(before);
    } finally {
      await socket.close();
    }
  });

  test('exec, and a second exec by another user, are in the same root', async ({ lab }) => {
    const container = await lab.started([inherited, file('/marker'), tmpfs('/scratch'), paused('write=/scratch/x=1')]);
    await container.told('pause');
    const { facts } = (
      await lab.exec(container, ['read=/scratch/x', 'stat=/marker', 'stat=/../../../marker', 'read=/proc/1/comm'])
    ).expectCode(0);
    expect(facts.text('read', '/scratch/x')).toBe('1');
    expect(facts.of('stat', '/../../../marker').errno).toBe('');
    expect(facts.text('read', '/proc/1/comm')).toBe('guest\n');
    const other = (await lab.exec(container, ['ids', 'ls=/scratch'], { flags: ['--user', '7:8'] })).expectCode(0);
    expect(other.facts.list('ls')).toEqual(['x']);
  });

  test('containers of one bundle end in any order', async ({ lab }) => {
    const before = lab.mounts();
    const { dir } = lab.bundle(inherited, tmpfs('/scratch'), paused());
    const ids = [lab.id(), lab.id(), lab.id()];
    const output = { stdout: lab.path('o'), stderr: lab.path('e') };
    for (const id of ids) (await lab.tsrun(['run', '--detach', '--bundle', dir, id], { output })).expectCode(0);
    const [first = '', second = '', third = ''] = ids;
    for (const id of [second, first, third]) {
      (await lab.tsrun(['delete', '--force', id])).expectCode(0);
      const left = lab.mounts().filter((line) => line.includes(`/${id}/`));
      expect([id, left]).toEqual([id, []]);
    }
    expect(lab.mounts()).toEqual(before);
    expect(readdirSync(join(dir, 'rootfs'))).toContain('guest');
  });

  test('run removes them when its program ends, and a failed create before it fails', async ({ lab }) => {
    const before = lab.mounts();
    (await lab.run([inherited, tmpfs('/scratch'), args('exit=3')])).expectCode(3);
    expect(lab.mounts()).toEqual(before);
    const failed = await lab.run([inherited, tmpfs('/scratch'), tmpfs('/wrong', 'size=nonsense'), args('exit=0')]);
    expect(failed.expectCode(1).stderr).toContain('mounts[4]');
    expect(lab.mounts()).toEqual(before);
    const hooked = await lab.run([
      inherited,
      hook('createContainer', { path: guestPath, args: ['guest', 'exit=1'] }),
      args('exit=0'),
    ]);
    expect(hooked.expectCode(1).stderr).toContain('createContainer');
    expect(lab.mounts()).toEqual(before);
    expect(lab.leftovers()).toEqual([]);
  });

  test('what the container mounted over its root, and in it, goes as well', async ({ lab }) => {
    const before = lab.mounts();
    const container = await lab.started([
      inherited,
      withCapabilities('CAP_SYS_ADMIN'),
      directory('/below'),
      paused('mount=tmpfs=/below', 'mount=tmpfs=/', 'mount=tmpfs=/'),
    ]);
    const facts = await container.told('pause');
    expect(facts.each('mount').map(({ errno }) => errno)).toEqual(['', '', '']);
    await stop(container);
    expect(lab.mounts()).toEqual(before);
    expect(readdirSync(container.bundle.rootfs)).toContain('guest');
  });

  test('nothing shows in other mount namespaces, where the host shares its mounts with them', async ({ lab }) => {
    const shared = lab.directory('shared');
    // Everything is shared in there, as systemd has it; a bind's source and the state directory as well.
    const script = [
      `mkdir ${shared}/a`,
      `mount -t tmpfs t ${shared}/a && mkdir ${shared}/a/below`,
      '"$@"',
      'cat /proc/self/mountinfo',
    ].join('\n');
    const { dir } = lab.bundle(
      inherited,
      withCapabilities('CAP_SYS_ADMIN'),
      bind(`${shared}/a`, '/data'),
      paused('mount=tmpfs=/data/below', 'mounts'),
    );
    const id = lab.id();
    const output = { stdout: lab.path('o'), stderr: lab.path('e') };
    const argv = runtime(lab.root, 'run', '--detach', '--bundle', dir, id);
    (
      await call(['/usr/bin/unshare', '--mount', '--propagation', 'shared', '/bin/sh', '-ec', script, 'sh', ...argv], {
        output,
      })
    ).expectCode(0);
    await until('it says what it did', () => readdirSync(lab.dir).includes('o'));
    const inside = await lab.tsrun(['state', id]);
    const { pid } = inside.expectCode(0).json<{ pid: number }>();
    const at = join(lab.root, id, 'rootfs');
    await until('it has mounted', () => mountsOf(pid).some(({ target }) => target === '/data/below'));
    const outside = parseMountinfo(
      (await call(['nsenter', '-t', String(pid), '-m', 'cat', '/proc/self/mountinfo'])).stdout,
    );
    expect(outside.filter(({ target }) => target === `${shared}/a/below`)).toEqual([]);
    expect(outside.filter(({ target }) => target === `${at}/data/below`)).toHaveLength(1);
    expect(mountsOf(pid).filter(({ propagation }) => propagation.some((word) => word.startsWith('shared:')))).toEqual(
      [],
    );
    (await lab.tsrun(['delete', '--force', id])).expectCode(0);
  });

  test('killed at any moment, create leaves nothing that delete --force does not remove', async ({ lab }) => {
    const before = lab.mounts();
    const { dir, rootfs } = lab.bundle(inherited, tmpfs('/scratch'), paused());
    const id = lab.id();
    const output = { stdout: lab.path('o'), stderr: lab.path('e') };
    for (let moment = 0; moment < 21_000; moment += 700) {
      const argv = runtime(lab.root, 'create', '--bundle', dir, id);
      await call([hostToolPath, 'killafter', String(moment), ...argv], { output });
      (await lab.tsrun(['delete', '--force', id])).expectCode(0);
      expect([moment, lab.mounts()]).toEqual([moment, before]);
    }
    expect(readdirSync(rootfs)).toContain('guest');
  });

  test('a user namespace does not own the mounts around it', async ({ lab }) => {
    for (const parts of [[], [set('mounts', []), linux({ maskedPaths: ['/etc'] })]]) {
      const result = await lab.run([inherited, userNamespace(), ...parts, args('exit=0')]);
      expect(result.expectCode(1).stderr).toMatch(/(mounts|linux\.maskedPaths): needs a mount namespace/);
    }
    expect(lab.leftovers()).toEqual([]);
  });

  test('mounts are not added later', async ({ lab }) => {
    const container = await lab.started([inherited, paused()]);
    await container.told('pause');
    const result = await lab.tsrun(['mounts', 'add', container.id, '-'], {
      input: JSON.stringify([{ destination: '/x', type: 'tmpfs', source: 'tmpfs' }]),
    });
    expect(result.expectCode(1).stderr).toContain('no mount namespace of its own');
  });
});

describe('in a mount namespace that is joined', () => {
  const joined = (pid: number): Part => namespace('mount', `/proc/${pid}/ns/mnt`);

  test('the mounts are there, and nowhere else', async ({ lab }) => {
    await elsewhere(async (pid, mounts) => {
      const [before, there] = [lab.mounts(), mounts().length];
      const container = await lab.started([
        joined(pid),
        tmpfs('/scratch'),
        linux({ maskedPaths: ['/proc/kcore'] }),
        paused('write=/scratch/x=1', 'ls=/', 'statfs=/proc'),
      ]);
      const facts = await container.told('pause');
      expect(namespaceOf(container.pid, 'mnt')).toBe(namespaceOf(pid, 'mnt'));
      expect(facts.list('ls')).toContain('guest');
      expect(facts.of('write').errno).toBe('');
      expect(lab.mounts()).toEqual(before);
      expect(mounts().map(({ target }) => target)).toContain(`${mountPoint(lab, container)}/scratch`);
      const { facts: second } = (await lab.exec(container, ['read=/scratch/x'])).expectCode(0);
      expect(second.text('read')).toBe('1');
      const refused = await lab.tsrun(['mounts', 'add', container.id, '-'], { input: '[]' });
      expect(refused.expectCode(1).stderr).toContain('no mount namespace of its own');
      await stop(container);
      expect(mounts()).toHaveLength(there);
      expect(lab.mounts()).toEqual(before);
      expect(readdirSync(container.bundle.rootfs)).toContain('guest');
    });
  });

  test('a create that fails leaves none there', async ({ lab }) => {
    await elsewhere(async (pid, mounts) => {
      const there = mounts().length;
      const failed = await lab.run([joined(pid), tmpfs('/a'), tmpfs('/wrong', 'size=nonsense'), args('exit=0')]);
      expect(failed.expectCode(1).stderr).toContain('mounts[4]');
      expect(mounts()).toHaveLength(there);
      expect(lab.leftovers()).toEqual([]);
    });
  });

  test('one that does not have the state directory is told of', async ({ lab }) => {
    await elsewhere(async (pid, mounts) => {
      const hidden = lab.directory('state');
      (await call(['nsenter', '-t', String(pid), '-m', 'mount', '-t', 'tmpfs', 'none', hidden])).expectCode(0);
      const there = mounts().length;
      const failed = await lab.run([joined(pid), args('exit=0')]);
      expect(failed.expectCode(1).stderr).toMatch(/root\.path.*the mount namespace does not have the state directory/);
      expect(mounts()).toHaveLength(there);
      expect(lab.leftovers()).toEqual([]);
    });
  });
});
