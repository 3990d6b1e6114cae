/**
 * Names as archives have them: bytes in no particular encoding, kept as strings with one character for each byte ("octets").
 * So they can be compared, split and looked up as any string, and lose nothing on their way to the kernel.
 */
import { decodeText, quote } from '../runtime/text.ts';

/** Bytes as octets. */
export function octetsOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The bytes that octets stand for. */
function bytesOf(octets: string): Uint8Array {
  return Buffer.from(octets, 'latin1');
}

/** A text as the octets of its UTF-8 form. */
export function octetsOfText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The text of octets; what is not UTF-8 in it becomes U+FFFD. */
export function textOf(octets: string): string {
  return decodeText(bytesOf(octets));
}

/** Octets as an error shows them. */
export function quoteOctets(octets: string): string {
  return quote(textOf(octets), 256);
}
