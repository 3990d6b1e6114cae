/** The file for the pid: `--pid-file`. */
import { addon } from '../addon.ts';
import { ACCESS, O } from '../constants.ts';
import { absolute } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';

const ENOENT = 2;

/** The file that `path` names, whose directory must be there before anything is made. @throws {TsrunError} `usage` */
export function checkPidFile(path: string): string {
  const file = absolute(path);
  const directory = file.slice(0, file.lastIndexOf('/')) || '/';
  const writable = addon.access(directory, ACCESS.WRITE);
  if (writable === -ENOENT)
    throw new TsrunError('usage', `--pid-file: the directory ${quote(directory)} does not exist`);
  if (writable < 0)
    throw new TsrunError('usage', `--pid-file: write to the directory ${quote(directory)}`, {
      cause: new SysError(-writable, 'access'),
    });
  return file;
}

/** Writes the bare number, without a line break, all at once. @throws {TsrunError} `system` */
export function writePidFile(path: string, pid: number): void {
  const slash = path.lastIndexOf('/');
  const temporary = `${path.slice(0, slash)}/.${path.slice(slash + 1)}`;
  const written = addon.writeFile(temporary, String(pid), O.WRONLY | O.CREAT | O.TRUNC | O.NOFOLLOW, 0o666);
  // Readable for the caller whatever its umask: a pid is no secret.
  if (written >= 0) addon.chmod(temporary, 0o644);
  const result = written < 0 ? written : addon.rename(temporary, path);
  if (result >= 0) return;
  addon.unlink(temporary);
  throw new TsrunError('system', `--pid-file: write ${quote(path)}`, { cause: new SysError(-result, 'write') });
}
