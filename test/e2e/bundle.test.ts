/** `bundle`: from archives and images to bundles that run. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { files, installGuest, TestLayout, tar } from './harness/images.ts';
import type { Lab } from './harness/lab.ts';
import { guestPath } from './harness/places.ts';
import { expect, test } from './harness/test.ts';

/** All that is to be seen of a tree, one line for each file. */
function listing(directory: string): string {
  const script =
    'find . -printf "%P %y %#m %U:%G %s %T@ %l\\n" | sed "s/^\\(.* d [^ ]* [^ ]*\\) [0-9]*/\\1/" | sort; find . -type f | sort | xargs -r sha256sum';
  return execFileSync('sh', ['-c', script], { cwd: directory, encoding: 'utf8' });
}

/** A root file system with the guest, which the configuration of its bundle calls `sh`. */
function rootfs(lab: Lab, name = 'source'): string {
  const directory = files(lab.directory(name), { 'etc/passwd': 'root:x:0:0::/:/bin/sh\nwww:x:33:44::/:/bin/sh\n' });
  installGuest(directory);
  return directory;
}

async function runs(lab: Lab, bundle: string, ...args: string[]) {
  const file = join(bundle, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  config.process.args = ['/bin/guest', ...args];
  config.process.terminal = false;
  writeFileSync(file, JSON.stringify(config));
  return (await lab.tsrun(['run', '--bundle', bundle, lab.id()])).expectCode(0).facts;
}

test('a root file system in an archive becomes a bundle that runs', async ({ lab }) => {
  const source = rootfs(lab);
  const archive = lab.path('rootfs.tar.gz');
  writeFileSync(archive, gzipSync(tar(source)));
  const bundle = lab.path('made');
  const result = (await lab.tsrun(['bundle', archive, bundle])).expectCode(0);
  expect(result.stdout + result.stderr).toBe('');
  expect(listing(join(bundle, 'rootfs'))).toBe(listing(source));
  expect((await runs(lab, bundle, 'hostname')).of('hostname').value).toBe('tsrun');
  expect(readdirSync(lab.dir).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('an image becomes a bundle that runs: layers in order, whiteouts, and what its configuration says', async ({
  lab,
}) => {
  const base = rootfs(lab, 'base');
  files(base, { 'etc/old': '1', 'data/a': '1', 'data/b': '2', 'opaque/x': '1' });
  const upper = files(lab.directory('upper'), {
    'etc/.wh.old': '',
    'data/c': '3',
    'data/.wh.a': '',
    'opaque/.wh..wh..opq': '',
    'opaque/y': '1',
  });
  const layout = new TestLayout(lab.path('layout'));
  layout.add([tar(base), tar(upper)], {
    config: { Entrypoint: ['/bin/guest'], Cmd: ['hostname'], Env: ['A=b'], WorkingDir: '/data', User: 'www' },
  });
  const bundle = lab.path('made');
  (await lab.tsrun(['bundle', layout.dir, bundle])).expectCode(0);
  const at = (path: string): string[] => readdirSync(join(bundle, 'rootfs', path)).sort();
  expect(at('etc')).toEqual(['passwd']);
  expect(at('data')).toEqual(['b', 'c']);
  expect(at('opaque')).toEqual(['y']);
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
  expect(config.process).toMatchObject({
    args: ['/bin/guest', 'hostname'],
    cwd: '/data',
    user: { uid: 33, gid: 44 },
  });
  expect(config.process.env).toContain('A=b');
  expect((await runs(lab, bundle, 'hostname')).of('hostname').value).toBe('tsrun');
});

test('the host becomes a bundle that runs: its root, read-only, and nothing of it is copied', async ({ lab }) => {
  const bundle = lab.path('made');
  const result = (await lab.tsrun(['bundle', 'host', bundle])).expectCode(0);
  expect(result.stdout + result.stderr).toBe('');
  expect(execFileSync('find', [bundle, '-type', 'f'], { encoding: 'utf8' })).toBe(`${bundle}/config.json\n`);
  const file = join(bundle, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  expect(config.process).toMatchObject({ terminal: true, args: ['sh'], cwd: '/' });
  expect(readFileSync(file, 'utf8')).not.toContain(lab.dir);
  config.process.terminal = false;
  config.process.args = [guestPath, 'read=/etc/os-release', 'write=/etc/new=x', 'write=/tmp/new=x', 'pids'];
  writeFileSync(file, JSON.stringify(config));
  const { facts } = (await lab.tsrun(['run', '--bundle', bundle, lab.id()])).expectCode(0);
  expect(facts.text('read', '/etc/os-release')).toBe(readFileSync('/etc/os-release', 'utf8'));
  expect(facts.each('write').map(({ errno }) => errno)).toEqual(['EROFS', '']);
  // A second time, with the mount points of the first.
  (await lab.tsrun(['run', '--bundle', bundle, lab.id()])).expectCode(0);
});

test.for<readonly [string, readonly string[], RegExp]>([
  [
    'a platform for a root file system',
    ['--platform', 'linux/arm64', 'SOURCE'],
    /--platform: chooses among the variants of an image, and SOURCE is none/,
  ],
  ['a platform for the host', ['--platform', 'linux/arm64', 'host'], /--platform: chooses among the variants/],
  [
    'a limit for the host',
    ['--max-size', '1G', 'host'],
    /--max-size: is about what is unpacked, and of the host nothing is/,
  ],
  ['ids for the host', ['--map-ids', 'host'], /--map-ids: is about what is unpacked/],
  ['a platform that is none', ['--platform', 'arm64', 'SOURCE'], /--platform: not OS\/ARCH\[\/VARIANT\]: got "arm64"/],
  ['a source that is not there', ['none.tar'], /none\.tar does not exist/],
  [
    'a transport of others',
    ['docker://alpine'],
    /bundle: "docker:\/\/alpine": docker: is a transport that tsrun does not have/,
  ],
  ['an image without a path', ['oci:'], /not oci:PATH\[:TAG\]: got "oci:"/],
  ['a directory that is no image', ['/etc'], /\/etc is a directory without oci-layout, so no image layout/],
])('%s is refused by name', async ([, words, expected], { lab }) => {
  const archive = lab.path('source.tar');
  writeFileSync(archive, tar(rootfs(lab)));
  const argv = words.map((word) => (word === 'SOURCE' ? archive : word));
  const { stderr } = (await lab.tsrun(['bundle', ...argv, lab.path('made')])).expectCode(1);
  expect(stderr).toMatch(/^tsrun: bundle: [^\n]*\n$/);
  expect(stderr).toMatch(expected);
  expect(readdirSync(lab.dir).sort()).toEqual(['source', 'source.tar']);
});

test('a place that is taken, or cannot be, is refused by name', async ({ lab }) => {
  const archive = lab.path('source.tar');
  writeFileSync(archive, tar(rootfs(lab)));
  const taken = files(lab.directory('taken'), { file: 'x' });
  const refused = (await lab.tsrun(['bundle', archive, taken])).expectCode(1);
  expect(refused.stderr).toMatch(
    /^tsrun: bundle: [^\n]*taken exists already: remove it first, or name another directory\n$/,
  );
  const nowhere = (await lab.tsrun(['bundle', archive, lab.path('none/made')])).expectCode(1);
  expect(nowhere.stderr).toMatch(/none\/made: the directory [^\n]*none does not exist: make it first\n$/);
  // An empty directory is no loss.
  (await lab.tsrun(['bundle', archive, lab.directory('empty')])).expectCode(0);
  expect(readdirSync(lab.path('empty')).sort()).toEqual(['config.json', 'rootfs']);
});

test('a disk that is too small: the entry is named, and nothing is left', async ({ lab }) => {
  const archive = lab.path('source.tar');
  writeFileSync(archive, tar(rootfs(lab)));
  const disk = lab.directory('disk');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
  try {
    const { stderr } = (await lab.tsrun(['bundle', archive, join(disk, 'made')])).expectCode(1);
    expect(stderr).toMatch(/^tsrun: bundle: [^\n]*: entry "\.\/bin\/guest": write: No space left on device\n$/);
    expect(readdirSync(disk)).toEqual([]);
  } finally {
    execFileSync('umount', [disk]);
  }
});

test('--map-ids gives the container the user namespace of tsrun itself', async ({ lab }) => {
  const archive = lab.path('source.tar');
  writeFileSync(archive, tar(rootfs(lab)));
  (await lab.tsrun(['bundle', '--map-ids', archive, lab.path('made')])).expectCode(0);
  const { linux } = JSON.parse(readFileSync(lab.path('made/config.json'), 'utf8'));
  const [containerID, hostID, size] = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).map(Number);
  expect(linux.uidMappings).toEqual([{ containerID, hostID, size }]);
  expect(linux.namespaces).toContainEqual({ type: 'user' });
  expect((await runs(lab, lab.path('made'), 'ids')).of('ids')).toMatchObject({ uid: 0, gid: 0 });
});

test('what fails leaves nothing', async ({ lab }) => {
  const archive = lab.path('cut.tar.gz');
  const whole = gzipSync(tar(rootfs(lab)));
  writeFileSync(archive, whole.subarray(0, whole.length / 2));
  const result = (await lab.tsrun(['bundle', archive, lab.path('made')])).expectCode(1);
  expect(result.stderr).toMatch(/^tsrun: bundle: .*cut\.tar\.gz: .*cut off.*\n$/);
  expect(existsSync(lab.path('made'))).toBe(false);
  expect(readdirSync(lab.dir).filter((name) => name.startsWith('.'))).toEqual([]);
});
