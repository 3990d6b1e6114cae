/**
 * Files of the host that programs write to in place, append to, or link to another name: those of a package manager. An overlay of a
 * caller without privileges has them as files of nobody, with whom none of that can be done; so it begins with copies of them.
 */
import { addon } from '../addon.ts';
import { ACCESS, S } from '../constants.ts';
import type { Layer } from './layers.ts';

/** Directories whose files are such ones. */
const directories: readonly string[] = [
  ...['/var/lib/dpkg', '/var/lib/dpkg/triggers', '/var/lib/apt', '/var/lib/ucf', '/var/cache/debconf', '/var/log/apt'],
];

/** Such files in other directories. */
const files: readonly string[] = ['/var/log/dpkg.log', '/var/log/alternatives.log'];

/** What is larger is no list of packages. */
export const MAX_EDITED = 64 * 2 ** 20;

function isCopied(path: string): boolean {
  const found = addon.stat(path, false);
  return (
    typeof found !== 'number' &&
    (found.mode & S.IFMT) === S.IFREG &&
    found.size <= MAX_EDITED &&
    addon.access(path, ACCESS.READ) === 0
  );
}

/** Those that the caller can read, in directories that are overlays. */
export function editedFiles(layers: readonly Layer[]): string[] {
  const overlays = layers.filter(({ kind }) => kind === 'overlay');
  const paths = directories.flatMap((directory) => {
    const names = addon.readdir(directory);
    return typeof names === 'number' ? [] : names.sort().map((name) => `${directory}/${name}`);
  });
  return [...paths, ...files].filter(
    (path) => overlays.some((layer) => path.startsWith(`${layer.path}/`)) && isCopied(path),
  );
}
