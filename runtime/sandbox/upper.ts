/** The directory that keeps what is written in a sandbox. One sandbox has it at a time. */
import { addon } from '../addon.ts';
import { LOCK, O } from '../constants.ts';
import { errno } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { check, SysError } from '../sys.ts';
import { quote, show } from '../text.ts';

/** Makes a directory, and those above it that are missing. @throws {SysError} */
function makeParents(path: string): void {
  const above = path.slice(0, path.lastIndexOf('/'));
  if (above !== '' && typeof addon.stat(above, true) === 'number') makeParents(above);
  const made = addon.mkdir(path, 0o755);
  if (made !== -errno.EEXIST) check(made, 'mkdir', path);
}

function makeAndOpen(directory: string): number {
  try {
    makeParents(directory);
    return check(addon.open(directory, O.RDONLY | O.DIRECTORY, 0), 'open', directory);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new TsrunError('usage', `--upper: make ${quote(directory)}`, { cause: error });
  }
}

/**
 * Opens the directory, made where it is missing, and locks it (flock) for as long as anybody has this descriptor or one that was
 * inherited from it.
 *
 * @throws {TsrunError} `usage`: it cannot be made, or another sandbox has it.
 */
export function openUpper(directory: string): number {
  const fd = makeAndOpen(directory);
  const locked = addon.flock(fd, LOCK.EX | LOCK.NB);
  if (locked === 0) return fd;
  addon.close(fd);
  if (locked === -errno.EAGAIN)
    throw new TsrunError(
      'usage',
      `--upper: ${show(directory)} is in use by another sandbox: wait for its end, or name another directory`,
    );
  throw new TsrunError('system', `--upper: lock ${show(directory)}`, { cause: new SysError(-locked, 'flock') });
}
