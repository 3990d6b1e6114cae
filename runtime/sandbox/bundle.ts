/** A sandbox's bundle on disk: in the container's own directory, so that it goes with it. */
import { addon } from '../addon.ts';
import { O } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { check, SysError } from '../sys.ts';
import { show } from '../text.ts';
import type { SandboxBundle } from './config.ts';
import { RESOLVER, type RootTree } from './mounts.ts';
import { makeTree } from './root-tree.ts';

/** The configuration of the bundle in a directory. */
export function configFile(directory: string): string {
  return `${directory}/config.json`;
}

/** Makes the directory of a bundle in that of a claimed container. @throws {SysError} */
export function makeBundleDirectory(directory: string): void {
  check(addon.mkdir(directory, 0o711), 'mkdir', directory);
}

function makeOwnTree(tree: RootTree): void {
  check(addon.mkdir(tree.path, 0o755), 'mkdir', tree.path);
  const fd = check(addon.open(tree.path, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0), 'open', tree.path);
  try {
    makeTree(fd, tree);
  } finally {
    addon.close(fd);
  }
}

function makeUpperTree(fd: number, tree: RootTree): void {
  try {
    makeTree(fd, tree);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new TsrunError('usage', `--upper: fill ${show(tree.path)}: it takes a directory of your own`, {
      cause: error,
    });
  }
}

/**
 * Writes what a sandbox is made from into the directory of its bundle.
 *
 * @param upper The open directory that keeps what is written, where there is one.
 * @throws {SysError}
 * @throws {TsrunError} `usage`: something is in the way in that directory.
 */
export function writeBundle(
  directory: string,
  { config, tree, resolver }: SandboxBundle,
  upper: number | undefined,
): void {
  if (tree && upper !== undefined) makeUpperTree(upper, tree);
  else if (tree) makeOwnTree(tree);
  if (resolver !== undefined) {
    const names = `${directory}/${RESOLVER}`;
    check(addon.writeFile(names, resolver, O.WRONLY | O.CREAT | O.EXCL, 0o644), 'write', names);
  }
  const file = configFile(directory);
  check(addon.writeFile(file, JSON.stringify(config, null, 2), O.WRONLY | O.CREAT | O.EXCL, 0o600), 'write', file);
}
