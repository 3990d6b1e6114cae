import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addon } from '../../../runtime/addon.ts';
import { AT, BPF, CLONE, NS, O, OPEN_TREE } from '../../../runtime/constants.ts';
import { errno } from '../../../runtime/errno.ts';
import { check } from '../../../runtime/sys.ts';
import { cgroupRoot, shell, temporaryDirectory } from './helpers.ts';

const directory = temporaryDirectory();

describe('detached mounts', () => {
  const MOUNT_ATTR_RDONLY = 1;
  it('take attributes', () => {
    const tree = check(addon.openTree(AT.FDCWD, directory, OPEN_TREE.CLONE | AT.RECURSIVE), 'openTree');
    writeFileSync(join(directory, 'file'), '');
    const open = (): number => addon.openat2(tree, 'file', O.WRONLY, 0, 0);
    addon.close(check(open(), 'openat2'));
    expect(addon.mountSetattr(tree, true, MOUNT_ATTR_RDONLY, 0, 0, -1)).toBe(0);
    expect(open()).toBe(-errno.EROFS);
    expect(addon.mountSetattr(tree, false, 0, MOUNT_ATTR_RDONLY, 0, -1)).toBe(0);
    addon.close(check(open(), 'openat2'));
    expect(addon.mountSetattr(tree, false, (1 << 31) >>> 0, 0, 0, -1)).toBe(-errno.EINVAL);
    addon.close(tree);
    expect(addon.openTree(AT.FDCWD, '/nowhere', OPEN_TREE.CLONE)).toBe(-errno.ENOENT);
  });
});

describe('ioctl', () => {
  it('asks a namespace for its type and owner', () => {
    const fd = check(addon.open('/proc/self/ns/uts', O.RDONLY, 0), 'open');
    expect(addon.ioctl(fd, NS.GET_NSTYPE)).toBe(CLONE.NEWUTS);
    const owner = check(addon.ioctl(fd, NS.GET_USERNS), 'ioctl');
    expect(addon.ioctl(owner, NS.GET_NSTYPE)).toBe(CLONE.NEWUSER);
    for (const each of [fd, owner]) addon.close(each);
    expect(addon.ioctl(0, 0xffffffff)).toBeLessThan(0);
  });
});

describe('a device program', () => {
  /** `r0 = answer; exit` */
  const program = (answer: number): Uint8Array =>
    Uint8Array.of(0xb7, 0, 0, 0, answer, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

  it('decides in its cgroup', () => {
    const path = join(cgroupRoot, `tsrun-addon-bpf-${process.pid}`);
    mkdirSync(path);
    try {
      const cgroupFd = check(addon.open(path, O.RDONLY | O.DIRECTORY, 0), 'open');
      const opens = (): boolean => shell(': </dev/zero', { cgroupFd }).end.code === 0;
      const allow = check(addon.bpfLoadDevice(program(1)), 'bpfLoadDevice');
      const deny = check(addon.bpfLoadDevice(program(0)), 'bpfLoadDevice');
      expect(opens()).toBe(true);
      expect(addon.bpfAttachDevice(deny, cgroupFd, BPF.ALLOW_MULTI, -1)).toBe(0);
      expect(opens()).toBe(false);
      expect(addon.bpfAttachDevice(allow, cgroupFd, BPF.ALLOW_MULTI | BPF.REPLACE, deny)).toBe(0);
      expect(opens()).toBe(true);
      expect(addon.bpfDetachDevice(deny, cgroupFd)).toBe(-errno.ENOENT);
      expect(addon.bpfDetachDevice(allow, cgroupFd)).toBe(0);
      for (const fd of [allow, deny, cgroupFd]) addon.close(fd);
    } finally {
      rmdirSync(path);
    }
  });

  it('is refused where it is none', () => {
    expect(addon.bpfLoadDevice(new Uint8Array(7))).toBe(-errno.EINVAL);
    expect(addon.bpfLoadDevice(new Uint8Array(8))).toBe(-errno.EINVAL);
    expect(addon.bpfAttachDevice(-1, -1, 0, -1)).toBe(-errno.EBADF);
    expect(addon.bpfDetachDevice(-1, -1)).toBe(-errno.EBADF);
  });
});
