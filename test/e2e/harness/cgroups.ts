/** A container's cgroups, read from outside: in the hierarchy where each controller is bound, v1 or v2. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Part, set } from './config.ts';
import { cgroupMount, mountsOf } from './kernel.ts';

/** linux.resources, of any form. */
export const resources = (value: Record<string, unknown>): Part => set('linux.resources', value);

/** The v1 hierarchies: where each controller's is mounted. */
const v1Mounts: ReadonlyMap<string, string> = new Map(
  mountsOf('self')
    .filter(({ type }) => type === 'cgroup')
    .flatMap(({ superOptions, target }) => superOptions.map((option) => [option, target] as const)),
);

/** Whether a controller (by its name in v1) is bound to v1 here. */
export function isV1(controller: string): boolean {
  return v1Mounts.has(controller);
}

/** The directory of a cgroup in a v1 hierarchy. */
export function inV1(controller: string, path: string): string {
  return join(v1Mounts.get(controller) ?? '', path);
}

/** Whether there is such a controller (by its name in v2) at all. */
export function hasController(controller: string): boolean {
  const unified = readFileSync(join(cgroupMount, 'cgroup.controllers'), 'utf8').trim().split(' ');
  return unified.includes(controller) || isV1(controller === 'io' ? 'blkio' : controller);
}

/** The number after `key` in a file of a cgroup, such as `memory.events`. */
export function countOf(path: string, key: string): number {
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(`${key} `));
  return Number(line?.slice(key.length + 1) ?? Number.NaN);
}

/** Where a process is, found out once: the answers stay when it has ended. */
export class Cgroups {
  readonly #directories = new Map<string, string>();

  constructor(pid: number) {
    for (const line of readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')) {
      const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      if (controllers === '') this.#directories.set('', join(cgroupMount, path));
      for (const controller of controllers.split(',')) {
        const mount = v1Mounts.get(controller);
        if (controller !== '' && mount !== undefined) this.#directories.set(controller, join(mount, path));
      }
    }
  }

  /** The directory in the v2 hierarchy. */
  get unified(): string {
    return this.#directories.get('') ?? '';
  }

  /** The directory that a file belongs to, by the controller in its name. */
  #directoryOf(file: string): string {
    const directory = this.#directories.get(file.slice(0, file.indexOf('.')));
    return directory ?? this.unified;
  }

  /** The text of a file such as `memory.max`, without the last newline. */
  read(file: string): string {
    return readFileSync(join(this.#directoryOf(file), file), 'utf8').trimEnd();
  }

  has(file: string): boolean {
    return existsSync(join(this.#directoryOf(file), file));
  }

  write(file: string, value: string): void {
    writeFileSync(join(this.#directoryOf(file), file), value);
  }

  /** The number after `key` in a file such as `memory.events`. */
  count(file: string, key: string): number {
    return countOf(join(this.#directoryOf(file), file), key);
  }

  /** Whether a process is in the v2 cgroup or below it. A cgroup that is gone has none: systemd removes an empty scope. */
  isPopulated(): boolean {
    try {
      return this.count('cgroup.events', 'populated') === 1;
    } catch (error) {
      // ENODEV: it went between the file's being found and its being opened or read.
      if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  }

  /** The directories that are still there. */
  left(): string[] {
    return [...this.#directories.values()].filter((path) => existsSync(path));
  }
}
