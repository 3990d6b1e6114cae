/** `bundle` and archives that want to harm whoever unpacks them: nothing outside changes, and what fails leaves nothing. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { archive, base256, end, entry, pax, type RawEntry, record } from './harness/archive.ts';
import { type Blob, TestLayout, zstd } from './harness/images.ts';
import type { Lab } from './harness/lab.ts';
import type { CallOptions } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** All that a directory holds, with contents, permissions and owners: what no archive may change. */
function everything(directory: string): string {
  const script = 'find . -printf "%P %y %m %U:%G %s %l\\n" | sort; find . -type f -exec sha256sum {} + | sort';
  return execFileSync('sh', ['-c', script], { cwd: directory, encoding: 'utf8' });
}

/** What an archive tries to get at. */
function makeOutside(lab: Lab): string {
  const outside = lab.directory('outside');
  writeFileSync(join(outside, 'file'), 'untouched', { mode: 0o640 });
  mkdirSync(join(outside, 'directory'), { mode: 0o700 });
  writeFileSync(join(outside, 'directory/file'), 'untouched');
  return outside;
}

type Make = (outside: string) => Buffer;
/** What the archive does, its bytes, what is said about it, and flags. */
type Row = readonly [kind: string, make: Make, words: RegExp, ...flags: string[]];

const zeros = (count: number): string => '\0'.repeat(count);
const file = (name: string, content = 'x'): RawEntry => ({ name, content });
const link = (name: string, linkName: string): RawEntry => ({ name, type: '2', linkName });
const hardLink = (name: string, linkName: string): RawEntry => ({ name, type: '1', linkName });
const directory = (name: string, more: Partial<RawEntry> = {}): RawEntry => ({ name, type: '5', ...more });
const whole = archive(directory('a'), file('a/b', 'content'.repeat(400)));

/** A sparse file in the old format of GNU tar. */
function oldSparse(segments: readonly (readonly [bigint, bigint])[], size: bigint, content = ''): Buffer {
  return archive({
    name: 'sparse',
    type: 'S',
    content,
    patch(block) {
      block.write('ustar  \0', 257, 'latin1');
      segments.forEach(([offset, length], index) => {
        block.set(base256(offset), 386 + index * 24);
        block.set(base256(length), 398 + index * 24);
      });
      block.set(base256(size), 483);
    },
  });
}

/** Directories far deeper than a path can say: each link leads to the end of those before. */
function deepDirectories(): Buffer[] {
  const deep = 'd/'.repeat(1000);
  const parts = [entry(link('l0', '.'))];
  for (let i = 1; i < 4; i++)
    parts.push(
      pax({ path: `l${i - 1}/${deep}` }),
      entry(directory('')),
      pax({ linkpath: `l${i - 1}/${deep}` }),
      entry(link(`l${i}`, '')),
    );
  return parts;
}

const refused: readonly Row[] = [
  // Names that lead out.
  [
    'a name that begins with ..',
    () => archive(file('../outside/new')),
    /entry "\.\.\/outside\/new": its name leads upwards by \.\./,
  ],
  ['a name with .. in the middle', () => archive(file('a/../../outside/new')), /its name leads upwards/],
  ['a directory ..', () => archive(directory('..', { mode: 0o777 })), /its name leads upwards/],
  [
    'a long name of GNU tar with ..',
    () => archive(entry({ name: 'L', type: 'L', content: '../outside/new\0' }), file('new')),
    /leads upwards/,
  ],
  [
    'an extended header with a path with ..',
    () => archive(pax({ path: '../outside/new' }), file('new')),
    /leads upwards/,
  ],
  [
    'a global header with a path with ..',
    () => archive(pax({ path: '../outside/new' }, 'g'), file('new')),
    /leads upwards/,
  ],
  [
    'a sparse name with ..',
    () => archive(pax({ 'GNU.sparse.name': '../outside/new', 'GNU.sparse.size': '0' }), file('new', '')),
    /leads upwards/,
  ],
  [
    'a prefix with ..',
    () => archive({ ...file('outside/new'), patch: (block) => block.write('..', 345) }),
    /leads upwards/,
  ],
  // Links.
  [
    'a hard link out by ..',
    () => archive(hardLink('l', '../outside/file')),
    /entry "l": what it links to leads upwards/,
  ],
  [
    'a hard link to an absolute path',
    (outside) => archive(hardLink('l', `${outside}/file`)),
    /a hard link to ".*outside\/file", which is not there/,
  ],
  [
    'a hard link through a symbolic link',
    (outside) => archive(link('s', outside), hardLink('l', 's/file')),
    /which is not there/,
  ],
  ['a hard link to a directory', () => archive(directory('d'), hardLink('l', 'd')), /a hard link to the directory "d"/],
  [
    'a hard link with .. in an extended header',
    () => archive(pax({ linkpath: '../outside/file' }), hardLink('l', 'a')),
    /leads upwards/,
  ],
  [
    'symbolic links in a loop',
    () => archive(link('a', 'b'), link('b', 'a'), file('a/x')),
    /entry "a\/x": it lies behind links that lead to each other/,
  ],
  ['a symbolic link to itself', () => archive(link('a', 'a'), file('a/x/y')), /behind links that lead to each other/],
  ['a file below a file', () => archive(file('a'), file('a/b')), /it lies below something that is no directory/],
  ['a symbolic link to nothing', () => archive(link('a', '')), /a symbolic link that leads nowhere/],
  [
    'a symbolic link in place of the root',
    (outside) => archive(link('./', outside), file('file')),
    /a symlink in place of the root directory/,
  ],
  ['a hard link in place of the root', () => archive(hardLink('.', 'a')), /a hardlink in place of the root directory/],
  // Names that are none.
  ['an empty name', () => archive(file('')), /its name is empty/],
  [
    'a name with NUL',
    () => archive(pax({ path: 'a\0b' }), file('new')),
    /the record path of an extended header contains a NUL byte/,
  ],
  [
    'a name with a newline and an escape',
    () => archive(file('../\n\x1b[31mred')),
    /entry "\.\.\/\\n\\x1b\[31mred": its name leads upwards/,
  ],
  [
    'a name of more than 255 bytes',
    () => archive(pax({ path: 'n'.repeat(256) }), file('new')),
    /a part of its name is longer than 255 bytes/,
  ],
  [
    'a path of more than 4095 bytes',
    () => archive(pax({ path: 'n/'.repeat(2100) }), file('new', '')),
    /its name is longer than 4095 bytes/,
  ],
  [
    'a link to more than 4095 bytes',
    () => archive(pax({ linkpath: 'n'.repeat(5000) }), link('new', 'a')),
    /symbolic link of more than 4095 bytes/,
  ],
  [
    'a long name of 2 MB',
    () => archive(entry({ name: 'L', type: 'L', content: 'n'.repeat(2 ** 21) }), file('new')),
    /an extended header of 2097152 bytes/,
  ],
  // Numbers.
  ['a negative size', () => archive({ ...file('a', ''), size: base256(-512n) }), /a negative size/],
  ['a size of 64 bits', () => archive({ ...file('a', ''), size: base256(2n ** 63n) }), /a size of more than 53 bits/],
  [
    'a size that is no number',
    () => archive({ ...file('a', ''), size: Buffer.from('0x100 bytes!') }),
    /no number where the size should be/,
  ],
  [
    'a size in an extended header that is negative',
    () => archive(pax({ size: '-1' }), file('a')),
    /no number of up to 53 bits where the size/,
  ],
  ['a size larger than what is there', () => archive({ ...file('a', ''), size: 2 ** 30 }), /cut off/],
  [
    'a user id that means "as it is"',
    () => archive({ ...file('a'), uid: base256(0xffff_ffffn, 8) }),
    /user id 4294967295/,
  ],
  ['a user id of more than 32 bits', () => archive(pax({ uid: '4294967296' }), file('a')), /user id 4294967296/],
  [
    'a group id of more than 32 bits',
    () => archive(pax({ gid: '99999999999' }), directory('a')),
    /group id 99999999999/,
  ],
  ['a negative user id', () => archive({ ...file('a'), uid: base256(-1n, 8) }), /a negative user id/],
  [
    'a device number of more than the kernel has',
    () => archive({ name: 'd', type: '3', major: base256(2n ** 40n, 8) }),
    /device number/,
  ],
  [
    'a directory with content',
    () => archive({ ...directory('a'), content: 'x' }),
    /a directory with content of 1 bytes/,
  ],
  ['a symbolic link with content', () => archive({ ...link('a', 'b'), content: 'x' }), /a symlink with content/],
  [
    'a device with content',
    () => archive({ name: 'a', type: '3', content: 'x', major: 1, minor: 3 }),
    /a character with content/,
  ],
  // Extended headers and attributes.
  [
    'a record longer than its header',
    () => archive(entry({ name: 'x', type: 'x', content: '99 path=a\n' }), file('a')),
    /a record of an extended header does not have the length it tells/,
  ],
  [
    'a record without a length',
    () => archive(entry({ name: 'x', type: 'x', content: 'path=a\n' }), file('a')),
    /does not have the length it tells/,
  ],
  ['an extended header with nothing behind it', () => archive(pax({ path: 'a' })), /it ends after an extended header/],
  [
    'a capability that is none',
    () => archive(pax({ 'SCHILY.xattr.security.capability': 'x' }), file('a')),
    /entry "a": set its extended attribute "security\.capability"/,
  ],
  [
    'an attribute without a name',
    () => archive(pax({ 'SCHILY.xattr.': 'x' }), file('a')),
    /entry "a": set its extended attribute ""/,
  ],
  [
    'an attribute whose name has a NUL',
    () => archive(pax({ 'SCHILY.xattr.user.a\0b': 'x' }), file('a')),
    /an extended attribute whose name contains a NUL byte/,
  ],
  [
    'an attribute whose name has an escaped NUL',
    () => archive(pax({ 'LIBARCHIVE.xattr.user.a%00b': 'eA' }), file('a')),
    /an extended attribute whose name contains a NUL byte/,
  ],
  [
    'an attribute of 100 kB',
    () => archive(pax({ 'SCHILY.xattr.user.a': 'x'.repeat(100_000) }), file('a')),
    /set its extended attribute "user\.a"/,
  ],
  // Types.
  ['an unknown type', () => archive({ name: 'a', type: 'Z' }), /of an unknown type \("Z"\)/],
  [
    'the next part of a file of another volume',
    () => archive({ name: 'a', type: 'M' }),
    /the continuation of a file of another volume/,
  ],
  // Sparse files.
  [
    'a sparse file whose parts overlap',
    () =>
      oldSparse(
        [
          [512n, 512n],
          [0n, 512n],
        ],
        1024n,
        zeros(1024),
      ),
    /parts of its sparse file overlap/,
  ],
  [
    'a sparse file with a part behind its end',
    () => oldSparse([[4096n, 512n]], 1024n, zeros(512)),
    /lies behind its end/,
  ],
  [
    'a sparse file with less than its parts',
    () => oldSparse([[0n, 4096n]], 4096n, zeros(512)),
    /the parts of its sparse file are 4096 bytes, of which 512 are there/,
  ],
  [
    'a sparse file at a negative place',
    () => oldSparse([[-512n, 512n]], 1024n, zeros(512)),
    /a negative sparse offset/,
  ],
  [
    'a sparse map without an end',
    () =>
      archive(
        pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '5' }),
        file('a', '1'.repeat(600)),
      ),
    /no number of up to 53 bits|has no end/,
  ],
  [
    'a sparse map of a million parts',
    () =>
      archive(
        pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '5' }),
        file('a', `9999999\n${zeros(504)}`),
      ),
    /a sparse file of too many parts/,
  ],
  [
    'a sparse map out of order',
    () =>
      archive(
        entry({ name: 'x', type: 'x', content: record('GNU.sparse.size', '9') + record('GNU.sparse.numbytes', '9') }),
        file('a'),
      ),
    /the map of its sparse file is out of order/,
  ],
  // What grows without end.
  ['a hole of a petabyte', () => oldSparse([], 2n ** 50n), /larger than 68719476736 bytes: allow more with --max-size/],
  [
    'more bytes than allowed',
    () => archive(file('a', zeros(5000))),
    /larger than 4096 bytes: allow more with --max-size/,
    '--max-size',
    '4096',
  ],
  [
    'more entries than allowed',
    () => archive(file('a'), file('b'), file('c')),
    /more than 2 entries: allow more with --max-entries/,
    '--max-entries',
    '2',
  ],
  ['a bomb of gzip', () => gzipSync(Buffer.alloc(110e6)), /more than 200 times larger than its compressed form/],
  [
    'a bomb of gzip in a file',
    () => gzipSync(archive(file('a', zeros(110e6)))),
    /more than 200 times larger than its compressed form/,
  ],
  [
    'a bomb of Zstandard',
    () => zstd(archive(file('a', zeros(110e6)))),
    /more than 200 times larger than its compressed form/,
  ],
  // Damage.
  ['one wrong checksum', () => archive(file('a'), { ...file('b'), checksum: 1 }), /a header has a wrong checksum/],
  ['a text', () => Buffer.from('hello world '.repeat(100)), /it is no tar archive, or its first header is damaged/],
  ['an end within a header', () => whole.subarray(0, 700), /cut off: it ends within a block/],
  [
    'an end within a file',
    () => whole.subarray(0, 2048),
    /entry "a\/b": cut off: it ends within the content of an entry/,
  ],
  ['an end within gzip', () => gzipSync(whole).subarray(0, -9), /cut off: its gzip stream has no end/],
  [
    'a wrong checksum of gzip',
    () => {
      const data = gzipSync(whole);
      data.writeUInt32LE(1, data.length - 8);
      return data;
    },
    /its gzip stream cannot be decompressed/,
  ],
  [
    'something behind gzip',
    () => Buffer.concat([gzipSync(whole), Buffer.from('more')]),
    /its gzip stream cannot be decompressed/,
  ],
  ['an end within Zstandard', () => zstd(whole).subarray(0, -9), /cut off: its zstd stream has no end/],
  [
    'another compression',
    () => Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0]),
    /xz is not supported: decompress it first/,
  ],
  // Nothing.
  ['an empty file', () => Buffer.alloc(0), /it holds no entries/],
  ['nothing but zeros', () => end, /it holds no entries/],
  ['nothing but zeros, compressed', () => gzipSync(end), /it holds no entries/],
  ['nothing but a global header', () => archive(pax({ comment: 'nothing' }, 'g')), /it holds no entries/],
];

/** One sentence on one line. */
function expectSentence(stderr: string, words: RegExp): void {
  expect(stderr).toMatch(words);
  expect(stderr).toMatch(/^tsrun: bundle: [^\n]*\n$/);
  expect(stderr).not.toMatch(/internal|TypeError|RangeError/);
}

/** Nothing of the bundle is there, nor of its making; and nothing else has changed. */
async function fails(
  lab: Lab,
  source: string,
  words: RegExp,
  flags: readonly string[] = [],
  options: CallOptions = {},
): Promise<void> {
  const before = everything(lab.dir);
  const result = await lab.tsrun(['bundle', ...flags, source, lab.path('made')], options);
  expectSentence(result.stderr, words);
  expect(result.code).toBe(1);
  expect(everything(lab.dir)).toBe(before);
}

describe('an archive is refused that has', () => {
  test.for(refused)('%s', async ([, make, words, ...flags], { lab }) => {
    const outside = makeOutside(lab);
    const source = lab.path('source.tar');
    writeFileSync(source, make(outside));
    await fails(lab, source, words, flags);
  });

  test('directories deeper than any path and than there are descriptors, and then damage', async ({ lab }) => {
    makeOutside(lab);
    const source = lab.path('source.tar');
    writeFileSync(source, archive(...deepDirectories(), file('../x')));
    await fails(lab, source, /leads upwards/, [], { inherit: ['nofilemax=256'] });
  });
});

type Spoil = (layout: TestLayout, outside: string) => void;

const indexType = 'application/vnd.oci.image.index.v1+json';
const base = archive(directory('etc'), file('etc/passwd', 'root:x:0:0::/:/bin/sh\n'));

/** Adds an image of two layers, the second of which is this one. */
function layered(layout: TestLayout, ...parts: readonly (RawEntry | Buffer)[]): void {
  layout.add([base, archive(...parts)]);
}

/** Adds an image and lets `change` have its only layer's blob. */
function withLayer(layout: TestLayout, change: (path: string) => void): void {
  let path = '';
  layout.add([base], {
    manifest(manifest) {
      path = layout.blobPath((manifest.layers as Blob[])[0]?.digest ?? '');
    },
  });
  change(path);
}

/** An image whose configuration is this. */
const configured =
  (config: Record<string, unknown>, image: Record<string, unknown> = {}): Spoil =>
  (layout) => {
    layout.add([base], { config, image });
  };

/** An image whose manifest has these properties. */
const manifested =
  (properties: Record<string, unknown>): Spoil =>
  (layout) => {
    layout.add([base], { manifest: (manifest) => Object.assign(manifest, properties) });
  };

/** What is wrong with an image, and what is said about it. */
const refusedImages: readonly (readonly [kind: string, spoil: Spoil, words: RegExp])[] = [
  // Layers.
  ['no layers', manifested({ layers: [] }), /it has no layers/],
  [
    'a layer with other bytes',
    (layout) => withLayer(layout, (path) => writeFileSync(path, readFileSync(path).fill(7, 30, 31))),
    /damaged|has another digest/,
  ],
  [
    'a layer with more bytes than it should have',
    (layout) => withLayer(layout, (path) => writeFileSync(path, 'x', { flag: 'a' })),
    /has \d+ bytes, where its descriptor says \d+/,
  ],
  ['no such layer', (layout) => withLayer(layout, (path) => rmSync(path)), /the layer sha256:[0-9a-f]{64} is missing/],
  [
    'a link out of it in place of a layer',
    (layout, outside) =>
      withLayer(layout, (path) => {
        rmSync(path);
        symlinkSync(join(outside, 'file'), path);
      }),
    /is a link that leads out of the image/,
  ],
  [
    'a directory in place of a layer',
    (layout) =>
      withLayer(layout, (path) => {
        rmSync(path);
        mkdirSync(path);
      }),
    /is not a regular file/,
  ],
  [
    'a pipe in place of a layer',
    (layout) =>
      withLayer(layout, (path) => {
        rmSync(path);
        execFileSync('mkfifo', [path]);
      }),
    /is not a regular file/,
  ],
  [
    'a layer that holds something else than the configuration says',
    (layout) => {
      layout.add([base], { image: { rootfs: { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] } } });
    },
    /holds something else than its image says/,
  ],
  [
    'other digests than layers',
    configured({}, { rootfs: { type: 'layers', diff_ids: [] } }),
    /it has 1 layers, and 0 digests/,
  ],
  [
    'a layer that is encrypted',
    (layout) => {
      layout.add([base], { mediaType: 'application/vnd.oci.image.layer.v1.tar+encrypted' });
    },
    /a layer of the type "application\/vnd.oci.image.layer.v1.tar\+encrypted"/,
  ],
  [
    'a layer with a name that leads out',
    (layout) => layered(layout, file('../outside/file')),
    /layer sha256:[0-9a-f]{12}…: entry "\.\.\/outside\/file": its name leads upwards/,
  ],
  [
    'a whiteout of ..',
    (layout) => layered(layout, file('etc/.wh...', '')),
    /entry "etc\/\.wh\.\.\.": a whiteout of no name/,
  ],
  ['a whiteout of .', (layout) => layered(layout, file('etc/.wh..', '')), /a whiteout of no name/],
  ['a whiteout of nothing', (layout) => layered(layout, file('etc/.wh.', '')), /a whiteout of no name/],
  [
    'a whiteout with .. behind it',
    (layout) => layered(layout, file('.wh.etc/../../outside/file', '')),
    /leads upwards/,
  ],
  ['a file below a whiteout', (layout) => layered(layout, file('.wh.etc/passwd')), /it lies below a whiteout/],
  // What says which image it is.
  [
    'a digest that is a path',
    manifested({ config: { mediaType: 'x', digest: 'sha256:../../outside/file', size: 9 } }),
    /is not a digest by sha256 or sha512/,
  ],
  [
    'a digest of another algorithm',
    manifested({ config: { mediaType: 'x', digest: `md5:${'0'.repeat(64)}`, size: 9 } }),
    /is not a digest by sha256 or sha512/,
  ],
  [
    'a negative size',
    manifested({ config: { mediaType: 'x', digest: `sha256:${'0'.repeat(64)}`, size: -1 } }),
    /size is not a whole number/,
  ],
  [
    'indexes in indexes without an end',
    (layout) => {
      let blob = layout.json({ schemaVersion: 2, manifests: [] }, indexType);
      for (let depth = 0; depth < 6; depth++) blob = layout.json({ schemaVersion: 2, manifests: [blob] }, indexType);
      layout.manifests.push({ ...blob });
      layout.writeIndex();
    },
    /its indexes are nested more than 4 deep/,
  ],
  [
    'an index that names itself',
    (layout) => {
      writeFileSync(layout.blobPath(`sha256:${'1'.repeat(64)}`), '{"schemaVersion":2}');
      layout.manifests.push({ mediaType: indexType, digest: `sha256:${'1'.repeat(64)}`, size: 19 });
      layout.writeIndex();
    },
    /the index sha256:1{64} is damaged: its content has another digest/,
  ],
  ['no image', () => {}, /it holds no image/],
  [
    'an index that is not JSON',
    (layout) => writeFileSync(join(layout.dir, 'index.json'), '{'),
    /index\.json is not valid JSON/,
  ],
  [
    'an index of brackets',
    (layout) => writeFileSync(join(layout.dir, 'index.json'), '['.repeat(3_000_000)),
    /index\.json is not valid JSON/,
  ],
  [
    'an index of 5 MB',
    (layout) => writeFileSync(join(layout.dir, 'index.json'), ' '.repeat(5_000_000)),
    /index\.json has 5000000 bytes, more than/,
  ],
  [
    'an index that is a list',
    (layout) => writeFileSync(join(layout.dir, 'index.json'), '[]'),
    /index\.json is not an object/,
  ],
  [
    'an index that leads out',
    (layout, outside) => {
      rmSync(join(layout.dir, 'index.json'));
      symlinkSync(join(outside, 'file'), join(layout.dir, 'index.json'));
    },
    /is a link that leads out of the image/,
  ],
  [
    'a layout of another version',
    (layout) => writeFileSync(join(layout.dir, 'oci-layout'), '{"imageLayoutVersion":"9"}'),
    /an image layout of the unknown version "9"/,
  ],
  ['a manifest of another version', manifested({ schemaVersion: 1 }), /a manifest of the unknown version 1/],
  // What is to become a configuration.
  ['a variable with NUL', configured({ Env: ['A=b\0c'] }), /Env is not a list of strings/],
  ['a command that is a text', configured({ Cmd: 'sh' }), /Cmd is not a list of strings/],
  [
    'a working directory that is relative',
    configured({ WorkingDir: 'tmp' }),
    /the working directory "tmp", which is not an absolute path/,
  ],
  [
    'the root as a volume',
    configured({ Volumes: { '/../': {} } }),
    /the volume "\/\.\.\/", which is not an absolute path below \//,
  ],
  ['a user that it does not know', configured({ User: 'nobody' }), /its user "nobody" is not in its \/etc\/passwd/],
  ['a user id of more than 32 bits', configured({ User: '4294967296' }), /which is not a number from 0 to 4294967294/],
  ['a user id that is negative', configured({ User: '-1' }), /which is not a number from 0 to 4294967294/],
  ['a label that is a number', configured({ Labels: { a: 1 } }), /Labels: a is not a string/],
];

describe('an image is refused that has', () => {
  test.for(refusedImages)('%s', async ([, spoil, words], { lab }) => {
    const outside = makeOutside(lab);
    const layout = new TestLayout(lab.path('layout'));
    spoil(layout, outside);
    await fails(lab, layout.dir, words);
  });

  test.for<readonly [string, Make, RegExp]>([
    [
      'a symbolic link',
      (outside) => archive(link('index.json', `${outside}/file`)),
      /entry "index\.json": a symlink in an image layout/,
    ],
    [
      'a hard link',
      () => archive(file('oci-layout'), hardLink('index.json', 'oci-layout')),
      /a hardlink in an image layout/,
    ],
    ['a name that leads out', () => archive(file('oci-layout'), file('blobs/../../outside/file')), /leads upwards/],
    [
      'nothing but a marker',
      () => archive(file('oci-layout', '{"imageLayoutVersion":"1.0.0"}')),
      /index\.json is missing/,
    ],
    ['no marker', () => archive(file('index.json', '{}')), /it is no image layout: there is no oci-layout in it/],
  ])('in an archive %s', async ([, make, words], { lab }) => {
    const source = lab.path('layout.tar');
    writeFileSync(source, make(makeOutside(lab)));
    await fails(lab, source, words);
  });
});

/** What looks dangerous and is common in root file systems: it stays inside. `inside` tells what comes of it there. */
const confined: readonly (readonly [kind: string, make: Make, inside: (rootfs: string, outside: string) => void])[] = [
  [
    'an absolute name',
    (outside) => archive(file(`${outside}/file`, 'new')),
    (rootfs, outside) => expect(readFileSync(`${rootfs}${outside}/file`, 'utf8')).toBe('new'),
  ],
  [
    'a file written through a symbolic link with an absolute target',
    (outside) => archive(link('l', outside), file('l/file', 'new'), file('l/new', 'new')),
    (rootfs, outside) => expect(readdirSync(`${rootfs}${outside}`).sort()).toEqual(['file', 'new']),
  ],
  [
    'a file written through a symbolic link that leads upwards',
    () => archive(link('l', '../../../../../outside'), file('l/new', 'new')),
    (rootfs) => expect(readFileSync(join(rootfs, 'outside/new'), 'utf8')).toBe('new'),
  ],
  [
    'a file written through a chain of links',
    (outside) => archive(link('a', 'b/c'), directory('b'), link('b/c', `../../..${outside}`), file('a/new', 'new')),
    (rootfs, outside) => expect(readFileSync(`${rootfs}${outside}/new`, 'utf8')).toBe('new'),
  ],
  [
    'a file in place of a symbolic link',
    (outside) => archive(link('l', `${outside}/file`), file('l', 'new')),
    (rootfs) => expect(readFileSync(join(rootfs, 'l'), 'utf8')).toBe('new'),
  ],
  [
    'a file in place of a hard link to a symbolic link',
    (outside) => archive(link('s', `${outside}/file`), hardLink('l', 's'), file('l', 'new')),
    (rootfs) => expect(readFileSync(join(rootfs, 'l'), 'utf8')).toBe('new'),
  ],
  [
    'a directory replaced by a symbolic link, then written to',
    (outside) => archive(directory('d', { mode: 0o777 }), file('d/a'), link('d', outside), file('d/new')),
    (rootfs, outside) => expect(readdirSync(`${rootfs}${outside}`)).toEqual(['new']),
  ],
  [
    'a directory replaced by a symbolic link: its permissions, owner and time go nowhere',
    (outside) =>
      archive(
        directory('d', { mode: 0o777, uid: 77 }),
        directory('d/directory', { mode: 0o777, uid: 77 }),
        link('d', outside),
      ),
    (rootfs) => expect(readdirSync(rootfs)).toEqual(['d']),
  ],
  [
    'a symbolic link replaced by a directory',
    (outside) => archive(link('d', outside), directory('d', { mode: 0o777 }), file('d/file', 'new')),
    (rootfs) => expect(readFileSync(join(rootfs, 'd/file'), 'utf8')).toBe('new'),
  ],
  [
    'links to /proc that the kernel would follow without looking',
    () =>
      archive(
        link('l', '/proc/self/root'),
        file('l/outside/new', 'new'),
        link('c', '/proc/self/cwd'),
        file('c/new', 'new'),
      ),
    (rootfs) => expect(readFileSync(join(rootfs, 'proc/self/root/outside/new'), 'utf8')).toBe('new'),
  ],
  [
    'names with newlines, escapes, blanks and no UTF-8',
    () => archive(file('new\nline'), file('\x1b[31mred'), file(' blank '), file('-rf'), file('\xff\xfe'), file('*')),
    (rootfs) =>
      expect(readdirSync(rootfs, 'latin1').sort()).toEqual([
        '\x1b[31mred',
        ' blank ',
        '*',
        '-rf',
        'new\nline',
        '\xff\xfe',
      ]),
  ],
  [
    'a setuid program of root, which the directory above it shields',
    () => archive({ ...file('su'), mode: 0o4755 }),
    (rootfs) =>
      expect(
        execFileSync('stat', ['-c', '%a', join(rootfs, 'su'), join(rootfs, '../..')], { encoding: 'utf8' }),
      ).toMatch(/^4755\n/),
  ],
  [
    'a hard link to itself',
    () => archive(file('a', 'content'), hardLink('a', 'a')),
    (rootfs) => expect(readFileSync(join(rootfs, 'a'), 'utf8')).toBe('content'),
  ],
];

describe('it stays inside:', () => {
  test.for(confined)('%s', async ([, make, inside], { lab }) => {
    const outside = makeOutside(lab);
    const before = everything(outside);
    const source = lab.path('source.tar');
    writeFileSync(source, make(outside));
    const bundle = lab.path('made');
    (await lab.tsrun(['bundle', source, bundle])).expectCode(0);
    inside(join(bundle, 'rootfs'), outside);
    expect(everything(outside)).toBe(before);
    expect(readdirSync(lab.dir).sort()).toEqual(['made', 'outside', 'source.tar']);
  });

  test('a whiteout, and an opaque one, behind a symbolic link', async ({ lab }) => {
    const outside = makeOutside(lab);
    const before = everything(outside);
    const inside = outside.slice(1);
    const layout = new TestLayout(lab.path('layout'));
    layout.add([
      archive(
        link('l', outside),
        link('m', `${outside}/directory`),
        file(`${inside}/file`),
        file(`${inside}/directory/file`),
      ),
      archive(file('l/.wh.file', ''), file('m/.wh..wh..opq', '')),
    ]);
    (await lab.tsrun(['bundle', layout.dir, lab.path('made')])).expectCode(0);
    expect(readdirSync(lab.path('made/rootfs', inside))).toEqual(['directory']);
    expect(readdirSync(lab.path('made/rootfs', inside, 'directory'))).toEqual([]);
    expect(everything(outside)).toBe(before);
  });
});
