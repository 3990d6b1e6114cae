/** Classic BPF as seccomp has it: what a filter answers to a system call. linux/filter.h; net/core/filter.c and kernel/seccomp.c. */

/** Codes that the compiler of this directory writes. */
export const BPF_LD_ABS = 0x20;
export const BPF_JA = 0x05;
export const BPF_JEQ_K = 0x15;
export const BPF_JGT_K = 0x25;
export const BPF_JGE_K = 0x35;
export const BPF_JSET_K = 0x45;
export const BPF_RET_K = 0x06;

/** Offsets in `struct seccomp_data`. */
export const DATA = { NUMBER: 0, ARCHITECTURE: 4, POINTER: 8, ARGUMENTS: 16, SIZE: 64 } as const;

/** A system call as a filter sees it. */
export interface SystemCall {
  /** As the kernel has it: with the x32 bit, where that is meant. */
  readonly number: number;
  /** AUDIT_ARCH_*. */
  readonly architecture: number;
  /** Up to six; missing ones are 0. */
  readonly args?: readonly bigint[];
}

function dataOf({ number, architecture, args = [] }: SystemCall): DataView {
  const view = new DataView(new ArrayBuffer(DATA.SIZE));
  view.setUint32(DATA.NUMBER, number, true);
  view.setUint32(DATA.ARCHITECTURE, architecture, true);
  args.forEach((value, index) => {
    view.setBigUint64(DATA.ARGUMENTS + 8 * index, BigInt.asUintN(64, value), true);
  });
  return view;
}

const CLASS = 0x07;
const LD = 0;
const LDX = 1;
const ST = 2;
const STX = 3;
const ALU = 4;
const JMP = 5;
const RET = 6;
const MISC = 7;
/** Loads: from the system call, from an immediate, from memory, the length of the data. */
const MODE = 0xe0;
const IMM = 0x00;
const ABS = 0x20;
const MEM = 0x60;
const LEN = 0x80;
const OPERATION = 0xf0;
/** The other operand is X. */
const X = 0x08;
/** `ret a` */
const ACCUMULATOR = 0x10;
const TXA = 0x80;

function compute(operation: number, left: number, right: number): number {
  switch (operation) {
    case 0x00:
      return left + right;
    case 0x10:
      return left - right;
    case 0x20:
      return Math.imul(left, right);
    case 0x30:
      // Division by zero ends the program with 0; the kernel refuses a constant one.
      return right === 0 ? Number.NaN : left / right;
    case 0x40:
      return left | right;
    case 0x50:
      return left & right;
    case 0x60:
      return right > 31 ? 0 : left << right;
    case 0x70:
      return right > 31 ? 0 : left >>> right;
    case 0x80:
      return -left;
    case 0xa0:
      return left ^ right;
    default:
      throw new RangeError(`unknown operation ${operation}`);
  }
}

function holds(operation: number, left: number, right: number): boolean {
  switch (operation) {
    case 0x10:
      return left === right;
    case 0x20:
      return left > right;
    case 0x30:
      return left >= right;
    case 0x40:
      return (left & right) !== 0;
    default:
      throw new RangeError(`unknown comparison ${operation}`);
  }
}

/**
 * What the filter `program` (two words an instruction) answers: SECCOMP_RET_* and its data.
 *
 * @throws {RangeError} for a program that the kernel would not load.
 */
export function runFilter(program: Uint32Array, call: SystemCall): number {
  const data = dataOf(call);
  const memory = new Uint32Array(16);
  let a = 0;
  let x = 0;
  for (let at = 0; ; at++) {
    const head = program[at * 2];
    const k = program[at * 2 + 1];
    if (head === undefined || k === undefined) throw new RangeError('the filter ends without an answer');
    const code = head & 0xffff;
    const other = code & X ? x : k;
    const load = (): number => {
      switch (code & MODE) {
        case IMM:
          return k;
        case ABS:
          return data.getUint32(k, true);
        case MEM:
          return memory[k] ?? 0;
        case LEN:
          return DATA.SIZE;
        default:
          throw new RangeError(`unknown load ${code}`);
      }
    };
    switch (code & CLASS) {
      case LD:
        a = load();
        break;
      case LDX:
        x = load();
        break;
      case ST:
        memory[k] = a;
        break;
      case STX:
        memory[k] = x;
        break;
      case ALU: {
        const result = compute(code & OPERATION, a, other);
        if (Number.isNaN(result)) return 0;
        a = Math.floor(result) >>> 0;
        break;
      }
      case JMP: {
        const operation = code & OPERATION;
        at += operation === 0 ? k : holds(operation, a, other) ? (head >>> 16) & 0xff : head >>> 24;
        break;
      }
      case RET:
        return code & ACCUMULATOR ? a : k;
      case MISC:
        if (code & TXA) a = x;
        else x = a;
        break;
    }
  }
}
