/** What `seccomp explain` says of a profile: the answer is the compiled filter's, the reason an entry of the profile. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Answer, ask, systemCallNames } from '../../../runtime/seccomp/ask.ts';
import { runFilter } from '../../../runtime/seccomp/bpf.ts';
import { compileFilter } from '../../../runtime/seccomp/compile.ts';
import { seccompLibrary } from '../../../runtime/seccomp/library.ts';
import { actionNumber, NATIVE } from '../../../runtime/seccomp/numbers.ts';
import type { Seccomp, SeccompArg, SeccompSyscalls } from '../../../spec/config.ts';

const library = seccompLibrary();
const onX86 = process.arch === 'x64';
const nativeName = onX86 ? 'SCMP_ARCH_X86_64' : 'SCMP_ARCH_AARCH64';

function answer(profile: Seccomp, call: string | number, args: bigint[] = [], architecture = nativeName): Answer {
  return ask(profile, compileFilter(profile, library), { call, args, architecture }, library);
}

const when = (index: number, op: SeccompArg['op'], value: number | bigint, valueTwo?: number | bigint): SeccompArg => ({
  index,
  op,
  value,
  ...(valueTwo === undefined ? {} : { valueTwo }),
});
const denies = (...entries: Partial<SeccompSyscalls>[]): Seccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: entries.map((entry) => ({ names: ['mount'], action: 'SCMP_ACT_ERRNO', ...entry })),
});

describe('the answer', () => {
  test.each<[SeccompSyscalls['action'], number | undefined, object]>([
    ['SCMP_ACT_KILL', undefined, { action: 'SCMP_ACT_KILL_THREAD' }],
    ['SCMP_ACT_KILL_PROCESS', undefined, { action: 'SCMP_ACT_KILL_PROCESS' }],
    ['SCMP_ACT_TRAP', undefined, { action: 'SCMP_ACT_TRAP' }],
    ['SCMP_ACT_ERRNO', undefined, { action: 'SCMP_ACT_ERRNO', data: 1 }],
    ['SCMP_ACT_ERRNO', 38, { action: 'SCMP_ACT_ERRNO', data: 38 }],
    ['SCMP_ACT_TRACE', 7, { action: 'SCMP_ACT_TRACE', data: 7 }],
    ['SCMP_ACT_LOG', undefined, { action: 'SCMP_ACT_LOG' }],
    ['SCMP_ACT_NOTIFY', undefined, { action: 'SCMP_ACT_NOTIFY' }],
  ])('is told with its data: %s %s', (action, errnoRet, expected) => {
    const profile = denies({ action, ...(errnoRet === undefined ? {} : { errnoRet }) });
    expect(answer(profile, 'mount')).toMatchObject({ ...expected, entry: 0, because: 'syscalls[0]' });
    expect(answer(profile, 'umount2')).toMatchObject({ action: 'SCMP_ACT_ALLOW', concerned: [] });
  });

  test('by a number is that by the name', () => {
    const number = library.resolveSystemCall(NATIVE, 'mount');
    expect(answer(denies({}), number)).toEqual(answer(denies({}), 'mount'));
  });

  test('for a number without a name', () => {
    const { name, number, action } = answer(denies({}), 9999);
    expect([name, number, action]).toEqual([undefined, 9999, 'SCMP_ACT_ALLOW']);
  });
});

describe('the reason', () => {
  test.runIf(onX86).each(['SCMP_ARCH_X86', 'SCMP_ARCH_X32'])('%s looks at 32 bits of an argument', (architecture) => {
    const profile: Seccomp = {
      ...denies(
        { args: [when(0, 'SCMP_CMP_EQ', 0)] },
        { action: 'SCMP_ACT_TRAP', args: [when(0, 'SCMP_CMP_EQ', 0xffff_ffff)] },
      ),
      architectures: [architecture as NonNullable<Seccomp['architectures']>[number]],
    };
    const told = (value: bigint) => {
      const { action, entry } = answer(profile, 'mount', [value], architecture);
      return [action, entry];
    };
    expect(told(0x1_0000_0000n)).toEqual(['SCMP_ACT_ERRNO', 0]);
    expect(told(-1n)).toEqual(['SCMP_ACT_TRAP', 1]);
    expect(told(1n)).toEqual(['SCMP_ACT_ALLOW', undefined]);
  });

  test('is the default action where nothing is said of the call', () => {
    const { because, entry } = answer(denies({}), 'getcwd');
    expect([because, entry]).toEqual(['defaultAction, for no entry matches', undefined]);
  });

  test('is the entry whose conditions hold, and the others are told', () => {
    const profile = denies(
      { errnoRet: 13, args: [when(0, 'SCMP_CMP_EQ', 2), when(1, 'SCMP_CMP_GT', 0x10)] },
      { errnoRet: 14, args: [when(2, 'SCMP_CMP_MASKED_EQ', 0xf0, 0x20)] },
    );
    const first = answer(profile, 'mount', [2n, 17n]);
    expect(first).toMatchObject({ data: 13, entry: 0, because: 'syscalls[0]: argument 0 == 2 and argument 1 > 0x10' });
    expect(first.concerned.map(({ matches, conditions }) => [matches, conditions])).toEqual([
      [true, 'argument 0 == 2 and argument 1 > 0x10'],
      [false, 'argument 2 & 0xf0 == 0x20'],
    ]);
    expect(answer(profile, 'mount', [2n, 16n, 0x2fn])).toMatchObject({ data: 14, entry: 1 });
    expect(answer(profile, 'mount', [2n, 16n])).toMatchObject({ action: 'SCMP_ACT_ALLOW' });
  });

  test('where one argument has several conditions is any of them', () => {
    const profile = denies({ args: [when(0, 'SCMP_CMP_EQ', 2), when(0, 'SCMP_CMP_EQ', 10)] });
    expect(answer(profile, 'mount', [10n])).toMatchObject({
      entry: 0,
      because: 'syscalls[0]: argument 0 == 2 or argument 0 == 0xa',
    });
    expect(answer(profile, 'mount', [3n]).entry).toBeUndefined();
  });

  test('is the first of two entries that contradict each other', () => {
    const profile = denies({ errnoRet: 13 }, { errnoRet: 14 });
    expect(answer(profile, 'mount')).toMatchObject({ data: 13, entry: 0 });
  });

  test('is the one whose conditions hold of two that answer alike', () => {
    const profile = denies({ args: [when(0, 'SCMP_CMP_EQ', 1)] }, { args: [when(0, 'SCMP_CMP_EQ', 2)] });
    expect([1n, 2n, 3n].map((value) => answer(profile, 'mount', [value]).entry)).toEqual([0, 1, undefined]);
  });

  test('for a call that is newer than the profile is that it is', () => {
    const profile: Seccomp = {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['openat2'], action: 'SCMP_ACT_ALLOW' }],
    };
    const last = library.resolveSystemCall(NATIVE, 'openat2');
    expect(answer(profile, last + 1)).toMatchObject({
      data: 38,
      because: 'newer than every system call that the profile names',
    });
    expect(answer(profile, 'mount')).toMatchObject({ data: 1, because: 'defaultAction, for no entry matches' });
  });

  test('numbers of 64 bits are exact', () => {
    const profile = denies({ args: [when(0, 'SCMP_CMP_EQ', 0xffff_ffff_0000_0001n)] });
    expect(answer(profile, 'mount', [0xffff_ffff_0000_0001n]).because).toBe(
      'syscalls[0]: argument 0 == 0xffffffff00000001',
    );
    expect(answer(profile, 'mount', [1n]).entry).toBeUndefined();
    expect(answer(denies({ args: [when(0, 'SCMP_CMP_EQ', 0xffff_ffff_ffff_ffffn)] }), 'mount', [-1n]).entry).toBe(0);
  });

  test('is the entry that a filter compiled of that entry alone would follow', () => {
    const value = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
    const operators = [
      'SCMP_CMP_NE',
      'SCMP_CMP_LT',
      'SCMP_CMP_LE',
      'SCMP_CMP_EQ',
      'SCMP_CMP_GE',
      'SCMP_CMP_GT',
      'SCMP_CMP_MASKED_EQ',
    ] as const;
    fc.assert(
      fc.property(fc.constantFrom(...operators), value, value, value, fc.boolean(), (op, wanted, two, other, same) => {
        const entry = { args: [when(1, op, wanted, op === 'SCMP_CMP_MASKED_EQ' ? two & wanted : undefined)] };
        const actual = same ? wanted : other;
        const told = answer(denies({ ...entry, errnoRet: 99 }), 'mount', [0n, actual]);
        expect(told.entry === 0).toBe(told.data === 99);
        expect(told.concerned[0]?.matches).toBe(told.data === 99);
      }),
    );
  });
});

describe.runIf(onX86)('other architectures', () => {
  const listed: Seccomp = { ...denies({}), architectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] };

  test.each([
    ['SCMP_ARCH_X86', 21],
    ['SCMP_ARCH_X32', 0x4000_0000 + 165],
  ])('%s has numbers of its own', (architecture, number) => {
    expect(answer(listed, 'mount', [], architecture)).toMatchObject({ architecture, number, data: 1, entry: 0 });
  });

  test('that are not listed kill, whatever the entries say', () => {
    for (const architecture of ['SCMP_ARCH_X86', 'SCMP_ARCH_X32', 'SCMP_ARCH_AARCH64']) {
      const { action, because, entry } = answer(denies({}), 'mount', [], architecture);
      expect([architecture, action, because, entry]).toEqual([
        architecture,
        'SCMP_ACT_KILL_THREAD',
        'the profile does not list this architecture',
        undefined,
      ]);
    }
  });

  test.each([
    ['socket', 'here it is a part of socketcall: ask about that'],
    ['semop', 'here it is a part of ipc: ask about that'],
    ['arm_fadvise64_64', 'this architecture has no such system call'],
  ])('x86 and %s: no answer, but why', (name, because) => {
    const told = answer(listed, name, [], 'SCMP_ARCH_X86');
    expect([told.number, told.action, told.because]).toEqual([undefined, undefined, because]);
  });
});

test('all system calls of this machine are known by name, and answered as the filter does', () => {
  const names = systemCallNames(library);
  expect(names).toEqual(expect.arrayContaining(['read', 'openat2', 'clone3', 'setns']));
  const profile: Seccomp = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: names.filter((_, index) => index % 2 === 0), action: 'SCMP_ACT_ALLOW' }],
  };
  const program = compileFilter(profile, library);
  for (const name of names) {
    const told = ask(profile, program, { call: name, args: [], architecture: nativeName }, library);
    const said = runFilter(program, { number: told.number ?? -1, architecture: NATIVE });
    expect([name, actionNumber(told.action as SeccompSyscalls['action'], told.data)]).toEqual([name, said]);
  }
});
