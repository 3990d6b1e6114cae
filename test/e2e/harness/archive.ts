/** Archives byte by byte, for what no tar would pack. */

const BLOCK = 512;

/** One entry; what is left out is that of an empty regular file. Strings hold one character for each byte. */
export interface RawEntry {
  name: string;
  /** The type flag. */
  type?: string;
  content?: Uint8Array | string;
  linkName?: string;
  /** Numbers go into their fields in octal digits; bytes as they are. */
  mode?: number | Uint8Array;
  uid?: number | Uint8Array;
  gid?: number | Uint8Array;
  size?: number | Uint8Array;
  mtime?: number | Uint8Array;
  major?: number | Uint8Array;
  minor?: number | Uint8Array;
  /** Changes the block before its checksum is put in. */
  patch?: (block: Buffer) => void;
  /** The checksum, where it is not to be the right one. */
  checksum?: number;
}

function bytes(data: Uint8Array | string): Buffer {
  return typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data);
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)]);
}

/** A number in base 256, as GNU tar writes those that have too many digits, and negative ones. */
export function base256(value: bigint, length = 12): Buffer {
  const field = Buffer.alloc(length);
  let rest = BigInt.asUintN(length * 8, value);
  for (let at = length - 1; at >= 0; at--, rest >>= 8n) field[at] = Number(rest & 0xffn);
  field[0] = value < 0n ? 0xff : 0x80;
  return field;
}

/** A header and its content. */
export function entry(raw: RawEntry): Buffer {
  const content = bytes(raw.content ?? '');
  const block = Buffer.alloc(BLOCK);
  const number = (value: number | Uint8Array, at: number, length: number): void => {
    if (typeof value === 'number') block.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1');
    else block.set(value, at);
  };
  block.write(raw.name.slice(0, 100), 0, 'latin1');
  number(raw.mode ?? (raw.type === '5' ? 0o755 : 0o644), 100, 8);
  number(raw.uid ?? 0, 108, 8);
  number(raw.gid ?? 0, 116, 8);
  number(raw.size ?? content.length, 124, 12);
  number(raw.mtime ?? 1_000_000_000, 136, 12);
  block.write(raw.type ?? '0', 156, 'latin1');
  block.write((raw.linkName ?? '').slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  number(raw.major ?? 0, 329, 8);
  number(raw.minor ?? 0, 337, 8);
  raw.patch?.(block);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${(raw.checksum ?? sum).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([block, padded(content)]);
}

/** One record of a POSIX extended header: its length counts itself. */
export function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return `${length}${rest}`;
}

/** A POSIX extended header for the entry that follows it. */
export function pax(records: Record<string, string>, type = 'x'): Buffer {
  const content = Object.entries(records)
    .map(([key, value]) => record(key, value))
    .join('');
  return entry({ name: 'PaxHeaders/x', type, content });
}

/** The two blocks of zeros that end an archive. */
export const end = Buffer.alloc(2 * BLOCK);

/** A whole archive. */
export function archive(...parts: readonly (RawEntry | Buffer)[]): Buffer {
  return Buffer.concat([...parts.map((part) => (Buffer.isBuffer(part) ? part : entry(part))), end]);
}
