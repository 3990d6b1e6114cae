/**
 * What the launcher wrote down about its caller before the engine changed it; native/launcher.c states the layout.
 *
 * | bytes | what |
 * |---|---|
 * | 0-7 | `tsruncal` |
 * | 8-11 | version, 1 |
 * | 12-15 | bit n: descriptor n (0-2) was closed |
 * | 16-23 | soft RLIMIT_NOFILE |
 * | 24-31 | ignored signals, bit n-1 for signal n |
 * | 32-39 | blocked signals, the same |
 * | 40-43, 44-47, 48-51 | number of open descriptors, of variables, of bytes of variables |
 * | 52-55 | zero |
 * | 56- | the descriptors, ascending, 4 bytes each; the variables, each ended by a zero byte |
 *
 * Integers are little-endian, as both architectures we build for have them.
 */

import { TsrunError } from './errors.ts';
import { found } from './lists.ts';
import { decodeText } from './text.ts';

/** The state of tsrun's process at the moment its caller executed it. */
export interface Caller {
  /** Soft RLIMIT_NOFILE. */
  softNofile: number;
  /** Ignored signals, bit n-1 for signal n. */
  ignoredSignals: bigint;
  /** Blocked signals, bit n-1 for signal n. */
  blockedSignals: bigint;
  /** The open descriptors, ascending. */
  openFds: number[];
  /** Which of 0, 1 and 2 were closed; they are /dev/null now. */
  closedStdio: number[];
  /** The environment in its order, `KEY=VALUE` each; bytes that are not UTF-8 are replaced by U+FFFD. */
  env: string[];
}

/** For programs to which nothing of who asks matters: what is cleaned up may be so by somebody else. */
export const nobody: Caller = {
  softNofile: 1024,
  ignoredSignals: 0n,
  blockedSignals: 0n,
  openFds: [],
  closedStdio: [],
  env: [],
};

const headerLength = 56;
const version = 1;
// "tsruncal" as two little-endian numbers.
const magic = [0x75727374, 0x6c61636e];

function damaged(what: string): TsrunError {
  return new TsrunError('internal', `read the launcher's record of the caller: ${what}`);
}

function decodeEnvironment(block: Uint8Array, count: number): string[] {
  if (block.length === 0) {
    if (count !== 0) throw damaged('variables are missing');
    return [];
  }
  if (block[block.length - 1] !== 0) throw damaged('the last variable is cut off');
  const env = decodeText(block.subarray(0, -1)).split('\0');
  if (env.length !== count) throw damaged(`${env.length} variables in place of ${count}`);
  return env;
}

/**
 * Reads the launcher's record.
 *
 * @throws TsrunError `internal` where it is not such a record, byte for byte.
 */
export function decodeCaller(bytes: Uint8Array): Caller {
  if (bytes.length < headerLength) throw damaged(`only ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== magic[0] || view.getUint32(4, true) !== magic[1]) throw damaged('not such a record');
  // The launcher and the engine are installed together: another version means that they were not.
  if (view.getUint32(8, true) !== version) {
    throw damaged(`version ${view.getUint32(8, true)} in place of ${version}: reinstall tsrun`);
  }
  const closed = view.getUint32(12, true);
  const fdCount = view.getUint32(40, true);
  const envCount = view.getUint32(44, true);
  const envLength = view.getUint32(48, true);
  const envStart = headerLength + fdCount * 4;
  if (envStart + envLength !== bytes.length) throw damaged(`${bytes.length} bytes in place of ${envStart + envLength}`);
  if (closed > 7 || view.getUint32(52, true) !== 0) throw damaged('unknown bits are set');

  const openFds: number[] = [];
  for (let at = headerLength; at < envStart; at += 4) openFds.push(view.getUint32(at, true));
  const closedStdio: number[] = [];
  for (let fd = 0; fd <= 2; fd++) if ((closed >> fd) & 1) closedStdio.push(fd);
  return {
    softNofile: Number(view.getBigUint64(16, true)),
    ignoredSignals: view.getBigUint64(24, true),
    blockedSignals: view.getBigUint64(32, true),
    openFds,
    closedStdio,
    env: decodeEnvironment(bytes.subarray(envStart), envCount),
  };
}

/** The value of the caller's variable `name`: the first where it is given twice, as getenv(3) has it. */
export function envOf(caller: Pick<Caller, 'env'>, name: string): string | undefined {
  const prefix = `${name}=`;
  return found(caller.env, (variable) => variable.startsWith(prefix))?.slice(prefix.length);
}
