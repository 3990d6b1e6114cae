/** podman's default profile, as podman makes it for a container: what it allows and denies, seen by the program under it. */
import { runFilter } from '../../runtime/seccomp/bpf.ts';
import { compileFilter } from '../../runtime/seccomp/compile.ts';
import { RET } from '../../runtime/seccomp/numbers.ts';
import { args, defaultCapabilities, type Part, processProperties, withCapabilities } from './harness/config.ts';
import { library, native, numberOf, podmanProfile, podmanSeccomp, syscall } from './harness/seccomp.ts';
import { describe, expect, test } from './harness/test.ts';

/** An errno of the kernel's (the call is allowed), or `!` and that of the filter. */
type Row = readonly [name: string, values: readonly (number | bigint)[], expected: string];

const all: readonly Row[] = [
  // --- allowed: the kernel looks at the arguments, and finds fault with them in a way of its own
  ['read', [-1], 'EBADF'],
  ['write', [-1], 'EBADF'],
  ['openat', [-100, 0], 'EFAULT'],
  ['openat2', [-100, 0, 0, 0], 'EINVAL'],
  ['close', [-1], 'EBADF'],
  ['close_range', [1, 0], 'EINVAL'],
  ['fstat', [-1], 'EBADF'],
  ['ioctl', [-1], 'EBADF'],
  ['fcntl', [-1], 'EBADF'],
  ['getpid', [], ''],
  ['getrandom', [0, 0, 0], ''],
  ['mmap', [0, 0], 'EINVAL'],
  ['memfd_create', [0], 'EFAULT'],
  ['socket', [2, 1, 0], ''],
  ['connect', [-1], 'EBADF'],
  ['execve', [0], 'EFAULT'],
  ['clone3', [0, 0], 'EINVAL'],
  ['unshare', [0], ''],
  ['chdir', [0], 'EFAULT'],
  ['getcwd', [0, 0], 'ERANGE'],
  ['chroot', [0], 'EFAULT'],
  ['mount', [0, 0], 'EFAULT'],
  ['setuid', [-1], 'EINVAL'],
  ['prctl', [-1], 'EINVAL'],
  ['ptrace', [0x4206, 0x3fff_ffff], 'ESRCH'],
  ['seccomp', [-1], 'EINVAL'],
  ['pidfd_open', [-1], 'EINVAL'],
  // It is named twice, and allowed first.
  ['setns', [-1], 'EBADF'],
  ['personality', [0], ''],
  ['personality', [0xffff_ffff], ''],
  // --- denied, whatever the container may
  ['personality', [1], '!ENOSYS'],
  ['io_uring_setup', [1, 0], '!ENOSYS'],
  ['add_key', [], '!ENOSYS'],
  ['kexec_load', [], '!EPERM'],
  ['swapon', [], '!EPERM'],
  ['swapoff', [], '!EPERM'],
  ['userfaultfd', [-1], '!EPERM'],
  ['move_pages', [], '!EPERM'],
  ['migrate_pages', [], '!EPERM'],
  ['vmsplice', [-1], '!EPERM'],
  ['init_module', [], '!EPERM'],
  ['delete_module', [], '!EPERM'],
  ['finit_module', [-1], '!EPERM'],
  ['acct', [], '!EPERM'],
  ['settimeofday', [], '!EPERM'],
  ['clock_settime', [], '!EPERM'],
  ['vhangup', [], '!EPERM'],
  ['kcmp', [], '!EPERM'],
  ['process_madvise', [-1], '!EPERM'],
  ['open_by_handle_at', [-1], '!EPERM'],
  ['socket', [16, 3, 9], '!EINVAL'],
  ['socket', [16, 3, 0], ''],
];

/** What depends on CAP_SYS_ADMIN: with and without. */
const administrators: readonly (readonly [...Row, without: string])[] = [
  ['bpf', [-1], 'EINVAL', '!EPERM'],
  ['sethostname', [0, -1], 'EINVAL', '!EPERM'],
  ['setdomainname', [0, -1], 'EINVAL', '!EPERM'],
  ['perf_event_open', [0], 'EFAULT', '!EPERM'],
  ['fanotify_init', [-1], 'EINVAL', '!EPERM'],
];

const errnoNumbers: Readonly<Record<string, number>> = { EPERM: 1, EINVAL: 22, ENOSYS: 38 };

function call([name, values]: readonly [string, readonly (number | bigint)[], ...unknown[]]): string {
  return syscall(name, ...values.map((value) => BigInt.asUintN(64, BigInt(value))));
}

const without = [...all, ...administrators.map(([name, values, , denied]): Row => [name, values, denied])];
const withAdmin = [...all, ...administrators.map(([name, values, allowed]): Row => [name, values, allowed])];
const admin = [...defaultCapabilities, 'CAP_SYS_ADMIN'];
const plainCaps = processProperties({});
const noNewPrivileges = processProperties({ noNewPrivileges: true });

describe.for<[string, readonly Row[], readonly string[], Part]>([
  ['default capabilities', without, defaultCapabilities, plainCaps],
  ['default capabilities and no_new_privs', without, defaultCapabilities, noNewPrivileges],
  ['CAP_SYS_ADMIN', withAdmin, admin, withCapabilities('CAP_SYS_ADMIN')],
])('podman’s profile with %s', ([, rows, caps, part]) => {
  test(`${rows.length} system calls are answered as it says`, async ({ lab }) => {
    const facts = await lab.facts(podmanProfile(caps), part, args(...rows.map(call)));
    const answers = facts.each('syscall').map(({ errno }, index) => [rows[index]?.[0], rows[index]?.[1], errno]);
    expect(answers).toEqual(rows.map(([name, values, expected]) => [name, values, expected.replace('!', '')]));
  });

  test('the answers are the filter’s where they are denied, and the kernel’s where not', () => {
    const program = compileFilter(podmanSeccomp(caps), library);
    for (const [name, values, expected] of rows) {
      const data = { number: numberOf(name), architecture: native, args: values.map(BigInt) };
      const answer = expected.startsWith('!') ? RET.ERRNO + (errnoNumbers[expected.slice(1)] ?? 0) : RET.ALLOW;
      expect([name, values, runFilter(program, data)]).toEqual([name, values, answer]);
    }
  });
});
