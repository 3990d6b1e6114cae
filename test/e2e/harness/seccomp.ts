/** Seccomp profiles for bundles, and system calls by name for the guest. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type EngineProfile, seccompOf } from '../../../runtime/seccomp/engine-profile.ts';
import { seccompLibrary } from '../../../runtime/seccomp/library.ts';
import { linux, type Part } from './config.ts';
import { guestPath } from './places.ts';

export const library = seccompLibrary();
export const native = library.nativeArchitecture();
export const onX86 = process.arch === 'x64';
const nativeName = onX86 ? 'SCMP_ARCH_X86_64' : 'SCMP_ARCH_AARCH64';

/** The number of a system call. */
export function numberOf(name: string, token = native): number {
  const number = library.resolveSystemCall(token, name);
  if (number < 0) throw new Error(`no system call ${name} here`);
  return number;
}

/** The token of 32-bit x86. */
export const X86 = 0x4000_0003;

/** Whether a 64-bit program can make 32-bit system calls: some virtual machines have no gate for them, and it is killed. */
export function has32BitCalls(): boolean {
  return onX86 && spawnSync(guestPath, [`syscall32=${numberOf('getpid', X86)}`]).status === 0;
}

/** A system call of this machine by name, as an argument of the guest. */
export function syscall(name: string, ...values: (number | bigint)[]): string {
  return `syscall=${[numberOf(name), ...values].join(',')}`;
}

/** Where podman's package puts its default profile. */
const PODMAN_PROFILE = '/usr/share/containers/seccomp.json';

/** podman's default profile as podman makes `linux.seccomp` of it. */
export function podmanSeccomp(capabilities: readonly string[]): ReturnType<typeof seccompOf>['seccomp'] {
  const profile = JSON.parse(readFileSync(PODMAN_PROFILE, 'utf8')) as EngineProfile;
  return seccompOf(profile, { capabilities, architecture: nativeName, kernel: [6, 1] }).seccomp;
}

export const podmanProfile = (capabilities: readonly string[]): Part => linux({ seccomp: podmanSeccomp(capabilities) });

/** Denies these with EPERM, and allows all else. */
export const deny = (...names: string[]): Part =>
  linux({ seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names, action: 'SCMP_ACT_ERRNO' }] } });

/** Allows these alone; all else is answered by `action`. */
export const allowOnly = (action: string, ...names: string[]): Part =>
  linux({ seccomp: { defaultAction: action, syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] } });

/** All that init and a guest that ends at once need. */
export const least = ['read', 'write', 'close', 'execve', 'exit_group', 'arch_prctl', 'set_tid_address'];
