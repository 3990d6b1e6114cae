import { JsonError } from './error.ts';

/**
 * The text of a JSON document. The encoding is UTF-8 and nothing else: with replacement characters for wrong bytes, a path would
 * silently become another path.
 *
 * @throws JsonError for an empty document, UTF-16, a byte order mark or bytes that are not UTF-8; its offset counts bytes.
 */
export function decodeText(bytes: Uint8Array): string {
  const first = bytes[0];
  const second = bytes[1];
  if (first === undefined) throw new JsonError('the file is empty', 0, 'expected a JSON object');
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || first === 0 || second === 0) {
    throw new JsonError('the text is UTF-16 or UTF-32, expected UTF-8', 0, 'save the file as UTF-8');
  }
  if (first === 0xef && second === 0xbb && bytes[2] === 0xbf) {
    throw new JsonError('the text begins with a byte order mark', 0, 'save the file as UTF-8 without BOM');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonError('the text is not valid UTF-8', invalidUtf8Offset(bytes), 'save the file as UTF-8');
  }
}

/** A position for people: both count from 1, the column in characters (code points). */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The position of a character offset. */
export function positionOf(text: string, offset: number): Position {
  let line = 1;
  let start = 0;
  for (let newline = text.indexOf('\n'); newline !== -1 && newline < offset; newline = text.indexOf('\n', start)) {
    line++;
    start = newline + 1;
  }
  let column = 1;
  for (const _ of text.slice(start, offset)) column++;
  return { line, column };
}

/** The position of a byte offset, whatever the bytes are. */
export function positionOfByte(bytes: Uint8Array, offset: number): Position {
  const before = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, offset));
  return positionOf(before, before.length);
}

/** Offset of the first byte that does not belong to a well-formed sequence (Unicode 15, table 3-7). */
function invalidUtf8Offset(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return at;
}

/** Length of the well-formed sequence at an offset, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || at + length > bytes.length) return 0;
  const second = bytes[at + 1] ?? 0;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let index = 2; index < length; index++) {
    if (((bytes[at + index] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}
