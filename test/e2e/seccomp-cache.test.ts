/** The cache of compiled filters: who needs libseccomp, and which entries are believed. */
import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { args } from './harness/config.ts';
import type { Lab } from './harness/lab.ts';
import { runtimePath } from './harness/places.ts';
import { call } from './harness/runtime.ts';
import { deny, syscall } from './harness/seccomp.ts';
import { describe, expect, test } from './harness/test.ts';

const cacheOf = (lab: Lab): string => join(lab.root, '@seccomp');

/** The only entry. */
function entryOf(lab: Lab): string {
  const names = readdirSync(cacheOf(lab));
  expect(names).toHaveLength(1);
  return join(cacheOf(lab), names[0] ?? '');
}

/** Runs a container that must be filtered, whatever is in the cache. */
async function runFiltered(lab: Lab, tsrun = runtimePath): Promise<void> {
  const { dir } = lab.bundle(deny('getcwd'), args(syscall('getcwd', 0, 0), 'exit=6'));
  const result = await call([tsrun, '--root', lab.root, 'run', '--bundle', dir, lab.id()]);
  expect(result.expectCode(6).facts.of('syscall').errno).toBe('EPERM');
}

/** An installation that has no libseccomp. */
function withoutLibrary(lab: Lab): string {
  const installation = lab.path('installation');
  const libexec = join(dirname(runtimePath), 'libexec');
  mkdirSync(installation);
  cpSync(runtimePath, join(installation, 'tsrun'));
  cpSync(libexec, join(installation, 'libexec'), { recursive: true });
  rmSync(join(installation, 'libexec/tsrun/seccomp.node'));
  return join(installation, 'tsrun');
}

test('the first container compiles the filter; the next, with the same profile, needs no libseccomp', async ({
  lab,
}) => {
  await runFiltered(lab);
  const { mode, uid } = lstatSync(entryOf(lab));
  expect([(mode & 0o777).toString(8), uid]).toEqual(['600', 0]);
  expect((lstatSync(cacheOf(lab)).mode & 0o777).toString(8)).toBe('700');
  const tsrun = withoutLibrary(lab);
  await runFiltered(lab, tsrun);
  const { dir } = lab.bundle(deny('getcwd', 'mount'));
  const result = await call([tsrun, '--root', lab.root, 'create', '--bundle', dir, lab.id()]);
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/linux\.seccomp: load libseccomp: .*: install libseccomp/);
  expect(lab.leftovers()).toEqual([]);
  const list = await call([tsrun, '--root', lab.root, 'list', '--quiet']);
  expect(list.expectCode(0).stdout).toBe('');
});

/** The bytes of a filter that allows everything, in place of those of an entry. */
function allowAll(entry: Buffer): Buffer {
  const forged = Buffer.from(entry);
  forged.writeUInt32LE(0x06, forged.length - 8 * Math.floor(forged.readUInt32LE(12) / 8));
  forged.writeUInt32LE(0x7fff_0000, forged.length - forged.readUInt32LE(12) + 4);
  return forged;
}

describe('an entry that is not to be believed is compiled anew', () => {
  test.for<[string, (path: string, lab: Lab) => void]>([
    ['empty', (path) => truncateSync(path, 0)],
    ['cut short', (path) => truncateSync(path, readFileSync(path).length - 8)],
    ['a header alone', (path) => truncateSync(path, 32)],
    ['longer', (path) => writeFileSync(path, Buffer.alloc(8), { flag: 'a' })],
    ['with another program, and the old sum', (path) => writeFileSync(path, allowAll(readFileSync(path)))],
    [
      'with a bit changed in its profile',
      (path) => {
        const bytes = readFileSync(path);
        bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
        writeFileSync(path, bytes);
      },
    ],
    [
      'with lengths that wrap',
      (path) => {
        const bytes = readFileSync(path);
        bytes.writeUInt32LE(0xffff_fff0, 4);
        writeFileSync(path, bytes);
      },
    ],
    ['somebody else’s', (path) => chownSync(path, 1000, 1000)],
    ['writable for others', (path) => chmodSync(path, 0o622)],
    ['readable for others', (path) => chmodSync(path, 0o644)],
    [
      'a link',
      (path, lab) => {
        renameSync(path, lab.path('elsewhere'));
        symlinkSync(lab.path('elsewhere'), path);
      },
    ],
    [
      'a directory',
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
    ['in a directory for all', (path) => chmodSync(dirname(path), 0o777)],
    ['in a directory of somebody else’s', (path) => chownSync(dirname(path), 1000, 1000)],
    [
      'in a directory by a link',
      (path, lab) => {
        renameSync(dirname(path), lab.path('elsewhere'));
        symlinkSync(lab.path('elsewhere'), dirname(path));
      },
    ],
  ])('%s', async ([, spoil], { lab }) => {
    await runFiltered(lab);
    spoil(entryOf(lab), lab);
    const tsrun = withoutLibrary(lab);
    const { dir } = lab.bundle(deny('getcwd'), args(syscall('getcwd', 0, 0)));
    const without = await call([tsrun, '--root', lab.root, 'run', '--bundle', dir, lab.id()]);
    expect(without.stderr).toMatch(/load libseccomp/);
    await runFiltered(lab);
  });
});

test('a damaged entry is replaced', async ({ lab }) => {
  await runFiltered(lab);
  const entry = entryOf(lab);
  const whole = readFileSync(entry);
  truncateSync(entry, 100);
  await runFiltered(lab);
  expect(readFileSync(entryOf(lab))).toEqual(whole);
});

test('there are never more than 64 entries, and the oldest goes', async ({ lab }) => {
  await runFiltered(lab);
  const first = entryOf(lab);
  for (let index = 0; index < 70; index++) {
    const path = join(cacheOf(lab), index.toString(16).padStart(16, '0'));
    writeFileSync(path, '');
    utimesSync(path, 1000 + index, 1000 + index);
  }
  const { dir } = lab.bundle(deny('mount'), args('exit=0'));
  (await lab.tsrun(['run', '--bundle', dir, lab.id()])).expectCode(0);
  const names = readdirSync(cacheOf(lab));
  expect(names).toHaveLength(64);
  expect(names).not.toContain('0000000000000000');
  expect(names.map((name) => join(cacheOf(lab), name))).toContain(first);
});

test('a cache that cannot be written is no error', async ({ lab }) => {
  mkdirSync(lab.root, { mode: 0o700 });
  writeFileSync(cacheOf(lab), 'a file');
  await runFiltered(lab);
  expect(readFileSync(cacheOf(lab), 'utf8')).toBe('a file');
});

test('the cache is no container', async ({ lab }) => {
  await runFiltered(lab);
  expect((await lab.tsrun(['list', '--quiet'])).expectCode(0).stdout).toBe('');
  const result = await lab.tsrun(['delete', '--force', '@seccomp']);
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/not a container id/);
});
