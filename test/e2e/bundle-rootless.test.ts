/** `bundle` without privileges: files belong to the ids that the caller has, and the container runs at once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { archive, entry, pax } from './harness/archive.ts';
import { installGuest, TestLayout, tar } from './harness/images.ts';
import { until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { caller, guestPath, runtimePath } from './harness/places.ts';
import { SUBORDINATE, wholeMap } from './harness/rootless.ts';
import { asUser, call, defaultEnvironment, type Result } from './harness/runtime.ts';
import { expect, test } from './harness/test.ts';

const uid = caller ?? 0;
const outside = (id: number): number => (id === 0 ? uid : SUBORDINATE.first + id - 1);

/** A root file system with files of several ids, which only root sees in it. */
function rootfs(lab: Lab): Buffer {
  installGuest(lab.directory('guest'));
  return archive(
    { name: 'bin/guest', mode: 0o755, content: readFileSync(lab.path('guest/bin/guest')) },
    { name: 'own', uid: 0, gid: 0, mode: 0o4755 },
    { name: 'private', type: '5', uid: 33, gid: 44, mode: 0o700 },
    { name: 'private/file', uid: 33, gid: 44, mode: 0o600, content: 'secret' },
    { name: 'etc/passwd', content: 'root:x:0:0::/:/bin/sh\nwww:x:33:44::/:/bin/sh\n' },
    { name: 'etc/group', content: 'www:x:44:\nmail:x:8:www\n' },
  );
}

/** Calls the runtime as the user, in his directory. */
async function asCaller(lab: Lab, ...argv: string[]): Promise<Result> {
  const XDG_RUNTIME_DIR = lab.directory('xdg');
  return call(asUser(uid, runtimePath, ...argv), { cwd: lab.dir, env: { ...defaultEnvironment, XDG_RUNTIME_DIR } });
}

/** Runs the guest in the bundle, as the bundle has it but for the arguments and the terminal. */
async function run(lab: Lab, bundle: string, ...args: string[]) {
  const file = join(bundle, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  config.process.args = args;
  config.process.terminal = false;
  writeFileSync(file, JSON.stringify(config));
  return (await asCaller(lab, 'run', '--bundle', bundle, lab.id())).expectCode(0).facts;
}

test('an archive: its owners are the caller’s ids, and the container sees them as they were', async ({ lab }) => {
  writeFileSync(lab.path('source.tar'), rootfs(lab));
  const result = (await asCaller(lab, 'bundle', 'source.tar', 'made')).expectCode(0);
  expect(result.stdout + result.stderr).toBe('');
  const bundle = lab.path('made');
  const of = (path: string): number[] => {
    const { uid: owner, gid, mode } = lstatSync(join(bundle, 'rootfs', path));
    return [owner, gid, mode & 0o7777];
  };
  expect(of('own')).toEqual([uid, uid, 0o4755]);
  expect(of('private/file')).toEqual([outside(33), outside(44), 0o600]);
  expect(lstatSync(bundle).uid).toBe(uid);
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
  expect(config.linux.uidMappings).toEqual(wholeMap(uid));
  const facts = await run(lab, bundle, '/bin/guest', 'ids', 'stat=/private');
  expect(facts.of('ids')).toMatchObject({ uid: 0, gid: 0 });
  expect(facts.of('stat')).toMatchObject({ uid: 33, gid: 44 });
});

test('an image: its container’s user is one of the caller’s ids, with its groups', async ({ lab }) => {
  const layout = new TestLayout(lab.path('layout'));
  layout.add([rootfs(lab)], { config: { Entrypoint: ['/bin/guest'], Cmd: ['ids'], User: 'www' } });
  (await asCaller(lab, 'bundle', 'oci:layout', 'made')).expectCode(0);
  const facts = await run(lab, lab.path('made'), '/bin/guest', 'ids', 'read=/private/file');
  expect(facts.of('ids')).toMatchObject({ uid: 33, gid: 44, groups: [8] });
  expect(facts.text('read', '/private/file')).toBe('secret');
});

test('what root alone can have is left out, and that is told', async ({ lab }) => {
  writeFileSync(
    lab.path('source.tar'),
    archive(
      { name: 'null', type: '3', major: 1, minor: 3 },
      { name: 'pipe', type: '6' },
      { name: 'far', uid: 200_000, gid: 5 },
      pax({ 'SCHILY.xattr.trusted.a': 'x', 'SCHILY.xattr.user.b': 'x' }),
      entry({ name: 'file' }),
    ),
  );
  const { stderr } = (await asCaller(lab, 'bundle', 'source.tar', 'made')).expectCode(0);
  expect(stderr.split('\n')).toEqual([
    'tsrun: warning: bundle: 1 entries belong to you now, and not to 200000:5, which you have no ids for',
    'tsrun: warning: bundle: 1 device nodes were left out, which only root can make',
    'tsrun: warning: bundle: the extended attribute trusted.a of 1 entries was left out',
    '',
  ]);
  expect(readdirSync(lab.path('made/rootfs')).sort()).toEqual(['far', 'file', 'pipe']);
  expect(tar(lab.path('made/rootfs'), '--format=posix').toString('latin1')).toContain('SCHILY.xattr.user.b=x');
});

test('a failure leaves nothing, and its status is that of the command', async ({ lab }) => {
  const source = rootfs(lab);
  writeFileSync(lab.path('source.tar'), source.subarray(0, source.length - 2000));
  const result = await asCaller(lab, '--log', 'log', '--log-format', 'json', 'bundle', 'source.tar', 'made');
  result.expectCode(1);
  expect(result.stderr).toMatch(/^tsrun: bundle: [^\n]*source\.tar: [^\n]*cut off[^\n]*\n$/);
  expect(JSON.parse(readFileSync(lab.path('log'), 'utf8'))).toMatchObject({ level: 'error', code: 'archive' });
  expect(readdirSync(lab.dir).sort()).toEqual(
    ['guest', 'log', 'source.tar', 'state', 'xdg'].filter((name) => existsSync(lab.path(name))),
  );
});

test('a signal ends it, and nothing is left', async ({ lab }) => {
  const argv = asUser(uid, runtimePath, 'bundle', '-', lab.path('made'));
  const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['pipe', 'ignore', 'pipe'], env: defaultEnvironment });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString();
  });
  child.stdin.write(rootfs(lab).subarray(0, 2048));
  const begun = (): boolean => readdirSync(lab.dir).some((name) => existsSync(lab.path(name, 'rootfs/bin/guest')));
  await until('the first file is there', begun);
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([143, null]);
  expect(words).toBe('tsrun: bundle: ended by SIGTERM; nothing is left\n');
  expect(readdirSync(lab.dir)).toEqual(['guest']);
});

test('without ids beside his own all belongs to the caller, and the container runs as him', async ({ lab }) => {
  const other = uid + 1;
  const layout = new TestLayout(lab.path('layout'));
  layout.add([rootfs(lab)], { config: { User: 'www' } });
  const home = lab.directory('home');
  chownSync(home, other, other);
  const asOther = (...argv: string[]): Promise<Result> =>
    call(asUser(other, runtimePath, ...argv), { cwd: home, env: { ...defaultEnvironment, XDG_RUNTIME_DIR: home } });
  const { stderr } = (await asOther('bundle', layout.dir, 'made')).expectCode(0);
  expect(stderr).toMatch(/warning: bundle: its user 33:44 is none of your ids/);
  expect(stderr).toMatch(/warning: bundle: 2 entries belong to you now, and not to 33:44/);
  const file = join(home, 'made/config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  expect(config.linux.uidMappings).toEqual([{ containerID: 0, hostID: other, size: 1 }]);
  config.process.args = ['/bin/guest', 'ids', 'read=/private/file'];
  config.process.terminal = false;
  writeFileSync(file, JSON.stringify(config));
  const { facts } = (await asOther('--cgroup-manager', 'disabled', 'run', '--bundle', 'made', lab.id())).expectCode(0);
  expect(facts.of('ids')).toMatchObject({ uid: 0, gid: 0 });
  expect(facts.text('read', '/private/file')).toBe('secret');
});

test('the host’s own root: the caller is himself in it', async ({ lab }) => {
  (await asCaller(lab, 'bundle', 'host', 'made')).expectCode(0);
  const facts = await run(lab, lab.path('made'), guestPath, 'ids', 'write=/etc/new=x');
  expect(facts.of('ids')).toMatchObject({ uid, gid: uid });
  expect(facts.of('write').errno).not.toBe('');
});
