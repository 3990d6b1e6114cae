/** Namespaces that stay when the sandbox has ended, each at a file that it is mounted on. mount_namespaces(7), nsenter(1) */
import { NAMESPACES } from '../../spec/tables.ts';
import { addon } from '../addon.ts';
import { MAGIC, O, OPEN_TREE, S } from '../constants.ts';
import { errno } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';
import type { Undo } from '../undo.ts';
import type { KeptNamespace } from './request.ts';

const AT_FDCWD = -100;

function failed({ flag, path }: KeptNamespace, step: string, call: string, result: number): TsrunError {
  const hint =
    -result === errno.EPERM
      ? ': a namespace is kept by a mount, which takes root; without, it lasts as long as a process is in it'
      : '';
  return new TsrunError('namespace', `--keep-ns ${flag}: ${step} ${quote(path)}${hint}`, {
    cause: new SysError(-result, call),
  });
}

/**
 * Checks that a namespace can be mounted at a file: where there is none, or on an empty one. Anything else would be out of
 * sight under it.
 *
 * @throws {TsrunError} `usage`
 */
function checkPlace({ flag, path }: KeptNamespace): void {
  const found = addon.stat(path, false);
  if (typeof found === 'number') return; // whatever is wrong with it is told when it is made
  const refuse = (why: string): TsrunError => new TsrunError('usage', `--keep-ns ${flag}: ${quote(path)} ${why}`);
  if (addon.statfsType(path) === MAGIC.NSFS)
    throw refuse('keeps a namespace already: unmount that (umount), or name another file');
  if ((found.mode & S.IFMT) !== S.IFREG || found.size > 0)
    throw refuse(
      'is there, and no empty file, which the namespace would hide: name a file that is empty, or a new one',
    );
}

/** Checks them all, before anything is made. @throws {TsrunError} `usage` */
export function checkKept(namespaces: readonly KeptNamespace[]): void {
  for (const [index, kept] of namespaces.entries()) {
    checkPlace(kept);
    const same = namespaces.slice(0, index).find(({ path }) => path === kept.path);
    if (same)
      throw new TsrunError('usage', `--keep-ns ${kept.flag}: ${quote(kept.path)} is the file of ${same.flag} already`);
  }
}

/** Makes the file where it is missing, and mounts the namespace on it. */
function keep(kept: KeptNamespace, pid: number, undo: Undo): void {
  const { type, path } = kept;
  checkPlace(kept);
  const made = addon.open(path, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o444);
  if (made >= 0) {
    addon.close(made);
    undo.push(() => addon.unlink(path));
  } else if (made !== -errno.EEXIST) throw failed(kept, 'make', 'open', made);
  const tree = addon.openTree(AT_FDCWD, `/proc/${pid}/ns/${NAMESPACES.get(type)?.file}`, OPEN_TREE.CLONE);
  if (tree < 0) throw failed(kept, 'mount on', 'open_tree', tree);
  const attached = addon.attach(tree, path);
  addon.close(tree);
  if (attached < 0) throw failed(kept, 'mount on', 'move_mount', attached);
  undo.push(() => addon.detach(path));
}

/** Keeps namespaces of process `pid`. @throws {TsrunError} `namespace`; `undo` has what was done until then. */
export function keepNamespaces(namespaces: readonly KeptNamespace[], pid: number, undo: Undo): void {
  for (const kept of namespaces) keep(kept, pid, undo);
}
