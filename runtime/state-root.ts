/** The directory with the state of all containers of one caller: what is written there is believed, so it must be nobody else's. */
import { addon } from './addon.ts';
import { S } from './constants.ts';
import { TsrunError } from './errors.ts';
import type { Stat } from './native.ts';
import { SysError } from './sys.ts';
import { quote } from './text.ts';

const ENOENT = 2;
const EEXIST = 17;
const DIRECTORY_MODE = 0o700;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;

/** Why it is not the caller's alone, and what to do. */
function objection({ mode, uid, gid }: Stat, root: string): string | undefined {
  const elsewhere = 'give another directory by --root or XDG_RUNTIME_DIR';
  if ((mode & S.IFMT) !== S.IFDIR) return `it is no directory: ${elsewhere}`;
  const caller = addon.geteuid();
  if (uid !== caller) return `it belongs to uid ${uid}, and the caller is uid ${caller}: ${elsewhere}`;
  // The group that has the caller's own number is usually his alone, and umask 002 made for it.
  const mask = gid === addon.getegid() ? OTHERS_WRITE : OTHERS_WRITE | GROUP_WRITES;
  if ((mode & mask) === 0) return undefined;
  const octal = (mode & 0o7777).toString(8).padStart(4, '0');
  return `others may write there (mode ${octal}): chmod go-w ${root}, or ${elsewhere}`;
}

/**
 * Nothing where it is missing: {@link prepareRoot} makes it.
 * @throws {TsrunError} `system`: it belongs to somebody else, or others may write there
 */
export function checkRoot(root: string): void {
  const stat = addon.stat(root, true);
  const reason = typeof stat === 'number' ? undefined : objection(stat, root);
  if (reason !== undefined) throw new TsrunError('system', `use the state directory ${quote(root)}: ${reason}`);
}

function makeDirectory(path: string): void {
  const made = addon.mkdir(path, DIRECTORY_MODE);
  if (made === -ENOENT) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (parent !== '') {
      makeDirectory(parent);
      makeDirectory(path);
      return;
    }
  }
  if (made < 0 && made !== -EEXIST)
    throw new TsrunError('system', `make the state directory ${quote(path)}`, {
      cause: new SysError(-made, 'mkdir', path),
    });
}

/** Makes the state root where it is missing. @throws {TsrunError} as {@link checkRoot}: somebody else may have been faster */
export function prepareRoot(root: string): void {
  makeDirectory(root);
  checkRoot(root);
}
