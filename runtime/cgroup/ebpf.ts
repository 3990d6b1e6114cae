/**
 * An assembler for the handful of eBPF instructions that a device policy needs.
 *
 * The encoding is that of `struct bpf_insn` (include/uapi/linux/bpf.h) on a little-endian machine: opcode, destination
 * register (low nibble) and source register (high nibble), a signed 16-bit offset, a signed 32-bit immediate.
 */

/** A register, R0 to R10: R0 holds the result, R1 the context at entry. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

/** One instruction, before it is encoded. */
export interface Instruction {
  opcode: number;
  destination: Register;
  source: Register;
  /** For jumps: how many instructions to skip, counted from the following one. For loads: bytes. */
  offset: number;
  /** 32 bits; whether they mean a signed number is the instruction's affair. */
  immediate: number;
}

/** Bytes of one encoded instruction. */
export const INSTRUCTION_SIZE = 8;

const CLASS_LDX = 0x01;
const CLASS_ALU32 = 0x04;
const CLASS_JMP = 0x05;
const CLASS_JMP32 = 0x06;
const MODE_MEM = 0x60;
const SIZE_WORD = 0x00;
const SOURCE_REGISTER = 0x08;

/** The opcodes that {@link Instruction}s made here carry. */
export const Opcode = {
  loadWord: CLASS_LDX | MODE_MEM | SIZE_WORD,
  move: CLASS_ALU32 | 0xb0,
  moveRegister: CLASS_ALU32 | 0xb0 | SOURCE_REGISTER,
  and: CLASS_ALU32 | 0x50,
  shiftRight: CLASS_ALU32 | 0x70,
  jump: CLASS_JMP | 0x00,
  exit: CLASS_JMP | 0x90,
  jumpIfNotEqual: CLASS_JMP32 | 0x50,
  jumpIfAnyBit: CLASS_JMP32 | 0x40,
} as const;

const make = (
  opcode: number,
  destination: Register,
  source: Register,
  offset: number,
  immediate: number,
): Instruction => ({ opcode, destination, source, offset, immediate });

/** destination = the 32 bits at `byteOffset` from the address in `source`. */
export const loadWord = (destination: Register, source: Register, byteOffset: number): Instruction =>
  make(Opcode.loadWord, destination, source, byteOffset, 0);

/** destination = value. */
export const move = (destination: Register, value: number): Instruction => make(Opcode.move, destination, 0, 0, value);

/** destination = source (32 bits). */
export const moveRegister = (destination: Register, source: Register): Instruction =>
  make(Opcode.moveRegister, destination, source, 0, 0);

/** destination &= mask. */
export const and = (destination: Register, mask: number): Instruction => make(Opcode.and, destination, 0, 0, mask);

/** destination >>>= bits. */
export const shiftRight = (destination: Register, bits: number): Instruction =>
  make(Opcode.shiftRight, destination, 0, 0, bits);

/** Skips `count` instructions. */
export const jump = (count: number): Instruction => make(Opcode.jump, 0, 0, count, 0);

/** Skips `count` instructions unless the low 32 bits of `register` are `value`. */
export const jumpIfNotEqual = (register: Register, value: number, count: number): Instruction =>
  make(Opcode.jumpIfNotEqual, register, 0, count, value);

/** Skips `count` instructions where the low 32 bits of `register` have a bit of `mask`. */
export const jumpIfAnyBit = (register: Register, mask: number, count: number): Instruction =>
  make(Opcode.jumpIfAnyBit, register, 0, count, mask);

/** Ends the program; R0 is its answer. */
export const exit = (): Instruction => make(Opcode.exit, 0, 0, 0, 0);

/** The bytes that BPF_PROG_LOAD takes. */
export function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_SIZE);
  const view = new DataView(bytes.buffer);
  program.forEach((instruction, index) => {
    const at = index * INSTRUCTION_SIZE;
    view.setUint8(at, instruction.opcode);
    view.setUint8(at + 1, (instruction.source << 4) | instruction.destination);
    view.setInt16(at + 2, instruction.offset, true);
    view.setInt32(at + 4, instruction.immediate | 0, true);
  });
  return bytes;
}
