/** The file for the pid: `--pid-file`. */
import { addon } from '../addon.ts';
import { O } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';

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
