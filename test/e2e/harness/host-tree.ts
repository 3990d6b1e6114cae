/** A sum of everything that can be seen of trees of the host: names, contents, owners, modes and times. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Of larger files the times tell enough: nobody can set that of the last change. */
const LARGE = 100_000;

function add(hash: ReturnType<typeof createHash>, path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  const stat = lstatSync(path);
  hash.update(`${path}\0${stat.mode}\0${stat.uid}\0${stat.gid}\0${stat.size}\0${stat.mtimeMs}\0${stat.ctimeMs}\0`);
  if (stat.isSymbolicLink()) hash.update(readlinkSync(path));
  if (stat.isFile() && stat.size < LARGE) hash.update(readFileSync(path));
  if (stat.isDirectory()) for (const name of readdirSync(path).sort()) add(hash, join(path, name));
}

/** One sum for all of these trees. */
export function sumOf(...trees: string[]): string {
  const hash = createHash('sha256');
  for (const tree of trees) add(hash, tree);
  return hash.digest('hex');
}

/** The entries of the root directory itself. */
export const rootNames = (): string[] => readdirSync('/').sort();
