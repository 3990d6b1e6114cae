/** What the machine had before and after the suite; used as vitest's global set-up. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupMount, mountsOf, namespaceKinds, namespaceOf, processes, until } from './kernel.ts';
import { cgroupsNamed } from './lab.ts';
import { idPrefix, scratch } from './places.ts';

function tree(dir: string, depth = 6): string[] {
  if (depth === 0) return [];
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
      const path = join(dir, entry.name);
      return entry.isDirectory() ? [path, ...tree(path, depth - 1)] : [path];
    });
  } catch {
    return [];
  }
}

export interface Snapshot {
  mounts: string[];
  cgroups: string[];
  processes: string[];
  run: string[];
  scratch: string[];
  ipc: string[];
  namespaces: string[];
  devices: string[];
}

/** Everything in the box that a container could leave. */
export function snapshot(): Snapshot {
  const command = (pid: number): string => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return line === '' ? readFileSync(`/proc/${pid}/comm`, 'utf8').trim() : line;
    } catch {
      return '';
    }
  };
  return {
    mounts: mountsOf('self').map(
      (mount) => `${mount.target} ${mount.type} ${mount.options.join()} ${mount.propagation.join()}`,
    ),
    cgroups: [
      ...tree(cgroupMount)
        .filter((path) => path.endsWith('/cgroup.procs'))
        .map((path) => path.slice(0, -'/cgroup.procs'.length)),
      ...cgroupsNamed(idPrefix),
    ],
    processes: processes()
      .map((pid) => `${pid} ${command(pid)}`)
      .filter((line) => !/ (node|vitest|npx|esbuild)|vitest|^\d+ $/.test(line)),
    run: tree('/run'),
    scratch: readdirSync(scratch),
    ipc: ['msg', 'sem', 'shm'].flatMap((kind) =>
      readFileSync(`/proc/sysvipc/${kind}`, 'utf8')
        .split('\n')
        .slice(1)
        .filter((line) => line !== '')
        .map((line) => `${kind} ${line.trim()}`),
    ),
    // Those that a process lives in; those that a mount holds are among the mounts.
    namespaces: [
      ...new Set(
        processes().flatMap((pid) =>
          namespaceKinds.flatMap((kind) => {
            try {
              return [namespaceOf(pid, kind)];
            } catch {
              return [];
            }
          }),
        ),
      ),
    ],
    devices: tree('/dev', 2),
  };
}

/** What `after` has that `before` had not, or has no more. */
export function difference(before: Snapshot, after: Snapshot): string[] {
  return (Object.keys(before) as (keyof Snapshot)[]).flatMap((kind) => [
    ...after[kind].filter((item) => !before[kind].includes(item)).map((item) => `new in ${kind}: ${item}`),
    ...before[kind].filter((item) => !after[kind].includes(item)).map((item) => `gone from ${kind}: ${item}`),
  ]);
}

/** vitest's globalSetup: a snapshot now, the comparison when all tests are done. */
export default function setup(): () => Promise<void> {
  const before = snapshot();
  return async () => {
    let found: string[] = [];
    try {
      await until(
        'the box is as before',
        () => {
          found = difference(before, snapshot());
          return found.length === 0;
        },
        5,
      );
    } catch {
      process.exitCode = 1;
      throw new Error(`the suite left something behind:\n${found.join('\n')}`);
    }
  };
}
