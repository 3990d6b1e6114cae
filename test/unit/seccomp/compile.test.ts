/** What profiles compile to, asked of the compiled program; the real libseccomp. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runFilter } from '../../../runtime/seccomp/bpf.ts';
import { compileFilter } from '../../../runtime/seccomp/compile.ts';
import { seccompLibrary } from '../../../runtime/seccomp/library.ts';
import { ARCHITECTURE, libraryName, NATIVE, RET, X32_BIT } from '../../../runtime/seccomp/numbers.ts';
import { profileKey } from '../../../runtime/seccomp/profile.ts';
import type { Seccomp, SeccompAction, SeccompArg } from '../../../spec/config.ts';
import { SECCOMP_ARCHITECTURES } from '../../../spec/seccomp.ts';

const library = seccompLibrary();
const onX86 = process.arch === 'x64';

const number = (name: string, token = NATIVE): number => library.resolveSystemCall(token, name);

/** What `profile` answers to a native call. */
function answer(profile: Seccomp, name: string, ...args: bigint[]): number {
  return runFilter(compileFilter(profile, library), { number: number(name), architecture: NATIVE, args });
}

const EPERM = RET.ERRNO + 1;
const ENOSYS = RET.ERRNO + 38;
const denies = (names: string[], args: SeccompArg[], more: Partial<Seccomp> = {}): Seccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names, action: 'SCMP_ACT_ERRNO', args }],
  ...more,
});

describe('actions', () => {
  test.each<[SeccompAction, number | undefined, number]>([
    ['SCMP_ACT_KILL', undefined, RET.KILL_THREAD],
    ['SCMP_ACT_KILL_THREAD', undefined, RET.KILL_THREAD],
    ['SCMP_ACT_KILL_PROCESS', undefined, RET.KILL_PROCESS],
    ['SCMP_ACT_TRAP', undefined, RET.TRAP],
    ['SCMP_ACT_ERRNO', undefined, EPERM],
    ['SCMP_ACT_ERRNO', 0, RET.ERRNO],
    ['SCMP_ACT_ERRNO', 4094, RET.ERRNO + 4094],
    ['SCMP_ACT_TRACE', undefined, RET.TRACE + 1],
    ['SCMP_ACT_TRACE', 0xffff, RET.TRACE + 0xffff],
    ['SCMP_ACT_LOG', undefined, RET.LOG],
    ['SCMP_ACT_NOTIFY', undefined, RET.USER_NOTIF],
  ])('%s %s', (action, errnoRet, expected) => {
    const entry = { names: ['mount'], action, ...(errnoRet === undefined ? {} : { errnoRet }) };
    const profile: Seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [entry] };
    expect(answer(profile, 'mount')).toBe(expected);
    expect(answer(profile, 'umount2')).toBe(RET.ALLOW);
  });

  test('that are the default need no entry, and may have one', () => {
    const profile = denies(['mount'], [], { defaultAction: 'SCMP_ACT_ERRNO' });
    expect(answer(profile, 'mount')).toBe(EPERM);
    expect(answer(denies(['mount'], [], { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 13 }), 'mount')).toBe(
      EPERM,
    );
  });

  test('are defaults with an errno', () => {
    expect(answer({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 38 }, 'mount')).toBe(ENOSYS);
    expect(answer({ defaultAction: 'SCMP_ACT_ERRNO' }, 'mount')).toBe(EPERM);
  });

  test('of the same entry twice', () => {
    const entry = { names: ['mount', 'mount'], action: 'SCMP_ACT_ERRNO' } as const;
    expect(answer({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [entry, entry] }, 'mount')).toBe(EPERM);
  });

  test('of unknown system calls are nobody’s', () => {
    expect(answer(denies(['no_such_call', 'mount'], []), 'mount')).toBe(EPERM);
  });
});

const big = 0xffff_ffff_0000_0001n;

describe('conditions', () => {
  test.each<[SeccompArg['op'], bigint | number, bigint | number | undefined, bigint, boolean]>([
    ['SCMP_CMP_NE', 5, undefined, 5n, false],
    ['SCMP_CMP_NE', 5, undefined, 6n, true],
    ['SCMP_CMP_NE', big, undefined, 1n, true],
    ['SCMP_CMP_LT', big, undefined, big, false],
    ['SCMP_CMP_LT', big, undefined, big - 1n, true],
    ['SCMP_CMP_LE', big, undefined, big, true],
    ['SCMP_CMP_LE', big, undefined, big + 1n, false],
    ['SCMP_CMP_EQ', 0, undefined, 0n, true],
    ['SCMP_CMP_EQ', big, undefined, big, true],
    ['SCMP_CMP_EQ', big, undefined, 1n, false],
    ['SCMP_CMP_EQ', big, undefined, 0xffff_ffff_0000_0000n, false],
    ['SCMP_CMP_EQ', 2 ** 53 - 1, undefined, 2n ** 53n - 1n, true],
    ['SCMP_CMP_EQ', 0xffff_ffff_ffff_ffffn, undefined, 0xffff_ffff_ffff_ffffn, true],
    ['SCMP_CMP_EQ', 0xffff_ffff_ffff_ffffn, undefined, 0xffff_ffff_ffff_fffen, false],
    ['SCMP_CMP_GE', 0x1_0000_0000, undefined, 0xffff_ffffn, false],
    ['SCMP_CMP_GE', 0x1_0000_0000, undefined, 0x1_0000_0000n, true],
    ['SCMP_CMP_GT', 0x1_0000_0000, undefined, 0x1_0000_0000n, false],
    ['SCMP_CMP_GT', 0x1_0000_0000, undefined, 0x1_0000_0001n, true],
    ['SCMP_CMP_MASKED_EQ', 0x7e02_0000, 0, 0x11n, true],
    ['SCMP_CMP_MASKED_EQ', 0x7e02_0000, 0, 0x1000_0000n, false],
    ['SCMP_CMP_MASKED_EQ', 0xf000_0000_0000_0000n, 0xa000_0000_0000_0000n, 0xafff_0000_0000_0000n, true],
    ['SCMP_CMP_MASKED_EQ', 0xf000_0000_0000_0000n, 0xa000_0000_0000_0000n, 0xbfff_0000_0000_0000n, false],
  ])('%s %s %s of %s', (op, value, valueTwo, actual, matches) => {
    const condition = { index: 5, op, value, ...(valueTwo === undefined ? {} : { valueTwo }) };
    expect(answer(denies(['mount'], [condition]), 'mount', 0n, 0n, 0n, 0n, 0n, actual)).toBe(
      matches ? EPERM : RET.ALLOW,
    );
  });

  test('of one entry must all hold (CVE-2017-18367)', () => {
    const profile = denies(
      ['socket'],
      [
        { index: 0, value: 2, op: 'SCMP_CMP_EQ' },
        { index: 1, value: 2, op: 'SCMP_CMP_EQ' },
      ],
    );
    expect(answer(profile, 'socket', 2n, 2n)).toBe(EPERM);
    expect(answer(profile, 'socket', 2n, 1n)).toBe(RET.ALLOW);
    expect(answer(profile, 'socket', 1n, 2n)).toBe(RET.ALLOW);
  });

  test('of one argument suffice each, as in other runtimes', () => {
    const profile = denies(
      ['socket'],
      [
        { index: 0, value: 2, op: 'SCMP_CMP_EQ' },
        { index: 0, value: 10, op: 'SCMP_CMP_EQ' },
      ],
    );
    expect(answer(profile, 'socket', 2n)).toBe(EPERM);
    expect(answer(profile, 'socket', 10n)).toBe(EPERM);
    expect(answer(profile, 'socket', 1n)).toBe(RET.ALLOW);
  });

  test('hold as they do by arithmetic', () => {
    const value = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
    const operators = [
      'SCMP_CMP_NE',
      'SCMP_CMP_LT',
      'SCMP_CMP_LE',
      'SCMP_CMP_EQ',
      'SCMP_CMP_GE',
      'SCMP_CMP_GT',
    ] as const;
    const truth = (op: (typeof operators)[number], left: bigint, right: bigint): boolean =>
      ({
        SCMP_CMP_NE: left !== right,
        SCMP_CMP_LT: left < right,
        SCMP_CMP_LE: left <= right,
        SCMP_CMP_EQ: left === right,
        SCMP_CMP_GE: left >= right,
        SCMP_CMP_GT: left > right,
      })[op];
    fc.assert(
      fc.property(fc.constantFrom(...operators), value, value, fc.boolean(), (op, wanted, other, same) => {
        const actual = same ? wanted : other;
        const profile = denies(['mount'], [{ index: 2, op, value: wanted }]);
        expect(answer(profile, 'mount', 0n, 0n, actual)).toBe(truth(op, actual, wanted) ? EPERM : RET.ALLOW);
      }),
    );
  });
});

describe('many system calls', () => {
  test('are found in a tree as they are one by one', () => {
    const names = Array.from({ length: 300 }, (_, index) => library.systemCallName(NATIVE, index)).filter(
      (name): name is string => name !== null,
    );
    const allowed = names.filter((_, index) => index % 3 !== 0);
    const program = compileFilter(
      { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: allowed, action: 'SCMP_ACT_ALLOW' }] },
      library,
    );
    for (const name of names.slice(0, names.indexOf(allowed.at(-1) ?? '') + 1))
      expect([name, runFilter(program, { number: number(name), architecture: NATIVE })]).toEqual([
        name,
        allowed.includes(name) ? RET.ALLOW : EPERM,
      ]);
  });
});

describe('system calls newer than the profile', () => {
  const named: Seccomp['syscalls'] = [{ names: ['read', 'openat2', 'close_range'], action: 'SCMP_ACT_ALLOW' }];
  const last = number('openat2');
  const at = (profile: Seccomp, value: number, architecture: number = NATIVE): number =>
    runFilter(compileFilter(profile, library), { number: value, architecture });

  test('get ENOSYS where all else is denied', () => {
    for (const defaultAction of [
      'SCMP_ACT_ERRNO',
      'SCMP_ACT_KILL_PROCESS',
      'SCMP_ACT_KILL',
      'SCMP_ACT_TRAP',
    ] as const) {
      const profile: Seccomp = { defaultAction, syscalls: named };
      expect(at(profile, last + 1)).toBe(ENOSYS);
      expect(at(profile, last)).toBe(RET.ALLOW);
      expect(at(profile, number('mount'))).not.toBe(ENOSYS);
    }
  });

  test.each([
    ['SCMP_ACT_ALLOW', RET.ALLOW],
    ['SCMP_ACT_LOG', RET.LOG],
    ['SCMP_ACT_TRACE', RET.TRACE + 1],
  ] as const)('get what %s says', (defaultAction, expected) => {
    const profile: Seccomp = { defaultAction, syscalls: [{ names: ['openat2'], action: 'SCMP_ACT_ERRNO' }] };
    expect(at(profile, last + 1)).toBe(expected);
  });

  test('get ENOSYS by the default action itself', () => {
    const profile: Seccomp = { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 38, syscalls: named };
    expect(at(profile, last + 1)).toBe(ENOSYS);
    const without = compileFilter({ ...profile, defaultErrnoRet: 1 }, library);
    expect(compileFilter(profile, library).length).toBeLessThan(without.length);
  });

  test('are none where the profile names nothing', () => {
    expect(at({ defaultAction: 'SCMP_ACT_ERRNO' }, 5000)).toBe(EPERM);
  });

  test.runIf(onX86)('are counted for each architecture', () => {
    const profile: Seccomp = {
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32', 'SCMP_ARCH_ARM'],
      syscalls: [{ names: ['read', 'getcwd', 'breakpoint'], action: 'SCMP_ACT_ALLOW' }],
    };
    const { X86, X86_64, ARM } = ARCHITECTURE;
    const [on86, on64] = [number('getcwd', X86), number('getcwd', X86_64)];
    expect(at(profile, on64)).toBe(RET.ALLOW);
    expect(at(profile, on64 + 1)).toBe(ENOSYS);
    expect(at(profile, on86, X86)).toBe(RET.ALLOW);
    expect(at(profile, on86 + 1, X86)).toBe(ENOSYS);
    expect(at(profile, X32_BIT + on64, X86_64)).toBe(RET.ALLOW);
    expect(at(profile, X32_BIT + on64 + 1, X86_64)).toBe(ENOSYS);
    expect(at(profile, 0xffff_ffff, X86_64)).toBe(ENOSYS);
    const breakpoint = number('breakpoint', ARM);
    expect(breakpoint).toBeGreaterThan(0xf_0000);
    expect(at(profile, breakpoint, ARM)).toBe(RET.ALLOW);
    expect(at(profile, 1, ARM)).toBe(EPERM);
  });
});

describe.runIf(onX86)('architectures', () => {
  const profile = denies(['mount'], [], { architectures: ['SCMP_ARCH_X86'] });
  const program = compileFilter(profile, library);

  test('have numbers of their own', () => {
    const at = (value: number, architecture: number): number => runFilter(program, { number: value, architecture });
    expect(at(number('mount', ARCHITECTURE.X86), ARCHITECTURE.X86)).toBe(EPERM);
    expect(at(number('mount'), ARCHITECTURE.X86)).toBe(RET.ALLOW);
  });

  test('that are not listed kill', () => {
    expect(runFilter(program, { number: 0, architecture: ARCHITECTURE.AARCH64 })).toBe(RET.KILL_THREAD);
    expect(runFilter(program, { number: X32_BIT, architecture: ARCHITECTURE.X86_64 })).toBe(RET.KILL_THREAD);
  });

  test.each([
    ['SCMP_ARCH_MIPS', /architectures\[0\]: SCMP_ARCH_MIPS has another byte order/],
    ['SCMP_ARCH_SHEB', /architectures\[0\]: .*does not know SCMP_ARCH_SHEB|another byte order/],
  ])('%s is refused by name', (name, words) => {
    expect(() => compileFilter(denies(['mount'], [], { architectures: [name] }), library)).toThrow(words);
  });

  test('may be listed twice', () => {
    const twice = denies(['mount'], [], { architectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X86', 'SCMP_ARCH_X86_64'] });
    expect(answer(twice, 'mount')).toBe(EPERM);
  });
});

test.each(SECCOMP_ARCHITECTURES)('%s has the rules of the profile, or is refused by name', (name) => {
  const profile = denies(['mount'], [], { architectures: [name] });
  const token = library.resolveArchitecture(libraryName(name));
  let program: Uint32Array;
  try {
    program = compileFilter(profile, library);
  } catch (error) {
    expect(String(error)).toMatch(
      token === 0 ? /architectures\[0\]: .*does not know/ : /architectures\[0\]: .*has another byte order/,
    );
    // All that this machine could run, and more, is among those that are compiled.
    expect(name).not.toMatch(/^SCMP_ARCH_(X86|X86_64|X32|ARM|AARCH64|MIPSEL|MIPSEL64|MIPSEL64N32|PPC64LE|RISCV64)$/);
    return;
  }
  const kernels = token === ARCHITECTURE.X32 ? ARCHITECTURE.X86_64 : token;
  const at = (call: string): number => runFilter(program, { number: number(call, token), architecture: kernels });
  expect([at('mount'), at('getcwd')]).toEqual([EPERM, RET.ALLOW]);
});

describe('the key of a profile', () => {
  const entry = { names: ['a', 'b'], action: 'SCMP_ACT_ALLOW' } as const;
  const base: Seccomp = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [entry] };

  test.each<[string, Seccomp]>([
    ['default action', { ...base, defaultAction: 'SCMP_ACT_KILL' }],
    ['default errno', { ...base, defaultErrnoRet: 1 }],
    ['architecture', { ...base, architectures: ['SCMP_ARCH_X86'] }],
    [
      'names apart',
      {
        ...base,
        syscalls: [
          { ...entry, names: ['a'] },
          { ...entry, names: ['b'] },
        ],
      },
    ],
    ['names together', { ...base, syscalls: [{ ...entry, names: ['ab'] }] }],
    ['order', { ...base, syscalls: [{ ...entry, names: ['b', 'a'] }] }],
    ['errno', { ...base, syscalls: [{ ...entry, errnoRet: 1 }] }],
    ['condition', { ...base, syscalls: [{ ...entry, args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] }] }],
    [
      'second value',
      { ...base, syscalls: [{ ...entry, args: [{ index: 0, value: 1, valueTwo: 1, op: 'SCMP_CMP_EQ' }] }] },
    ],
  ])('tells another %s', (_, other) => {
    expect(profileKey(other)).not.toBe(profileKey(base));
  });

  test('does not tell what the filter does not depend on', () => {
    const listener: Seccomp = {
      ...base,
      listenerPath: '/a',
      listenerMetadata: 'b',
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
    };
    expect(profileKey(listener)).toBe(profileKey(base));
  });
});
