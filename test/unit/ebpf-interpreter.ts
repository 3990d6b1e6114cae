/** From Documentation/bpf/standardization/instruction-set.rst, independently of the assembler. */
const Opcode = {
  loadWord: 0x61,
  move32: 0xb4,
  moveRegister32: 0xbc,
  and32: 0x54,
  xor32: 0xa4,
  shiftRight32: 0x74,
  subtract: 0x17,
  multiply: 0x27,
  shiftRight: 0x77,
  orRegister: 0x4f,
  andRegister: 0x5f,
  xorRegister: 0xaf,
  exit: 0x95,
} as const;

const INSTRUCTION_SIZE = 8;

const WORD = 0xffff_ffffn;

/** Arithmetic by opcode: (destination, source or sign-extended immediate) => destination, before truncation to 64 bits. */
const arithmetic: ReadonlyMap<number, (value: bigint, operand: bigint) => bigint> = new Map<
  number,
  (value: bigint, operand: bigint) => bigint
>([
  [Opcode.move32, (_, operand) => operand & WORD],
  [Opcode.moveRegister32, (_, operand) => operand & WORD],
  [Opcode.and32, (value, operand) => value & operand & WORD],
  [Opcode.xor32, (value, operand) => (value ^ operand) & WORD],
  [Opcode.shiftRight32, (value, operand) => (value & WORD) >> operand],
  [Opcode.subtract, (value, operand) => value - operand],
  [Opcode.multiply, (value, operand) => value * operand],
  [Opcode.shiftRight, (value, operand) => value >> operand],
  [Opcode.orRegister, (value, operand) => value | operand],
  [Opcode.andRegister, (value, operand) => value & operand],
  [Opcode.xorRegister, (value, operand) => value ^ operand],
]);

/** Opcodes that replace the destination without reading it. */
const writeOnly: ReadonlySet<number> = new Set([Opcode.move32, Opcode.moveRegister32]);

/**
 * Runs a cgroup-device program as the kernel would, and refuses what its verifier refuses: a read of a register that
 * was never written, a load outside the context, a program without end, a result other than 0 and 1.
 */
export function runDeviceProgram(program: Uint8Array, context: readonly [number, number, number]): boolean {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const registers: (bigint | undefined)[] = new Array(10).fill(undefined);
  const CONTEXT_ADDRESS = 0x1000n;
  registers[1] = CONTEXT_ADDRESS;
  const read = (register: number): bigint => {
    const value = registers[register];
    if (value === undefined) throw new Error(`R${register} !read_ok`);
    return value;
  };
  for (let at = 0; at < program.byteLength; at += INSTRUCTION_SIZE) {
    const opcode = view.getUint8(at);
    const destination = view.getUint8(at + 1) & 0xf;
    const source = view.getUint8(at + 1) >> 4;
    if (opcode === Opcode.exit) {
      const result = read(0);
      if (result > 1n || at + INSTRUCTION_SIZE !== program.byteLength) throw new Error(`bad exit: ${result}`);
      return result === 1n;
    }
    if (opcode === Opcode.loadWord) {
      const address = read(source) + BigInt(view.getInt16(at + 2, true)) - CONTEXT_ADDRESS;
      const word = address % 4n === 0n ? context[Number(address / 4n)] : undefined;
      if (word === undefined) throw new Error('invalid bpf_context access');
      registers[destination] = BigInt(word >>> 0);
      continue;
    }
    const operation = arithmetic.get(opcode);
    if (operation === undefined) throw new Error(`unknown opcode ${opcode.toString(16)}`);
    const fromRegister = (opcode & 0x08) !== 0;
    const operand = fromRegister ? read(source) : BigInt(view.getInt32(at + 4, true));
    const value = writeOnly.has(opcode) ? 0n : read(destination);
    registers[destination] = BigInt.asUintN(64, operation(value, operand));
  }
  throw new Error('jump out of range');
}
