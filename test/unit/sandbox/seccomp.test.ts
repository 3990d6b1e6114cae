/** The profile of a sandbox that is given none, asked of what it compiles to; and which profile a sandbox has. */
import { describe, expect, test } from 'vitest';
import { defaultProfile } from '../../../runtime/sandbox/default-profile.ts';
import { runFilter } from '../../../runtime/seccomp/bpf.ts';
import { compileFilter } from '../../../runtime/seccomp/compile.ts';
import { seccompLibrary } from '../../../runtime/seccomp/library.ts';
import { NATIVE, RET } from '../../../runtime/seccomp/numbers.ts';
import { forContainer, readProfile } from '../../../runtime/seccomp/profile-file.ts';
import { made, rootHost } from './fixtures.ts';

const library = seccompLibrary();
const EPERM = RET.ERRNO + 1;
const ENOSYS = RET.ERRNO + 38;

function compiled(...capabilities: string[]): Uint32Array {
  return compileFilter(forContainer(defaultProfile, capabilities).seccomp, library);
}

const plain = compiled();

function answer(program: Uint32Array, name: string, ...args: bigint[]): number {
  const number = library.resolveSystemCall(NATIVE, name);
  expect(number, name).toBeGreaterThanOrEqual(0);
  return runFilter(program, { number, architecture: NATIVE, args });
}

describe('the built-in profile', () => {
  test.each([
    ...['mount', 'umount2', 'pivot_root', 'move_mount', 'open_tree', 'fsopen', 'mount_setattr', 'setns', 'unshare'],
    ...['bpf', 'perf_event_open', 'fanotify_init', 'quotactl', 'sethostname', 'setdomainname', 'swapon', 'reboot'],
    ...['kexec_load', 'init_module', 'delete_module', 'acct', 'settimeofday', 'clock_settime', 'syslog', 'vhangup'],
    ...['add_key', 'request_key', 'keyctl', 'userfaultfd', 'io_uring_setup', 'io_uring_enter', 'nfsservctl'],
    ...['open_by_handle_at', 'kcmp', 'move_pages', 'migrate_pages', 'set_mempolicy', 'chroot', 'lookup_dcookie'],
  ])('refuses %s', (name) => {
    expect(answer(plain, name)).toBe(EPERM);
  });

  test.each([
    ['CAP_SYS_ADMIN', 'mount'],
    ['CAP_SYS_ADMIN', 'unshare'],
    ['CAP_SYS_ADMIN', 'clone3'],
    ['CAP_SYS_CHROOT', 'chroot'],
    ['CAP_SYS_TIME', 'clock_settime'],
    ['CAP_SYS_NICE', 'set_mempolicy'],
    ['CAP_SYS_MODULE', 'finit_module'],
    ['CAP_SYS_BOOT', 'reboot'],
    ['CAP_BPF', 'bpf'],
    ['CAP_PERFMON', 'perf_event_open'],
    ['CAP_SYSLOG', 'syslog'],
  ])('with %s allows %s', (capability, name) => {
    expect(answer(compiled(capability), name)).toBe(RET.ALLOW);
  });

  test.each([
    ...['read', 'openat', 'execve', 'mmap', 'futex', 'wait4', 'ptrace', 'seccomp', 'prctl', 'statx', 'rseq'],
    ...['bind', 'listen', 'accept4', 'shmget', 'mq_open', 'memfd_create', 'getrandom', 'setgroups', 'chown', 'mknodat'],
  ])('allows %s', (name) => {
    expect(answer(plain, name)).toBe(RET.ALLOW);
  });

  test.each<[string, bigint, number]>([
    ['clone', 0n, RET.ALLOW],
    ['clone', 0x10f00n, RET.ALLOW], // as for a thread
    ['clone', 0x1000_0000n, EPERM], // CLONE_NEWUSER
    ['clone', 0x2_0011n, EPERM], // CLONE_NEWNS
    ['socket', 2n, RET.ALLOW],
    ['socket', 40n, EPERM], // AF_VSOCK
    ['personality', 0n, RET.ALLOW],
    ['personality', 0x4_0000n, EPERM], // ADDR_NO_RANDOMIZE
    ['personality', 0xffff_ffffn, RET.ALLOW],
  ])('answers %s(%i)', (name, value, expected) => {
    expect(answer(plain, name, value)).toBe(expected);
  });

  test('sends C libraries to system calls that it can look into', () => {
    expect(answer(plain, 'clone3')).toBe(ENOSYS);
    expect(runFilter(plain, { number: 9999, architecture: NATIVE, args: [] })).toBe(ENOSYS);
  });
});

test('a sandbox has the profile of its facts, and none without', () => {
  const { seccomp } = forContainer(defaultProfile, []);
  expect(made('', { ...rootHost, seccomp }).config.linux?.seccomp).toBe(seccomp);
  expect(made('', rootHost).config.linux).not.toHaveProperty('seccomp');
});

test('a file may hold the profile of an engine, for the capabilities of the sandbox', () => {
  const file = `${import.meta.dirname}/../../../test/unit/spec/configs/docker.json`;
  expect(readProfile(file, []).seccomp.syscalls?.length).toBeGreaterThan(1);
});
