/** Documents that come through a descriptor: standard input, a pipe, a file. */
import { addon } from './addon.ts';
import { TsrunError } from './errors.ts';
import { SysError } from './sys.ts';

export const STDIN = 0;
const CHUNK = 64 * 1024;
const MAX_DOCUMENT = 16 * 1024 * 1024;

/**
 * All that a file, a pipe or a terminal has to say.
 *
 * @param what The flag or argument that names it, for an error; `name` is the file itself.
 * @throws {TsrunError} `usage`
 */
export function readToEnd(fd: number, what: string, name: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = new Uint8Array(CHUNK);
    const count = addon.read(fd, chunk);
    if (count < 0) throw new TsrunError('usage', `${what}: read ${name}`, { cause: new SysError(-count, 'read') });
    if (count === 0) break;
    size += count;
    if (size > MAX_DOCUMENT) throw new TsrunError('usage', `${what}: ${name} is longer than ${MAX_DOCUMENT} bytes`);
    chunks.push(chunk.subarray(0, count));
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
