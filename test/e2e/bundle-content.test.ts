/** `bundle`: what is in an archive or an image is what is in the bundle. GNU tar packs, and reads what has become of it. */
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Config } from '../../spec/config.ts';
import { archive, entry, pax, type RawEntry } from './harness/archive.ts';
import { files, hostArchitecture, type ImageOptions, installGuest, TestLayout, tar, zstd } from './harness/images.ts';
import type { Lab } from './harness/lab.ts';
import { describe, expect, test } from './harness/test.ts';

const MiB = 2 ** 20;

/** All of a tree that tar can tell, in one form: names, kinds, permissions, owners, times, links, devices, attributes, contents. */
function packed(directory: string): Buffer {
  const same = '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime';
  return tar(directory, '--format=posix', '--sort=name', same);
}

/** Makes a bundle of what a file holds; its root file system. */
async function unpack(lab: Lab, source: Buffer, ...flags: string[]): Promise<string> {
  const path = lab.path('source');
  writeFileSync(path, source);
  const result = (await lab.tsrun(['bundle', ...flags, path, lab.path('made')])).expectCode(0);
  expect(result.stdout + result.stderr).toBe('');
  return lab.path('made/rootfs');
}

/** One of everything that a tar can pack; what some formats cannot is left out of them. */
function makeTree(lab: Lab, has: { long?: boolean; large?: boolean; nodes?: boolean } = {}): string {
  const root = lab.directory('tree');
  const at = (name: string): string => join(root, name);
  files(root, { 'etc/passwd': 'root:x:0:0::/:/bin/sh\n', 'data/full': 'x'.repeat(70_000), 'data/empty': '' });
  mkdirSync(at('data/closed/inner'), { recursive: true });
  files(root, { 'data/closed/inner/file': 'x' });
  symlinkSync('../etc/passwd', at('data/link'));
  symlinkSync('/nowhere', at('data/dangling'));
  linkSync(at('data/full'), at('hard'));
  linkSync(at('data/link'), at('data/hard-link'));
  const sh = (script: string): void => void execFileSync('sh', ['-euc', script], { cwd: root });
  if (has.nodes !== false)
    sh('mknod data/null c 1 3; mknod data/disk b 8 17; mkfifo data/pipe; chmod 640 data/pipe; ln data/null data/null2');
  if (has.long !== false) {
    const long = `${'long-'.repeat(40)}/${'name-'.repeat(45)}`;
    files(root, { [`data/${long}`]: 'x' });
    symlinkSync(long.repeat(4), at('data/far'));
  }
  sh('chown 1000:2000 data/full; chmod 4755 data/full; chmod 2711 data; chmod 1777 etc; chown -h 33:44 data/link');
  if (has.large !== false) sh('chown 3000000:4000000000 data/empty');
  sh(
    'touch -h -d "1999-12-31 23:59:59" data/link data/dangling; touch -d "2001-02-03 04:05:06" hard data etc; chmod 0 data/closed',
  );
  return root;
}

describe('a tree comes out as it went in, packed', () => {
  const formats: readonly (readonly [string, Parameters<typeof makeTree>[1]])[] = [
    ['v7', { long: false, large: false, nodes: false }],
    ['oldgnu', {}],
    ['gnu', {}],
    ['ustar', { long: false, large: false }],
    ['posix', {}],
  ];
  test.for(formats)('in the format %s', async ([format, has], { lab }) => {
    const tree = makeTree(lab, has);
    // The other formats cut times to seconds.
    if (format !== 'posix') execFileSync('find', [tree, '-exec', 'touch', '-h', '-d', '2020-01-01', '{}', '+']);
    const rootfs = await unpack(lab, tar(tree, `--format=${format}`));
    expect(packed(rootfs).equals(packed(tree))).toBe(true);
    expect(lstatSync(join(rootfs, 'hard')).ino).toBe(lstatSync(join(rootfs, 'data/full')).ino);
    expect(lstatSync(join(rootfs, 'data/link')).ino).toBe(lstatSync(join(rootfs, 'data/hard-link')).ino);
  });

  const forms: readonly (readonly [string, (data: Buffer) => Buffer])[] = [
    ['by gzip', (data) => gzipSync(data)],
    [
      'by gzip, in two members',
      (data) => Buffer.concat([gzipSync(data.subarray(0, 5000)), gzipSync(data.subarray(5000))]),
    ],
    ['by gzip, on a tape of blocks', (data) => Buffer.concat([gzipSync(data), Buffer.alloc(10_240)])],
    ['by Zstandard', zstd],
    ['by Zstandard, in two frames', (data) => Buffer.concat([zstd(data.subarray(0, 5000)), zstd(data.subarray(5000))])],
    [
      'by Zstandard, behind a frame to be skipped',
      (data) => Buffer.concat([Buffer.from('502a4d180400000001020304', 'hex'), zstd(data)]),
    ],
  ];
  test.for(forms)('%s', async ([, compress], { lab }) => {
    const tree = makeTree(lab);
    const rootfs = await unpack(lab, compress(tar(tree, '--format=posix')));
    expect(packed(rootfs).equals(packed(tree))).toBe(true);
  });

  test('and through a pipe', async ({ lab }) => {
    const tree = makeTree(lab);
    const source = lab.path('source.tar.gz');
    writeFileSync(source, gzipSync(tar(tree, '--format=posix')));
    const script = 'cat "$1" | "$2" bundle - "$3"';
    execFileSync('sh', ['-c', script, '-', source, process.env.TSRUN_TEST_RUNTIME ?? 'dist/tsrun', lab.path('made')], {
      cwd: join(import.meta.dirname, '../..'),
    });
    expect(packed(lab.path('made/rootfs')).equals(packed(tree))).toBe(true);
  });

  test('in the order of a tar that puts a directory behind what is in it', async ({ lab }) => {
    const rootfs = await unpack(
      lab,
      archive(
        { name: 'd/e/f', content: 'x' },
        { name: 'd/e', type: '5', mode: 0o500 },
        { name: 'd', type: '5', mode: 0o711, uid: 5 },
      ),
    );
    const { mode, uid } = lstatSync(join(rootfs, 'd'));
    expect([mode & 0o7777, uid, lstatSync(join(rootfs, 'd/e')).mode & 0o7777]).toEqual([0o711, 5, 0o500]);
  });
});

describe('sparse files', () => {
  /** Content at both ends and in the middle, and 64 MiB of nothing. */
  function makeSparse(lab: Lab): string {
    const tree = lab.directory('tree');
    const path = join(tree, 'sparse');
    writeFileSync(path, 'begin');
    for (let i = 1; i < 30; i++)
      execFileSync('dd', [`of=${path}`, 'bs=4096', `seek=${i * 500}`, 'conv=notrunc', 'status=none'], {
        input: `part ${i}`,
      });
    truncateSync(path, 64 * MiB);
    return tree;
  }
  test.for([
    '--format=gnu',
    '--format=posix --sparse-version=0.0',
    '--format=posix --sparse-version=0.1',
    '--format=posix --sparse-version=1.0',
  ])('of %s have their holes', async (flags, { lab }) => {
    const tree = makeSparse(lab);
    const source = tar(tree, '--sparse', ...flags.split(' '));
    expect(source.length).toBeLessThan(MiB);
    const rootfs = await unpack(lab, source);
    expect(readFileSync(join(rootfs, 'sparse')).equals(readFileSync(join(tree, 'sparse')))).toBe(true);
    expect(lstatSync(join(rootfs, 'sparse')).blocks * 512).toBeLessThan(MiB);
  });
});

describe('extended attributes', () => {
  /** Two capabilities for whoever runs the file: version 2 of the kernel's format. */
  const bind = '\x01\0\0\x02\0\x04\0\0'.padEnd(20, '\0');
  const guestFile = (lab: Lab): RawEntry => {
    installGuest(lab.directory('guest'));
    return { name: 'bin/guest', mode: 0o755, content: readFileSync(lab.path('guest/bin/guest')) };
  };

  test('of files and directories, in the words of star and of libarchive', async ({ lab }) => {
    const rootfs = await unpack(
      lab,
      archive(
        pax({ 'SCHILY.xattr.user.one': 'a=b\n\0c' }),
        entry({ name: 'file' }),
        pax({ 'LIBARCHIVE.xattr.user.two%20words': Buffer.from('value').toString('base64').replace(/=+$/, '') }),
        entry({ name: 'dir', type: '5', mode: 0o555 }),
        pax({ 'SCHILY.xattr.trusted.three': '3' }),
        entry({ name: 'link', type: '2', linkName: 'file' }),
      ),
    );
    const again = packed(rootfs).toString('latin1');
    expect(again).toContain('SCHILY.xattr.user.one=a=b\n\0c\n');
    expect(again).toContain('SCHILY.xattr.user.two words=value\n');
    expect(again).toContain('SCHILY.xattr.trusted.three=3\n');
  });

  test('that give capabilities: the container’s user has them', async ({ lab }) => {
    await unpack(
      lab,
      archive(
        { name: 'bin', type: '5' },
        pax({ 'SCHILY.xattr.security.capability': bind }),
        // Given to another owner, which takes capabilities away where it comes after them.
        entry({ ...guestFile(lab), uid: 5, gid: 5 }),
      ),
    );
    const file = lab.path('made/config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    config.process = {
      ...config.process,
      terminal: false,
      args: ['/bin/guest', 'caps'],
      user: { uid: 1000, gid: 1000 },
      noNewPrivileges: false,
    };
    writeFileSync(file, JSON.stringify(config));
    const { facts } = (await lab.tsrun(['run', '--bundle', lab.path('made'), lab.id()])).expectCode(0);
    expect(facts.of('caps')).toMatchObject({ permitted: '0000000000000400', effective: '0000000000000400' });
  });

  test('that mean something to this host are left out, and that is told', async ({ lab }) => {
    const source = lab.path('source');
    writeFileSync(
      source,
      archive(
        pax({
          'SCHILY.xattr.trusted.overlay.opaque': 'y',
          'SCHILY.xattr.security.selinux': 'system_u:object_r:x:s0',
          'SCHILY.xattr.user.kept': 'k',
        }),
        entry({ name: 'dir', type: '5' }),
      ),
    );
    const { stderr } = (await lab.tsrun(['bundle', source, lab.path('made')])).expectCode(0);
    expect(stderr).toMatch(
      /^tsrun: warning: bundle: the extended attribute trusted\.overlay\.opaque of 1 entries was left out/,
    );
    expect(stderr).toMatch(
      /\ntsrun: warning: bundle: the extended attribute security\.selinux of 1 entries was left out/,
    );
    const again = packed(lab.path('made/rootfs')).toString('latin1');
    expect(again).toContain('user.kept');
    expect(again).not.toContain('overlay');
    rmSync(lab.path('made'), { recursive: true });
    expect((await lab.tsrun(['bundle', '--quiet', source, lab.path('made')])).expectCode(0).stderr).toBe('');
  });
});

describe('layers', () => {
  const dir = (name: string, mode = 0o755): RawEntry => ({ name, type: '5', mode });
  const file = (name: string, content = ''): RawEntry => ({ name, content });

  /** What the root file system of an image of these layers holds: paths of files with their contents. */
  async function merged(lab: Lab, ...layers: Buffer[]): Promise<Record<string, string>> {
    const layout = new TestLayout(lab.path('layout'));
    layout.add(layers);
    const result = (await lab.tsrun(['bundle', layout.dir, lab.path('made')])).expectCode(0);
    expect(result.stderr).toBe('');
    const root = lab.path('made/rootfs');
    const found: Record<string, string> = {};
    for (const item of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = join(item.parentPath, item.name);
      const name = path.slice(root.length + 1);
      if (item.isDirectory()) found[`${name}/`] = '';
      else found[name] = item.isFile() ? readFileSync(path, 'utf8') : 'other';
    }
    return found;
  }

  const lower = archive(dir('d'), file('d/a', '1'), file('d/b', '1'), dir('d/e'), file('d/e/f', '1'), file('top', '1'));

  const rows: readonly (readonly [string, Buffer, Record<string, string>])[] = [
    [
      'a file replaces a file',
      archive(file('d/a', '2')),
      { 'd/': '', 'd/a': '2', 'd/b': '1', 'd/e/': '', 'd/e/f': '1', top: '1' },
    ],
    ['a file replaces a directory', archive(file('d', '2')), { d: '2', top: '1' }],
    [
      'a directory replaces a file',
      archive(dir('top'), file('top/x', '2')),
      { 'd/': '', 'd/a': '1', 'd/b': '1', 'd/e/': '', 'd/e/f': '1', 'top/': '', 'top/x': '2' },
    ],
    [
      'a directory joins a directory',
      archive(dir('d', 0o700), file('d/c', '2')),
      { 'd/': '', 'd/a': '1', 'd/b': '1', 'd/c': '2', 'd/e/': '', 'd/e/f': '1', top: '1' },
    ],
    ['a whiteout hides a file', archive(file('d/.wh.a')), { 'd/': '', 'd/b': '1', 'd/e/': '', 'd/e/f': '1', top: '1' }],
    ['a whiteout hides a directory', archive(file('.wh.d')), { top: '1' }],
    [
      'a whiteout hides nothing where nothing is',
      archive(file('.wh.none'), file('none/.wh.x')),
      { 'd/': '', 'd/a': '1', 'd/b': '1', 'd/e/': '', 'd/e/f': '1', top: '1' },
    ],
    [
      'a whiteout in front of a file of its own layer',
      archive(file('.wh.d'), dir('d'), file('d/n', '2')),
      { 'd/': '', 'd/n': '2', top: '1' },
    ],
    [
      'a whiteout behind a file of its own layer',
      archive(dir('d'), file('d/n', '2'), file('.wh.d')),
      { 'd/': '', 'd/n': '2', top: '1' },
    ],
    [
      'an opaque directory',
      archive(dir('d'), file('d/.wh..wh..opq'), file('d/n', '2')),
      { 'd/': '', 'd/n': '2', top: '1' },
    ],
    [
      'an opaque directory that says so last',
      archive(dir('d'), dir('d/e'), file('d/e/n', '2'), file('d/.wh..wh..opq')),
      { 'd/': '', 'd/e/': '', 'd/e/n': '2', top: '1' },
    ],
    [
      'what aufs kept for itself',
      archive(dir('.wh..wh.plnk'), file('.wh..wh.plnk/1', 'x'), file('.wh..wh.aufs')),
      { 'd/': '', 'd/a': '1', 'd/b': '1', 'd/e/': '', 'd/e/f': '1', top: '1' },
    ],
    [
      'a hard link to a file of a layer below',
      archive({ name: 'top2', type: '1', linkName: 'top' }, file('d/a', '2')),
      { 'd/': '', 'd/a': '2', 'd/b': '1', 'd/e/': '', 'd/e/f': '1', top: '1', top2: '1' },
    ],
  ];
  test.for(rows)('%s', async ([, upper, expected], { lab }) => {
    expect(await merged(lab, lower, upper)).toEqual(expected);
  });

  test('a whiteout in the first layer hides nothing, and is none of its files', async ({ lab }) => {
    expect(await merged(lab, archive(file('.wh.a'), file('a', '1')))).toEqual({ a: '1' });
  });

  test('the permissions of a directory are those of the last layer that has it', async ({ lab }) => {
    await merged(lab, lower, archive(dir('d', 0o711)), archive(file('d/c', '3')));
    expect(lstatSync(lab.path('made/rootfs/d')).mode & 0o7777).toBe(0o711);
  });
});

describe('an image', () => {
  const base = archive(
    { name: 'etc/passwd', content: 'root:x:0:0::/:/bin/sh\nwww:x:33:44::/:/bin/sh\n' },
    { name: 'etc/group', content: 'www:x:44:\nmail:x:8:www\nlog:x:9:root,www\n' },
  );
  const named = (text: string): Buffer => archive({ name: text, content: text });

  /** The configuration of the bundle, and the names in its root. */
  async function bundleOf(lab: Lab, source: string, ...flags: string[]): Promise<{ config: Config; names: string[] }> {
    (await lab.tsrun(['bundle', ...flags, source, lab.path('made')])).expectCode(0);
    const config = JSON.parse(readFileSync(lab.path('made/config.json'), 'utf8')) as Config;
    (await lab.tsrun(['validate', lab.path('made/config.json')])).expectCode(0);
    return { config, names: readdirSync(lab.path('made/rootfs')) };
  }

  const configOf = (
    lab: Lab,
    config: Record<string, unknown>,
    image: Record<string, unknown> = {},
  ): Promise<{ config: Config }> => {
    const layout = new TestLayout(lab.path('layout'));
    layout.add([base], { config, image });
    return bundleOf(lab, layout.dir);
  };

  test('says what its container is', async ({ lab }) => {
    const { config } = await configOf(
      lab,
      {
        Entrypoint: ['/bin/entry', 'a b'],
        Cmd: ['c'],
        Env: ['PATH=/only', 'A=1', 'B'],
        WorkingDir: '/etc',
        Volumes: { '/data/': {}, '/var//lib': {} },
        ExposedPorts: { '80/tcp': {}, '53/udp': {} },
        StopSignal: 'SIGQUIT',
        Labels: { key: 'value', 'org.opencontainers.image.author': 'of the label', __proto__x: 'p' },
      },
      {
        variant: 'v2',
        'os.version': '5',
        'os.features': ['f', 'g'],
        author: 'of the image',
        created: '2020-01-01T00:00:00Z',
      },
    );
    expect(config.process).toMatchObject({ args: ['/bin/entry', 'a b', 'c'], cwd: '/etc', user: { uid: 0, gid: 0 } });
    expect(config.process?.env).toEqual(['TERM=xterm', 'PATH=/only', 'A=1', 'B']);
    expect(config.mounts?.slice(-2).map(({ destination, type }) => [destination, type])).toEqual([
      ['/data', 'tmpfs'],
      ['/var/lib', 'tmpfs'],
    ]);
    expect(config.annotations).toEqual({
      'org.opencontainers.image.os': 'linux',
      'org.opencontainers.image.architecture': hostArchitecture,
      'org.opencontainers.image.variant': 'v2',
      'org.opencontainers.image.os.version': '5',
      'org.opencontainers.image.os.features': 'f,g',
      'org.opencontainers.image.author': 'of the label',
      'org.opencontainers.image.created': '2020-01-01T00:00:00Z',
      'org.opencontainers.image.stopSignal': 'SIGQUIT',
      'org.opencontainers.image.exposedPorts': '80/tcp,53/udp',
      key: 'value',
      __proto__x: 'p',
    });
    expect(config.root).toEqual({ path: 'rootfs', readonly: false });
  });

  test('that says nothing gets what spec writes', async ({ lab }) => {
    const { config } = await configOf(lab, {});
    expect(config.process).toMatchObject({ args: ['sh'], cwd: '/', user: { uid: 0, gid: 0 } });
  });

  test.for<readonly [string, unknown]>([
    ['', { uid: 0, gid: 0 }],
    ['www', { uid: 33, gid: 44, additionalGids: [8, 9] }],
    ['33', { uid: 33, gid: 44 }],
    ['1234', { uid: 1234, gid: 0 }],
    ['www:mail', { uid: 33, gid: 8 }],
    ['1234:log', { uid: 1234, gid: 9 }],
    ['www:77', { uid: 33, gid: 77 }],
    ['1:2', { uid: 1, gid: 2 }],
  ])('with the user %j', async ([text, user], { lab }) => {
    expect((await configOf(lab, { User: text })).config.process?.user).toEqual(user);
  });

  test('has no say in the units of this machine', async ({ lab }) => {
    const layout = new TestLayout(lab.path('layout'));
    layout.add([base], { config: { Labels: { 'org.systemd.property.MemoryMax': 'uint64 1', other: 'kept' } } });
    const { stderr } = (await lab.tsrun(['bundle', layout.dir, lab.path('made')])).expectCode(0);
    expect(stderr).toMatch(
      /^tsrun: warning: bundle: the label "org\.systemd\.property\.MemoryMax" was left out[^\n]*\n$/,
    );
    const { annotations } = JSON.parse(readFileSync(lab.path('made/config.json'), 'utf8'));
    expect(Object.keys(annotations)).toContain('other');
    expect(Object.keys(annotations)).not.toContain('org.systemd.property.MemoryMax');
  });

  const foreign = hostArchitecture === 'arm64' ? 'amd64' : 'arm64';

  test('is chosen by its name', async ({ lab }) => {
    const layout = new TestLayout(lab.path('layout'));
    layout.add([named('one')], { tag: '1' });
    layout.add([named('two')], { tag: 'registry.example/name:2' });
    expect((await bundleOf(lab, `oci:${layout.dir}:registry.example/name:2`)).names).toEqual(['two']);
    const none = await lab.tsrun(['bundle', layout.dir, lab.path('none')]);
    expect(none.stderr).toMatch(
      /it holds several images: choose one with oci:PATH:TAG of "1", "registry\.example\/name:2"\n$/,
    );
    const wrong = await lab.tsrun(['bundle', `oci:${layout.dir}:3`, lab.path('none')]);
    expect(wrong.stderr).toMatch(/it holds no image "3", but "1", "registry\.example\/name:2"\n$/);
  });

  test('is chosen by its platform: that of this machine, or another', async ({ lab }) => {
    const layout = new TestLayout(lab.path('layout'));
    const platform = (architecture: string, variant?: string): ImageOptions => ({
      architecture,
      platform: { os: 'linux', architecture, ...(variant ? { variant } : {}) },
    });
    layout.add([named('riscv')], platform('riscv64'));
    layout.add([named('old')], platform('arm', 'v6'));
    layout.add([named('newer')], platform('arm', 'v7'));
    layout.add([named('own')], platform(hostArchitecture));
    expect((await bundleOf(lab, layout.dir)).names).toEqual(['own']);
    for (const [flag, name] of [
      ['linux/riscv64', 'riscv'],
      ['linux/arm/v7', 'newer'],
      ['linux/arm', 'old'],
    ]) {
      rmSync(lab.path('made'), { recursive: true });
      expect((await bundleOf(lab, layout.dir, '--platform', flag ?? '')).names).toEqual([name]);
    }
    const none = await lab.tsrun(['bundle', '--platform', 'linux/s390x', layout.dir, lab.path('none')]);
    expect(none.stderr).toMatch(
      /it holds no image for linux\/s390x: choose with --platform one of linux\/riscv64, linux\/arm\/v6, /,
    );
  });

  test('for another machine is not taken unless it is asked for', async ({ lab }) => {
    const layout = new TestLayout(lab.path('layout'));
    layout.add([named('foreign')], { architecture: foreign });
    const refused = await lab.tsrun(['bundle', layout.dir, lab.path('none')]);
    expect(refused.stderr).toContain(
      `it is for linux/${foreign}: take it all the same with --platform linux/${foreign}`,
    );
    expect((await bundleOf(lab, layout.dir, '--platform', `linux/${foreign}`)).names).toEqual(['foreign']);
  });

  test('in an index in an index', async ({ lab }) => {
    const layout = new TestLayout(lab.path('layout'));
    const own = layout.add([named('own')]);
    const other = layout.add([named('other')], { architecture: foreign });
    const type = 'application/vnd.oci.image.index.v1+json';
    const inner = layout.json(
      {
        schemaVersion: 2,
        manifests: [
          { ...other, platform: { os: 'linux', architecture: foreign } },
          { ...own, platform: { os: 'linux', architecture: hostArchitecture } },
        ],
      },
      type,
    );
    layout.manifests.length = 0;
    layout.manifests.push({ ...inner, annotations: { 'org.opencontainers.image.ref.name': 'latest' } });
    layout.writeIndex();
    expect((await bundleOf(lab, `oci:${layout.dir}:latest`)).names).toEqual(['own']);
  });

  const layer = 'application/vnd.oci.image.layer.v1.tar';
  test.for<readonly [string, ImageOptions]>([
    ['as they are', { compress: (data) => data, mediaType: layer }],
    ['by gzip', { mediaType: `${layer}+gzip` }],
    ['by Zstandard', { compress: zstd, mediaType: `${layer}+zstd` }],
    ['by gzip, of Docker', { mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' }],
  ])('with layers compressed %s', async ([, options], { lab }) => {
    const layout = new TestLayout(lab.path('layout'));
    layout.add([named('one'), named('two')], options);
    expect((await bundleOf(lab, layout.dir)).names.sort()).toEqual(['one', 'two']);
  });

  test.for<readonly [string, (data: Buffer) => Buffer]>([
    ['as it is', (data) => data],
    ['by gzip', (data) => gzipSync(data)],
    ['by Zstandard', zstd],
  ])('in an archive of its layout, compressed %s', async ([, compress], { lab }) => {
    const layout = new TestLayout(lab.path('layout'));
    layout.add([named('one')]);
    const source = lab.path('image.tar');
    writeFileSync(source, compress(tar(layout.dir)));
    expect((await bundleOf(lab, source)).names).toEqual(['one']);
    expect(readdirSync(lab.dir).sort()).toEqual(['image.tar', 'layout', 'made']);
  });
});
