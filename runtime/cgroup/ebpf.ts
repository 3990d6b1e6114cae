/**
 * An assembler for the handful of eBPF instructions that a device policy needs. All of them are straight-line.
 *
 * The encoding is that of `struct bpf_insn` (include/uapi/linux/bpf.h) on a little-endian machine: opcode, destination
 * register (low nibble) and source register (high nibble), a signed 16-bit offset, a signed 32-bit immediate.
 */

/** A register, R0 to R9: R0 holds the result, R1 the context at entry. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** One instruction, before it is encoded. */
export interface Instruction {
  opcode: number;
  destination: Register;
  source: Register;
  /** For loads: bytes from the address in the source register. */
  offset: number;
  immediate: number;
}

/** Of 32 bits, in one encoded instruction. */
const INSTRUCTION_WORDS = 2;

const CLASS_LDX = 0x01;
const CLASS_ALU32 = 0x04;
const CLASS_JMP = 0x05;
const CLASS_ALU64 = 0x07;
const MODE_MEM = 0x60;
const SIZE_WORD = 0x00;
const SOURCE_REGISTER = 0x08;

/** The opcodes that {@link Instruction}s made here carry. The 32-bit ones clear the upper half of the destination. */
const Opcode = {
  loadWord: CLASS_LDX | MODE_MEM | SIZE_WORD,
  move32: CLASS_ALU32 | 0xb0,
  moveRegister32: CLASS_ALU32 | 0xb0 | SOURCE_REGISTER,
  and32: CLASS_ALU32 | 0x50,
  xor32: CLASS_ALU32 | 0xa0,
  shiftRight32: CLASS_ALU32 | 0x70,
  subtract: CLASS_ALU64 | 0x10,
  multiply: CLASS_ALU64 | 0x20,
  shiftRight: CLASS_ALU64 | 0x70,
  orRegister: CLASS_ALU64 | 0x40 | SOURCE_REGISTER,
  andRegister: CLASS_ALU64 | 0x50 | SOURCE_REGISTER,
  xorRegister: CLASS_ALU64 | 0xa0 | SOURCE_REGISTER,
  exit: CLASS_JMP | 0x90,
} as const;

/** destination = the 32 bits at `offset` bytes from the address in `source`. */
export const loadWord = (destination: Register, source: Register, offset: number): Instruction => ({
  opcode: Opcode.loadWord,
  destination,
  source,
  offset,
  immediate: 0,
});

type Named<Suffix extends string> = Extract<keyof typeof Opcode, `${string}${Suffix}`>;

/** destination = destination `operation` immediate. */
export const withImmediate = (
  operation: 'move32' | 'and32' | 'xor32' | 'shiftRight32' | 'subtract' | 'multiply' | 'shiftRight',
  destination: Register,
  immediate: number,
): Instruction => ({ opcode: Opcode[operation], destination, source: 0, offset: 0, immediate });

/** destination = destination `operation` source. */
export const withRegister = (
  operation: Named<'Register'> | Named<'Register32'>,
  destination: Register,
  source: Register,
): Instruction => ({ opcode: Opcode[operation], destination, source, offset: 0, immediate: 0 });

/** Ends the program; R0 is its answer. */
export const exit = (): Instruction => ({ opcode: Opcode.exit, destination: 0, source: 0, offset: 0, immediate: 0 });

/** The bytes that BPF_PROG_LOAD takes. */
export function encode(program: readonly Instruction[]): Uint8Array {
  const words = new Uint32Array(program.length * INSTRUCTION_WORDS);
  let at = 0;
  for (const { opcode, destination, source, offset, immediate } of program) {
    words[at] = opcode | (destination << 8) | (source << 12) | (offset << 16);
    words[at + 1] = immediate;
    at += INSTRUCTION_WORDS;
  }
  return new Uint8Array(words.buffer);
}
