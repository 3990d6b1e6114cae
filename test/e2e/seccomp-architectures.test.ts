/** Seccomp on x86-64: system calls of 32 bits and those of x32, which a filter must not let slip. */
import { args, defaultCapabilities, type Part } from './harness/config.ts';
import { deny, has32BitCalls, numberOf, onX86, podmanProfile, syscall, X86 } from './harness/seccomp.ts';
import { describe, expect, test } from './harness/test.ts';

const X32_BIT = 0x4000_0000;
/** 128 and SIGSYS. */
const KILLED = 159;

const inBits32 = (name: string, ...values: number[]): string =>
  `syscall32=${[numberOf(name, X86), ...values].join(',')}`;
const inX32 = (name: string): string => `syscall=${X32_BIT + numberOf(name)}`;

const listed: Part = ({ config }) => {
  Object.assign(config.linux.seccomp ?? {}, { architectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] });
};

const no32BitCalls = 'a program of this machine cannot make 32-bit system calls at all';

describe.runIf(onX86)('system calls of x32', () => {
  test('kill where the profile does not list them', async ({ lab }) => {
    (await lab.run([deny('getcwd'), args(inX32('getpid'))])).expectCode(KILLED);
  });

  test('are answered by the same rules where it does', async ({ lab }) => {
    const facts = await lab.facts(deny('getcwd'), listed, args(inX32('getcwd'), syscall('getppid')));
    expect(facts.each('syscall')).toMatchObject([{ errno: 'EPERM' }, { errno: '' }]);
  });

  test('are answered by podman’s rules', async ({ lab }) => {
    const facts = await lab.facts(podmanProfile(defaultCapabilities), args(inX32('bpf'), inX32('swapon')));
    expect(facts.each('syscall').map(({ errno }) => errno)).toEqual(['EPERM', 'EPERM']);
  });
});

describe.runIf(onX86)('system calls of 32 bits', () => {
  test('kill where the profile does not list them', async ({ lab, skip }) => {
    skip(!has32BitCalls(), no32BitCalls);
    (await lab.run([deny('getcwd'), args(inBits32('getpid'))])).expectCode(KILLED);
  });

  test('are answered by the same rules where it does', async ({ lab, skip }) => {
    skip(!has32BitCalls(), no32BitCalls);
    const facts = await lab.facts(deny('getcwd'), listed, args(inBits32('getpid'), inBits32('getcwd')));
    expect(facts.each('syscall32')).toMatchObject([{ errno: '' }, { errno: 'EPERM' }]);
  });

  test('are answered by podman’s rules', async ({ lab, skip }) => {
    skip(!has32BitCalls(), no32BitCalls);
    const calls = [inBits32('getpid'), inBits32('bpf', -1), inBits32('swapon'), 'syscall32=9999'];
    const facts = await lab.facts(podmanProfile(defaultCapabilities), args(...calls));
    expect(facts.each('syscall32').map(({ errno }) => errno)).toEqual(['', 'EPERM', 'EPERM', 'ENOSYS']);
  });
});
