/**
 * The layout of an executable's file.
 *
 * Where code lies in memory as it does in the file but for a multiple of 2 MiB, and the page cache has the file in pieces as
 * large, a page fault maps 2 MiB of it, and else 64 KiB: of the 500 page faults that a command has, 200 go. Bun's linker leaves
 * that to chance. So what follows the code's beginning moves on in the file (elf(5): the offsets of program and section
 * headers), and nothing moves in memory.
 */

/** In bytes: what a page fault can map at the most. */
export const HUGE_PAGE = 2 * 1024 * 1024;

const PAGE = 4096;
const PT_LOAD = 1;
const PF_X = 1;

/** Where the fields of ELF64 are that count here. */
const HEADER = { PHOFF: 32, SHOFF: 40, PHENTSIZE: 54, PHNUM: 56, SHENTSIZE: 58, SHNUM: 60, SIZE: 64 } as const;
const PROGRAM = { TYPE: 0, FLAGS: 4, OFFSET: 8, ADDRESS: 16, FILE_SIZE: 32 } as const;
const SECTION_OFFSET = 24;

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** ELF with 64 bits, little-endian. */
const isElf64 = (view: DataView): boolean =>
  view.byteLength >= HEADER.SIZE && view.getUint32(0) === 0x7f454c46 && view.getUint16(4) === 0x0201;

const numberAt = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

/** Where the entries of a table of headers begin. */
function entries(view: DataView, table: number, size: number, count: number): number[] {
  const first = numberAt(view, table);
  return Array.from({ length: view.getUint16(count, true) }, (_, index) => first + index * view.getUint16(size, true));
}

function segmentAt(view: DataView, at: number): Segment {
  return {
    type: view.getUint32(at + PROGRAM.TYPE, true),
    flags: view.getUint32(at + PROGRAM.FLAGS, true),
    offset: numberAt(view, at + PROGRAM.OFFSET),
    address: numberAt(view, at + PROGRAM.ADDRESS),
    size: numberAt(view, at + PROGRAM.FILE_SIZE),
  };
}

/** The aligned executable; the same bytes where there is nothing to do, or it is none that this knows. */
export function aligned(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isElf64(view)) return bytes;
  const programs = entries(view, HEADER.PHOFF, HEADER.PHENTSIZE, HEADER.PHNUM);
  const loaded = programs.map((at) => segmentAt(view, at)).filter(({ type }) => type === PT_LOAD);
  const [code, ...more] = loaded.filter(({ flags }) => (flags & PF_X) !== 0);
  if (code === undefined || more.length > 0 || code.offset === 0) return bytes;
  const shift = (code.address + HUGE_PAGE - (code.offset % HUGE_PAGE)) % HUGE_PAGE;
  if (shift === 0) return bytes;

  // The page in which the code begins may be that in which what precedes it ends: then the file has it twice.
  const begin = Math.floor(code.offset / PAGE) * PAGE;
  const before = loaded.filter(({ offset }) => offset < code.offset).map(({ offset, size }) => offset + size);
  const end = Math.ceil(Math.max(0, ...before) / PAGE) * PAGE;
  if (end > begin + PAGE) return bytes;
  const result = new Uint8Array(bytes.length + shift);
  result.set(bytes.subarray(0, end));
  result.set(bytes.subarray(begin), begin + shift);

  const moved = new DataView(result.buffer);
  const move = (at: number): void => {
    const offset = numberAt(moved, at);
    if (offset >= code.offset) moved.setBigUint64(at, BigInt(offset + shift), true);
  };
  for (const at of programs) move(at + PROGRAM.OFFSET);
  move(HEADER.SHOFF);
  for (const at of entries(moved, HEADER.SHOFF, HEADER.SHENTSIZE, HEADER.SHNUM)) move(at + SECTION_OFFSET);
  return result;
}
