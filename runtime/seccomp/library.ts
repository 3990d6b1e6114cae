/** libseccomp, as TypeScript sees it: loaded when a filter must be compiled, and by no other command. */
import { TsrunError } from '../errors.ts';
import { seccompPath } from '../install.ts';
import type { Result } from '../native.ts';

/** A filter that is being made. */
export type Filter = { readonly filter: unique symbol };

/** The functions that `seccomp.node` exports. An architecture is told by libseccomp's number, a failure is a negative errno. */
export interface SeccompLibrary {
  /** `2.5.4` */
  libraryVersion(): string;
  /** The file that libseccomp was loaded from. */
  libraryPath(): string;
  /** seccomp_init(3) with the action for what no rule matches. The filter is for this machine's architecture. */
  makeFilter(action: number): Filter | number;
  /** SCMP_FLTATR_CTL_OPTIMIZE: 1 by priority, 2 as a binary tree. */
  optimize(filter: Filter, level: number): Result;
  nativeArchitecture(): number;
  /** An architecture by libseccomp's name (`x86_64`); 0 where it does not know it. */
  resolveArchitecture(name: string): number;
  addArchitecture(filter: Filter, token: number): Result;
  /** The number of a system call; −1 where it is unknown, and less where that architecture has none. */
  resolveSystemCall(token: number, name: string): number;
  /** The name of a system call; null where the number has none. */
  systemCallName(token: number, number: number): string | null;
  /**
   * seccomp_rule_add_array(3). `conditions` holds 24 bytes for each: argument and operator (32 bits each), and two values of 64 bits.
   */
  addRule(filter: Filter, action: number, number: number, conditions: Uint8Array): Result;
  /** The program for the kernel: 8 bytes an instruction. */
  exportProgram(filter: Filter): Uint8Array | number;
  /** Whether this kernel knows all of `flags` of seccomp(2). */
  supportsFlags(flags: number): boolean;
}

let loaded: SeccompLibrary | undefined;

/** libseccomp. @throws {TsrunError} `host-unsupported` where it is not installed. */
export function seccompLibrary(): SeccompLibrary {
  if (loaded) return loaded;
  const module: { exports: Partial<SeccompLibrary> } = { exports: {} };
  try {
    process.dlopen(module, seccompPath());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TsrunError(
      'host-unsupported',
      `linux.seccomp: load libseccomp: ${reason}: install libseccomp (Debian: apt-get install libseccomp2)`,
    );
  }
  loaded = module.exports as SeccompLibrary;
  return loaded;
}
