/** Namespaces as /proc/<pid>/ns shows them. Reads, and changes nothing. */
import { addon } from './addon.ts';
import { NS } from './constants.ts';
import { readText } from './host.ts';

/** What tells a namespace from all others, of an open one; undefined where it is none. */
export function identityOf(fd: number): string | undefined {
  const stat = fd < 0 ? fd : addon.fstat(fd);
  return typeof stat === 'number' ? undefined : `${stat.dev}:${stat.ino}`;
}

/** The same of the one that we are in; `file` is its name in /proc/<pid>/ns. */
export function ownIdentity(file: string): string | undefined {
  const stat = addon.stat(`/proc/self/ns/${file}`, true);
  return typeof stat === 'number' ? undefined : `${stat.dev}:${stat.ino}`;
}

/** The user namespace that a namespace belongs to. */
export function ownerOf(fd: number): string | undefined {
  const owner = addon.ioctl(fd, NS.GET_USERNS);
  const identity = identityOf(owner);
  if (owner >= 0) addon.close(owner);
  return identity;
}

/** Whether the user namespace of a process has an id 0 to become. */
export function mapsRoot(pid: number): boolean {
  const mapsZero = (file: string): boolean => /^ *0 /m.test(readText(`/proc/${pid}/${file}`));
  return mapsZero('uid_map') && mapsZero('gid_map');
}
