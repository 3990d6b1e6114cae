import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addon } from '../../../runtime/addon.ts';
import { ACCESS, AT, LOCK, MAGIC, O, RESOLVE, S } from '../../../runtime/constants.ts';
import { errno } from '../../../runtime/errno.ts';
import { check, checkValue } from '../../../runtime/sys.ts';
import { cgroupRoot, openFds, run, temporaryDirectory } from './helpers.ts';

const directory = temporaryDirectory();
const at = (name: string): string => join(directory, name);
const text = (content: Uint8Array | number): string => Buffer.from(checkValue(content, 'readFile')).toString();

describe('whole files', () => {
  it('come back as they were written', () => {
    expect(addon.writeFile(at('a'), 'grüße\0\n', O.WRONLY | O.CREAT | O.EXCL, 0o600)).toBe(9);
    expect(text(addon.readFile(at('a'), 100))).toBe('grüße\0\n');
    expect(statSync(at('a')).mode & 0o777).toBe(0o600);
    expect(addon.writeFile(at('a'), new Uint8Array([1, 2]), O.WRONLY | O.TRUNC, 0)).toBe(2);
    expect(addon.readFile(at('a'), 2)).toEqual(new Uint8Array([1, 2]));
    expect(addon.writeFile(at('a'), 'x', O.WRONLY | O.CREAT | O.EXCL, 0o600)).toBe(-errno.EEXIST);
    expect(addon.writeFile('/dev/full', 'x', O.WRONLY, 0)).toBe(-errno.ENOSPC);
  });

  it.each([0, 1, 255, 256, 4095, 4096, 4097, 100_000])('of %d bytes are read whole', (size) => {
    writeFileSync(at('sized'), Buffer.alloc(size, 'é'));
    expect(checkValue(addon.readFile(at('sized'), size), 'readFile')).toEqual(
      new Uint8Array(readFileSync(at('sized'))),
    );
    if (size > 0) expect(addon.readFile(at('sized'), size - 1)).toBe(-errno.EFBIG);
  });

  it('of procfs, sysfs and cgroupfs are read to their end', () => {
    expect(text(addon.readFile('/proc/self/mountinfo', 1 << 20))).toBe(readFileSync('/proc/self/mountinfo', 'utf8'));
    expect(text(addon.readFile('/proc/kallsyms', 64 << 20)).length).toBeGreaterThan(10_000);
    expect(addon.readFile('/proc/kallsyms', 5000)).toBe(-errno.EFBIG);
    expect(text(addon.readFile('/sys/kernel/mm/transparent_hugepage/enabled', 4096))).toContain('never');
    expect(text(addon.readFile(join(cgroupRoot, 'cgroup.stat'), 1 << 20))).toContain('\n');
  });

  it('are nothing else: a fifo, a directory, a device, a missing file', () => {
    check(addon.mkfifo(at('fifo'), 0o600), 'mkfifo');
    expect(addon.readFile(at('fifo'), 10)).toBe(-errno.ESPIPE);
    expect(addon.memfdOfFile(at('fifo'), 'x')).toBe(-errno.ESPIPE);
    expect(addon.readFile(directory, 10)).toBe(-errno.EISDIR);
    expect(addon.readFile('/dev/zero', 10)).toBe(-errno.ESPIPE);
    expect(addon.readFile(at('missing'), 10)).toBe(-errno.ENOENT);
  });

  it('may have long names', () => {
    const name = at('é'.repeat(127));
    check(addon.writeFile(name, 'long', O.WRONLY | O.CREAT, 0o600), 'writeFile');
    expect(text(addon.readFile(name, 10))).toBe('long');
    expect(addon.readFile(`/${'x/'.repeat(3000)}`, 10)).toBe(-errno.ENAMETOOLONG);
  });
});

describe('descriptors', () => {
  it('are read and written', () => {
    const fd = check(addon.open(at('rw'), O.RDWR | O.CREAT, 0o644), 'open');
    expect(addon.write(fd, 'hello')).toBe(5);
    expect(addon.write(fd, new Uint8Array(0))).toBe(0);
    const again = check(addon.open(at('rw'), O.RDONLY, 0), 'open');
    const buffer = new Uint8Array(10);
    expect(addon.read(again, buffer)).toBe(5);
    expect(addon.read(again, buffer)).toBe(0);
    expect(addon.write(again, 'x')).toBe(-errno.EBADF);
    expect(addon.isOpen(again)).toBe(true);
    expect(addon.close(again)).toBe(0);
    expect(addon.isOpen(again)).toBe(false);
    expect(addon.close(again)).toBe(-errno.EBADF);
    expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/flags:\s+02/);
    addon.close(fd);
  });

  it('tell how much was written before an error', () => {
    const [reading, writing] = checkValue(addon.pipe(), 'pipe');
    check(addon.setNonblocking(writing, true), 'setNonblocking');
    const capacity = addon.write(writing, new Uint8Array(1 << 20));
    expect(capacity).toBeGreaterThan(0);
    expect(capacity).toBeLessThan(1 << 20);
    expect(addon.write(writing, 'x')).toBe(-errno.EAGAIN);
    check(addon.setNonblocking(writing, false), 'setNonblocking');
    addon.close(reading);
    expect(addon.write(writing, 'x')).toBe(-errno.EPIPE);
    addon.close(writing);
  });

  it('are duplicated close-on-exec, from a number upwards', () => {
    const fd = check(addon.dup(0, 500), 'dup');
    expect(fd).toBeGreaterThanOrEqual(500);
    expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/flags:\s+02\d{6}/);
    addon.close(fd);
    expect(addon.dup(fd, 0)).toBe(-errno.EBADF);
  });

  it('are resolved in a root', () => {
    check(addon.mkdir(at('root'), 0o755), 'mkdir');
    check(addon.symlink('/../../../etc/passwd', at('root/escape')), 'symlink');
    const root = check(addon.open(at('root'), O.PATH | O.DIRECTORY, 0), 'open');
    expect(addon.openat2(root, 'escape', O.RDONLY, 0, RESOLVE.IN_ROOT)).toBe(-errno.ENOENT);
    expect(addon.openat2(root, 'escape', O.RDONLY, 0, RESOLVE.NO_SYMLINKS)).toBe(-errno.ELOOP);
    expect(addon.openat2(root, '..', O.PATH, 0, RESOLVE.BENEATH)).toBe(-errno.EXDEV);
    expect(addon.openat2(root, 'escape', O.RDONLY, 0, 1 << 30)).toBe(-errno.EINVAL);
    const made = check(addon.openat2(root, '/made', O.WRONLY | O.CREAT, 0o640, RESOLVE.IN_ROOT), 'openat2');
    expect(statSync(at('root/made')).mode & 0o777).toBe(0o640);
    const here = check(addon.openat2(AT.FDCWD, at('root/made'), O.PATH, 0, 0), 'openat2');
    for (const fd of [here, made, root]) addon.close(fd);
  });

  it('are locked', () => {
    const first = check(addon.open(at('lock'), O.RDWR | O.CREAT, 0o600), 'open');
    const second = check(addon.open(at('lock'), O.RDWR, 0), 'open');
    expect(addon.flock(first, LOCK.EX | LOCK.NB)).toBe(0);
    expect(addon.flock(second, LOCK.SH | LOCK.NB)).toBe(-errno.EAGAIN);
    expect(addon.flock(first, LOCK.UN)).toBe(0);
    expect(addon.flock(second, LOCK.SH | LOCK.NB)).toBe(0);
    for (const fd of [first, second]) addon.close(fd);
  });
});

describe('names', () => {
  it('are made, listed, renamed and removed', () => {
    check(addon.mkdir(at('d'), 0o700), 'mkdir');
    expect(addon.mkdir(at('d'), 0o700)).toBe(-errno.EEXIST);
    for (const name of ['x', 'ü']) check(addon.writeFile(at(`d/${name}`), '', O.WRONLY | O.CREAT, 0o600), 'writeFile');
    expect([...checkValue(addon.readdir(at('d')), 'readdir')].sort()).toEqual(['x', 'ü']);
    expect(addon.rmdir(at('d'))).toBe(-errno.ENOTEMPTY);
    expect(addon.rename(at('d/x'), at('d/ü'))).toBe(0);
    expect(addon.readdir(at('d'))).toEqual(['ü']);
    expect(addon.unlink(at('d/ü'))).toBe(0);
    expect(addon.unlink(at('d/ü'))).toBe(-errno.ENOENT);
    expect(addon.rmdir(at('d'))).toBe(0);
    expect(addon.readdir(at('d'))).toBe(-errno.ENOENT);
    expect(addon.readdir('/etc/passwd')).toBe(-errno.ENOTDIR);
  });

  it('resolve', () => {
    check(addon.symlink('../etc/./passwd', at('link')), 'symlink');
    expect(addon.readlink(at('link'))).toBe('../etc/./passwd');
    expect(addon.readlink('/etc/passwd')).toBe(-errno.EINVAL);
    expect(addon.realpath('/proc/../etc/./passwd')).toBe('/etc/passwd');
    expect(addon.realpath(at('nothing'))).toBe(-errno.ENOENT);
    expect(addon.getcwd()).toBe(process.cwd());
  });

  it('have a status', () => {
    const facts = checkValue(addon.stat('/dev/null', true), 'stat');
    expect(facts.mode & S.IFMT).toBe(S.IFCHR);
    expect([facts.rdevMajor, facts.rdevMinor]).toEqual([1, 3]);
    writeFileSync(at('status'), '12345');
    const known = statSync(at('status'));
    expect(addon.stat(at('status'), false)).toEqual({
      mode: known.mode,
      size: 5,
      ino: known.ino,
      dev: known.dev,
      links: 1,
      uid: known.uid,
      gid: known.gid,
      rdevMajor: 0,
      rdevMinor: 0,
      mtimeMs: known.mtimeMs,
    });
    check(addon.symlink('status', at('status-link')), 'symlink');
    expect(checkValue(addon.stat(at('status-link'), false), 'stat').mode & S.IFMT).toBe(S.IFLNK);
    expect(checkValue(addon.stat(at('status-link'), true), 'stat').mode & S.IFMT).toBe(S.IFREG);
    expect(addon.stat(at('nothing'), true)).toBe(-errno.ENOENT);
    expect(checkValue(addon.fstat(0), 'fstat')).toHaveProperty('mode');
    expect(addon.fstat(-1)).toBe(-errno.EBADF);
  });

  it('carry attributes', () => {
    writeFileSync(at('marked'), '');
    const set = addon.setxattr(at('marked'), 'user.mark', 'four');
    // Not every file system has them.
    if (set === -errno.EOPNOTSUPP) return;
    expect(set).toBe(0);
    expect(addon.xattrSize(at('marked'), 'user.mark')).toBe(4);
    expect(addon.removexattr(at('marked'), 'user.mark')).toBe(0);
    expect(addon.xattrSize(at('marked'), 'user.mark')).toBe(-61);
    expect(addon.xattrSize(at('nothing'), 'user.mark')).toBe(-errno.ENOENT);
  });

  it('change their mode and owner', () => {
    writeFileSync(at('owned'), '');
    expect(addon.chmod(at('owned'), 0o4711)).toBe(0);
    expect(statSync(at('owned')).mode & 0o7777).toBe(0o4711);
    expect(addon.chown(at('owned'), 4_000_000_000, 7)).toBe(0);
    const fd = check(addon.open(at('owned'), O.RDONLY, 0), 'open');
    expect(addon.fchown(fd, -1, 8)).toBe(0);
    addon.close(fd);
    expect([statSync(at('owned')).uid, statSync(at('owned')).gid]).toEqual([4_000_000_000, 8]);
    chmodSync(at('owned'), 0o600);
    expect(addon.access(at('owned'), ACCESS.READ | ACCESS.WRITE)).toBe(0);
    expect(addon.access(at('owned'), ACCESS.EXECUTE)).toBe(-errno.EACCES);
    expect(addon.access(at('nothing'), ACCESS.EXISTS)).toBe(-errno.ENOENT);
  });

  it('lie on a file system of some type', () => {
    expect(addon.statfsType('/proc')).toBe(MAGIC.PROC);
    expect(addon.statfsType('/sys')).toBe(MAGIC.SYSFS);
    expect(addon.statfsType(cgroupRoot)).toBe(MAGIC.CGROUP2);
    expect(addon.statfsType(at('nothing'))).toBe(-errno.ENOENT);
    const fd = check(addon.open('/proc/self/ns/mnt', O.RDONLY, 0), 'open');
    expect(addon.fstatfsType(fd)).toBe(MAGIC.NSFS);
    addon.close(fd);
    expect(addon.fstatfsType(fd)).toBe(-errno.EBADF);
  });

  it('are made with the umask', () => {
    const before = addon.umask(0o077);
    expect(addon.umask(before)).toBe(0o077);
  });
});

describe('sealed memory', () => {
  it('holds a program that runs and cannot be changed', () => {
    const fd = check(addon.memfdOfFile('/bin/echo', 'a program'), 'memfdOfFile');
    expect(addon.readlink(`/proc/self/fd/${fd}`)).toBe('/memfd:a program (deleted)');
    expect(addon.write(fd, 'x')).toBe(-errno.EPERM);
    expect(addon.open(`/proc/self/fd/${fd}`, O.RDWR | O.TRUNC, 0)).toBe(-errno.EPERM);
    expect(run(['echo', 'from', 'memory'], { exeFd: fd }).output).toBe('from memory\n');
    addon.close(fd);
    expect(addon.memfdOfFile(at('nothing'), 'x')).toBe(-errno.ENOENT);
    expect(addon.memfdOfFile('/etc/passwd', 'x'.repeat(250))).toBe(-errno.EINVAL);
  });

  it('holds data that is read from its start and cannot be changed or run', () => {
    const fd = check(addon.memfdOfData(Buffer.from('data'), 'data'), 'memfdOfData');
    const buffer = new Uint8Array(10);
    expect(addon.read(fd, buffer)).toBe(4);
    expect(addon.write(fd, 'x')).toBe(-errno.EPERM);
    expect(checkValue(addon.fstat(fd), 'fstat').mode & 0o111).toBe(0);
    expect(addon.spawn({ exeFd: fd, argv: ['x'], env: [], fds: [] })).toBe(-errno.EACCES);
    addon.close(fd);
    const empty = check(addon.memfdOfData(new Uint8Array(0), 'empty'), 'memfdOfData');
    expect(addon.read(empty, buffer)).toBe(0);
    addon.close(empty);
  });
});

it('leaves no descriptor behind after failures', () => {
  execFileSync('/bin/true'); // whatever the engine opens for its first child
  const before = openFds();
  addon.readFile(directory, 10);
  addon.readFile('/proc/kallsyms', 10);
  addon.memfdOfFile(directory, 'x');
  addon.memfdOfFile('/etc/passwd', 'x'.repeat(250));
  addon.writeFile('/dev/full', 'x', O.WRONLY, 0);
  addon.connectUnix(at('nothing'));
  addon.connectUnix(at(`${'x/'.repeat(100)}nothing`));
  addon.readdir('/etc/passwd');
  addon.signalfd([15, 99]);
  addon.spawn({
    path: at('nothing'),
    argv: ['x'],
    env: [],
    fds: [0, 1, 2],
    parentDeathSignal: 9,
    cloneFlags: 0x20000000,
  });
  expect(openFds()).toEqual(before);
});
