/** Standard output of commands that print much, or for long. */
import { addon } from './addon.ts';
import { POLL } from './constants.ts';
import { errno } from './errno.ts';
import { SysError } from './sys.ts';

const STDOUT = 1;

/**
 * Writes all of `text`, waiting where the reader of a non-blocking pipe is slow.
 *
 * @returns false where nobody reads any more
 * @throws {SysError}
 */
export function print(text: string): boolean {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) {
    const written = addon.write(STDOUT, bytes);
    if (written === -errno.EPIPE) return false;
    if (written === -errno.EAGAIN) addon.poll(new Int32Array([STDOUT, POLL.OUT]), -1);
    else if (written < 0) throw new SysError(-written, 'write', 'standard output');
    else bytes = bytes.subarray(written);
  }
  return true;
}
