/** What engines make of their profiles: which entries hold for which container. */
import { describe, expect, test } from 'vitest';
import {
  type EngineFacts,
  type EngineProfile,
  engineFault,
  seccompOf,
} from '../../../runtime/seccomp/engine-profile.ts';

const facts: EngineFacts = { capabilities: ['CAP_CHOWN'], architecture: 'SCMP_ARCH_X86_64', kernel: [6, 1] };
type Entry = NonNullable<EngineProfile['syscalls']>[number];
const entry = (name: string, more: Partial<Entry> = {}): Entry => ({
  names: [name],
  action: 'SCMP_ACT_ALLOW',
  ...more,
});

/** The names of the entries that hold. */
const held = (more: Partial<Entry>, changed: Partial<EngineFacts> = {}): boolean =>
  seccompOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [entry('a', more)] }, { ...facts, ...changed }).seccomp
    .syscalls?.length === 1;

describe('an entry holds', () => {
  test.each<[string, Partial<Entry>, boolean]>([
    ['without conditions', {}, true],
    ['with empty ones', { includes: {}, excludes: {} }, true],
    ['with those of Go, that are null', { includes: null, excludes: null, args: null, errnoRet: null }, true],
    ['for a capability that is there', { includes: { caps: ['CAP_CHOWN'] } }, true],
    ['for one that is not', { includes: { caps: ['CAP_SYS_ADMIN'] } }, false],
    ['for two of which one is there', { includes: { caps: ['CAP_CHOWN', 'CAP_SYS_ADMIN'] } }, false],
    ['but for a capability that is there', { excludes: { caps: ['CAP_CHOWN'] } }, false],
    ['but for two of which one is there', { excludes: { caps: ['CAP_SYS_ADMIN', 'CAP_CHOWN'] } }, false],
    ['but for one that is not there', { excludes: { caps: ['CAP_SYS_ADMIN'] } }, true],
    ['on this architecture', { includes: { arches: ['s390', 'amd64'] } }, true],
    ['on another one', { includes: { arches: ['s390'] } }, false],
    ['but on this architecture', { excludes: { arches: ['amd64'] } }, false],
    ['but on another one', { excludes: { arches: ['s390'] } }, true],
    ['from this kernel on', { includes: { minKernel: '6.1' } }, true],
    ['from an older kernel on', { includes: { minKernel: '4.8' } }, true],
    ['from the next kernel on', { includes: { minKernel: '6.2' } }, false],
    ['from a later kernel on', { includes: { minKernel: '10.0' } }, false],
    ['but from this kernel on', { excludes: { minKernel: '6.1' } }, false],
    ['but from the next kernel on', { excludes: { minKernel: '6.2' } }, true],
    ['for all of it', { includes: { caps: ['CAP_CHOWN'], arches: ['amd64'], minKernel: '5.0' } }, true],
    ['for all of it but one', { includes: { caps: ['CAP_CHOWN'], arches: ['amd64'], minKernel: '7.0' } }, false],
    ['unless something excludes it', { includes: { caps: ['CAP_CHOWN'] }, excludes: { arches: ['amd64'] } }, false],
  ])('%s', (_, more, expected) => {
    expect(held(more)).toBe(expected);
  });

  test('on arm64 by its name there', () => {
    expect(held({ includes: { arches: ['arm64'] } }, { architecture: 'SCMP_ARCH_AARCH64' })).toBe(true);
  });
});

describe('what becomes of a profile', () => {
  const profile: EngineProfile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    archMap: [
      { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
      { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: null },
    ],
    flags: ['SECCOMP_FILTER_FLAG_LOG'],
    listenerPath: '/l',
    listenerMetadata: 'm',
    syscalls: [
      entry('a', { includes: { caps: ['CAP_SYS_ADMIN'] } }),
      entry('b', { errnoRet: 0, args: [] }),
      { name: 'c', action: 'SCMP_ACT_ERRNO', errnoRet: 2, args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] },
    ],
  };

  test('is linux.seccomp, and where its entries come from', () => {
    expect(seccompOf(profile, facts)).toEqual({
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        defaultErrnoRet: 38,
        architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
        flags: ['SECCOMP_FILTER_FLAG_LOG'],
        listenerPath: '/l',
        listenerMetadata: 'm',
        syscalls: [
          { names: ['b'], action: 'SCMP_ACT_ALLOW', errnoRet: 0 },
          {
            names: ['c'],
            action: 'SCMP_ACT_ERRNO',
            errnoRet: 2,
            args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }],
          },
        ],
      },
      entries: [1, 2],
    });
  });

  test('on another machine has its architectures', () => {
    const on = (architecture: string): readonly string[] | undefined =>
      seccompOf(profile, { ...facts, architecture }).seccomp.architectures;
    expect(on('SCMP_ARCH_AARCH64')).toEqual(['SCMP_ARCH_AARCH64']);
    expect(on('SCMP_ARCH_RISCV64')).toBeUndefined();
  });

  test('has the architectures that it lists itself', () => {
    const listed = { ...profile, architectures: ['SCMP_ARCH_X86'] };
    expect(seccompOf(listed, facts).seccomp.architectures).toEqual(['SCMP_ARCH_X86']);
  });
});

test.each<[object, string | undefined]>([
  [{}, undefined],
  [{ syscalls: null, archMap: null, architectures: null }, undefined],
  [{ architectures: 'x' }, 'architectures'],
  [{ architectures: [1] }, 'architectures'],
  [{ archMap: {} }, 'archMap'],
  [{ archMap: [{}] }, 'archMap'],
  [{ archMap: [{ architecture: 'x', subArchitectures: 'y' }] }, 'archMap'],
  [{ syscalls: {} }, 'syscalls'],
  [{ syscalls: [1] }, 'syscalls'],
  [{ syscalls: [{ names: 'read' }] }, 'syscalls[0].names'],
  [{ syscalls: [{ name: ['read'] }] }, 'syscalls[0].name'],
  [{ syscalls: [{}, { args: {} }] }, 'syscalls[1].args'],
  [{ syscalls: [{ includes: [] }] }, 'syscalls[0].includes'],
  [{ syscalls: [{ includes: { caps: 'CAP_KILL' } }] }, 'syscalls[0].includes'],
  [{ syscalls: [{ excludes: { minKernel: 5 } }] }, 'syscalls[0].excludes'],
])('%j is at fault in %s', (value, fault) => {
  expect(engineFault(value as Record<string, unknown>)).toBe(fault);
});
