/**
 * As much of an ELF file as its first page tells: for which machine it is, and which loader it asks for (elf(5)).
 * Every offset is the file's own claim and is checked against what is there.
 */

import { once } from './once.ts';

/** The fields of an ELF header that decide whether a kernel can run the file. */
export interface ElfHeader {
  readonly bits: 32 | 64;
  readonly bigEndian: boolean;
  readonly type: 'object' | 'executable' | 'shared' | 'core' | 'other';
  /** As people write it: `x86-64`, `aarch64`, `riscv64` …; `machine 0x…` for one without a name here. */
  readonly machine: string;
}

const TYPES = ['other', 'object', 'executable', 'shared', 'core'] as const;

const PT_INTERP = 3;

/** e_machine; a pair is the 32-bit and the 64-bit name, or for PowerPC the name in either byte order. */
const machines = once(
  (): ReadonlyMap<number, string | readonly [bits32: string, bits64: string]> =>
    new Map<number, string | readonly [string, string]>([
      [2, 'sparc'],
      [3, 'i386'],
      [4, 'm68k'],
      [8, ['mips', 'mips64']],
      [15, 'hppa'],
      [20, 'ppc'],
      [22, ['s390', 's390x']],
      [40, 'arm'],
      [42, 'sh4'],
      [43, 'sparc64'],
      [50, 'ia64'],
      [62, 'x86-64'],
      [94, 'xtensa'],
      [183, 'aarch64'],
      [243, ['riscv32', 'riscv64']],
      [247, 'bpf'],
      [258, ['loongarch32', 'loongarch64']],
    ]),
);

const EM_PPC64 = 21;
const EM_MIPS = 8;

/** The names of machines as uname(2) and Node.js have them, where they are not {@link ElfHeader.machine}'s. */
const otherNames = once(
  (): ReadonlyMap<string, string> =>
    new Map([
      ['x86_64', 'x86-64'],
      ['x64', 'x86-64'],
      ['arm64', 'aarch64'],
      ['armv7l', 'arm'],
      ['i686', 'i386'],
      ['ia32', 'i386'],
    ]),
);

/** A machine's name as {@link ElfHeader.machine} has it. */
export function machineName(name: string): string {
  return otherNames().get(name) ?? name;
}

/** Whether the bytes begin like an ELF file. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** The header at the beginning of `bytes`; undefined where it is no ELF file, an impossible one or cut short. */
export function parseElf(bytes: Uint8Array): ElfHeader | undefined {
  const layout = layoutOf(bytes);
  if (layout === undefined) return undefined;
  const { view, bits, little } = layout;
  const number = view.getUint16(18, little);
  return {
    bits,
    bigEndian: !little,
    type: TYPES[view.getUint16(16, little)] ?? 'other',
    machine: nameOfMachine(number, bits, little),
  };
}

function nameOfMachine(number: number, bits: 32 | 64, little: boolean): string {
  if (number === EM_PPC64) return little ? 'ppc64le' : 'ppc64';
  const entry = machines().get(number);
  if (entry === undefined) return `machine 0x${number.toString(16)}`;
  const name = typeof entry === 'string' ? entry : entry[bits === 32 ? 0 : 1];
  return number === EM_MIPS && little ? `${name}el` : name;
}

/** The path of the loader (PT_INTERP) of the ELF file that begins with `bytes`; undefined where they do not tell it. */
export function elfInterpreter(bytes: Uint8Array): string | undefined {
  const layout = layoutOf(bytes);
  if (layout === undefined) return undefined;
  const { view, bits, little } = layout;
  const wide = bits === 64;
  const word = (at: number): number => (wide ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  const table = word(wide ? 32 : 28);
  const entrySize = view.getUint16(wide ? 54 : 42, little);
  const entries = view.getUint16(wide ? 56 : 44, little);
  const minimum = wide ? 56 : 32;
  if (entrySize !== minimum) return undefined;
  for (let index = 0; index < entries; index++) {
    const at = table + index * entrySize;
    if (at + minimum > bytes.length) return undefined;
    if (view.getUint32(at, little) !== PT_INTERP) continue;
    const offset = word(at + (wide ? 8 : 4));
    const size = word(at + (wide ? 32 : 16));
    // A name that begins or ends beyond these bytes has no NUL in them.
    const text = bytes.subarray(offset, offset + size);
    const end = text.indexOf(0);
    return end <= 0 ? undefined : new TextDecoder().decode(text.subarray(0, end));
  }
  return undefined;
}

interface Layout {
  readonly view: DataView;
  readonly bits: 32 | 64;
  readonly little: boolean;
}

function layoutOf(bytes: Uint8Array): Layout | undefined {
  const [, , , , fileClass, order] = bytes;
  if (!isElf(bytes) || (fileClass !== 1 && fileClass !== 2) || (order !== 1 && order !== 2)) return undefined;
  const bits = fileClass === 1 ? 32 : 64;
  if (bytes.length < (bits === 64 ? 64 : 52)) return undefined;
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), bits, little: order === 1 };
}
