import { INSTRUCTION_SIZE, Opcode } from '../../runtime/cgroup/ebpf.ts';

/**
 * Runs a cgroup-device program as the kernel would, and refuses what its verifier refuses: a jump out of the program
 * or backwards, a read of a register that was never written, a load outside the context, code that nothing reaches.
 */
export function runDeviceProgram(program: Uint8Array, context: readonly [number, number, number]): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const registers: (number | undefined)[] = new Array(11).fill(undefined);
  const CONTEXT_ADDRESS = 0x1000;
  registers[1] = CONTEXT_ADDRESS;
  const read = (register: number): number => {
    const value = registers[register];
    if (value === undefined) throw new Error(`R${register} !read_ok`);
    return value;
  };
  for (let at = 0; ; at += INSTRUCTION_SIZE) {
    if (at < 0 || at >= program.byteLength) throw new Error('jump out of range');
    const opcode = view.getUint8(at);
    const destination = view.getUint8(at + 1) & 0xf;
    const source = view.getUint8(at + 1) >> 4;
    const offset = view.getInt16(at + 2, true);
    const immediate = view.getInt32(at + 4, true) >>> 0;
    const skip = () => {
      if (offset < 0) throw new Error('back-edge');
      at += offset * INSTRUCTION_SIZE;
    };
    switch (opcode) {
      case Opcode.loadWord: {
        const word = context[(read(source) + offset - CONTEXT_ADDRESS) / 4];
        if (word === undefined) throw new Error('invalid bpf_context access');
        registers[destination] = word >>> 0;
        break;
      }
      case Opcode.move:
        registers[destination] = immediate;
        break;
      case Opcode.moveRegister:
        registers[destination] = read(source);
        break;
      case Opcode.and:
        registers[destination] = (read(destination) & immediate) >>> 0;
        break;
      case Opcode.shiftRight:
        registers[destination] = read(destination) >>> immediate;
        break;
      case Opcode.jump:
        skip();
        break;
      case Opcode.jumpIfNotEqual:
        if (read(destination) !== immediate) skip();
        break;
      case Opcode.jumpIfAnyBit:
        if ((read(destination) & immediate) !== 0) skip();
        break;
      case Opcode.exit:
        return read(0);
      default:
        throw new Error(`unknown opcode ${opcode.toString(16)}`);
    }
  }
}

/** The indices of instructions that no path reaches; the verifier refuses a program with any. */
export function unreachableInstructions(program: Uint8Array): number[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const count = program.byteLength / INSTRUCTION_SIZE;
  const reached = new Set<number>();
  const pending = [0];
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    if (reached.has(index)) continue;
    if (index >= count) throw new Error('falls off the end');
    reached.add(index);
    const opcode = view.getUint8(index * INSTRUCTION_SIZE);
    const target = index + 1 + view.getInt16(index * INSTRUCTION_SIZE + 2, true);
    if (opcode === Opcode.exit) continue;
    if (opcode === Opcode.jumpIfNotEqual || opcode === Opcode.jumpIfAnyBit || opcode === Opcode.jump)
      pending.push(target);
    if (opcode !== Opcode.jump) pending.push(index + 1);
  }
  return Array.from({ length: count }, (_, index) => index).filter((index) => !reached.has(index));
}
