/** The kernel's own view of a process, read from outside. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type Mount, parseMountinfo } from './mountinfo.ts';
import { patience } from './places.ts';

export const namespaceKinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'] as const;
export type NamespaceKind = (typeof namespaceKinds)[number];

export function namespaceOf(pid: number | 'self', kind: NamespaceKind): string {
  return readlinkSync(`/proc/${pid}/ns/${kind}`);
}

/** A line of `/proc/<pid>/status`. */
export function statusField(pid: number | 'self', name: string): string {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`/proc/${pid}/status has no ${name}`);
  return line.slice(name.length + 1).trim();
}

export function mountsOf(pid: number | 'self'): Mount[] {
  return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
}

/** Each open descriptor and what it refers to. */
export function descriptorsOf(pid: number): Map<number, string> {
  const links = new Map<number, string>();
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      links.set(Number(name), readlinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      // closed meanwhile
    }
  }
  return links;
}

/** The path of a process in the cgroup v2 hierarchy. */
export function cgroupOf(pid: number | 'self'): string {
  const line = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith('0::'));
  return line?.slice(3) ?? '';
}

/** Where the v2 hierarchy is mounted in the box. */
export const cgroupMount: string =
  mountsOf('self')
    .filter((mount) => mount.type === 'cgroup2')
    .at(-1)?.target ?? '/sys/fs/cgroup';

/** Whether a process lives: exists, and is neither a zombie nor dead. */
export function isAlive(pid: number): boolean {
  try {
    return !/^[ZX]/.test(statusField(pid, 'State'));
  } catch {
    return false;
  }
}

/** All processes of the box. */
export function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Waits for a condition; the only way a test may depend on time is by giving up. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, seconds = 10): Promise<void> {
  const end = Date.now() + seconds * patience * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${seconds * patience} s in vain: ${what}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}
