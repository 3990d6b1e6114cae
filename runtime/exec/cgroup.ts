/** The cgroups of a container that another process comes to. */
import { addon } from '../addon.ts';
import { refuseWhereGone, refuseWithoutCgroup } from '../cgroup/absent.ts';
import { cgroupDirectory } from '../cgroup/cgroupfs.ts';
import { mayMoveTo } from '../cgroup/delegation.ts';
import { enterLegacy, type LegacyCgroup, legacyDirectory } from '../cgroup/legacy.ts';
import { withManager } from '../cgroup/systemd.ts';
import type { CgroupFlag } from '../cli/process-values.ts';
import { O, RESOLVE } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import type { StoredCgroup } from '../store.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';

const ENOENT = 2;
const EBUSY = 16;

function missing(path: string, controller?: string): TsrunError {
  const where = controller === undefined ? '' : ` of the ${controller} controller`;
  return new TsrunError('cgroup', `--cgroup: the container has no cgroup ${quote(path)}${where}`);
}

/** Whether a cgroup is frozen or about to be, or one above it from `top` on. Those above the container's are nobody's business. */
function isFrozen(top: string, below: string): boolean {
  let directory = top;
  for (const part of `/${below}`.split('/')) {
    if (part !== '') directory += `/${part}`;
    if (readText(`${directory}/cgroup.freeze`).startsWith('1')) return true;
  }
  return false;
}

/** Moves a process into the cgroup behind a descriptor, which is closed. */
function moveTo(directory: number, pid: number): number {
  const file = addon.openat2(directory, 'cgroup.procs', O.WRONLY, 0, RESOLVE.BENEATH);
  addon.close(directory);
  if (file < 0) return file;
  const written = addon.write(file, String(pid));
  addon.close(file);
  return written;
}

/** Where `--cgroup` and the container's own cgroups put a process. */
export class ExecCgroup {
  readonly #cgroup: StoredCgroup;
  /** Below the container's cgroup of the v2 hierarchy; undefined where nothing was said. */
  readonly #below: string | undefined;
  readonly #legacy: readonly LegacyCgroup[];
  /** The scope whose service manager has to bring the process there, for a caller who may not. */
  readonly #attaching: StoredCgroup['scope'];
  /** Whether who is born there is frozen at once, and holds us, whose memory it has until it executes init. */
  readonly #isFrozen: boolean;

  /** @throws {TsrunError} `cgroup`: the container does not have what the flags name. */
  constructor(cgroup: StoredCgroup, flags: readonly CgroupFlag[]) {
    this.#cgroup = cgroup;
    const [first] = flags;
    if (first !== undefined) refuseWithoutCgroup(cgroup, '--cgroup', 'to enter one below it');
    this.#below = first?.controllers.length === 0 ? first.path : undefined;
    this.#isFrozen = cgroup.driver !== 'disabled' && isFrozen(cgroupDirectory(cgroup), this.#below ?? '');
    const legacy: LegacyCgroup[] = [];
    for (const own of cgroup.v1) legacy.push(this.#legacyBelow(own, flags));
    for (const { controllers } of flags)
      for (const controller of controllers)
        if (!cgroup.v1.some((own) => own.controller === controller))
          throw new TsrunError(
            'cgroup',
            `--cgroup: the container has no cgroup v1 of the ${controller} controller: give a path alone`,
          );
    this.#legacy = legacy;
    const { scope, root, path } = cgroup;
    this.#attaching = scope?.manager.user && !mayMoveTo(root, path) ? scope : undefined;
  }

  #legacyBelow(own: LegacyCgroup, flags: readonly CgroupFlag[]): LegacyCgroup {
    for (const { controllers, path } of flags) {
      if (controllers.length > 0 && !controllers.includes(own.controller)) continue;
      const below = { ...own, path: `${own.path}/${path}` };
      if (addon.access(legacyDirectory(below), 0) < 0) throw missing(path, own.controller);
      return below;
    }
    return own;
  }

  /** Whether there are cgroups that a process cannot be born in. */
  get isPlaced(): boolean {
    return this.#legacy.length > 0 || this.#attaching !== undefined || this.#isFrozen;
  }

  /**
   * A descriptor of the cgroup to be born in; undefined where there is none, or nobody is born in it.
   * @throws {TsrunError} `cgroup`
   */
  open(): number | undefined {
    if (this.#cgroup.driver === 'disabled') return undefined;
    const fd = this.#open();
    if (this.#attaching === undefined && !this.#isFrozen) return fd;
    addon.close(fd);
    return undefined;
  }

  #open(): number {
    const directory = cgroupDirectory(this.#cgroup);
    const fd = addon.open(directory, O.RDONLY | O.DIRECTORY, 0);
    try {
      // Looked at after it was opened: where it is the container's even now, what is open is, too.
      refuseWhereGone(this.#cgroup, 'exec');
    } catch (error) {
      if (fd >= 0) addon.close(fd);
      throw error;
    }
    if (fd < 0)
      throw new TsrunError('cgroup', `open the cgroup ${quote(this.#cgroup.path)} of the container`, {
        cause: new SysError(-fd, 'open', directory),
      });
    if (this.#below === undefined) return fd;
    const path = `./${this.#below}`;
    const below = addon.openat2(fd, path, O.RDONLY | O.DIRECTORY, 0, RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS);
    addon.close(fd);
    if (below === -ENOENT) throw missing(this.#below);
    if (below < 0)
      throw new TsrunError('cgroup', `--cgroup: open the cgroup ${quote(this.#below)}`, {
        cause: new SysError(-below, 'openat2'),
      });
    return below;
  }

  /**
   * The cgroup that `pid`, the container's process, is in, where it has moved further down: a cgroup with controllers for
   * its children takes no process itself.
   * @throws {TsrunError} `cgroup`: that one is frozen, by the container itself: who is born there never executes init.
   */
  openOf(pid: number): number | undefined {
    const below = this.#below === undefined ? this.#belowOf(pid) : '';
    if (below === '') return undefined;
    if (!this.#isFrozen && isFrozen(cgroupDirectory(this.#cgroup), below))
      throw new TsrunError(
        'cgroup',
        `exec: the container's process is in the cgroup ${quote(this.#cgroup.path + below)}, and that is frozen: thaw it (write 0 to its cgroup.freeze)`,
      );
    const fd = addon.open(cgroupDirectory(this.#cgroup) + below, O.RDONLY | O.DIRECTORY, 0);
    return fd < 0 ? undefined : fd;
  }

  /** How much further down than the container's cgroup a process is: `/init`, or empty. */
  #belowOf(pid: number): string {
    const path = /^0::(.*)$/m.exec(readText(`/proc/${pid}/cgroup`))?.[1] ?? '';
    return path.startsWith(`${this.#cgroup.path}/`) ? path.slice(this.#cgroup.path.length) : '';
  }

  /** Puts a process where it could not be born; `first` is the container's own. */
  place(pid: number, first: number): void {
    const scope = this.#attaching;
    if (scope) {
      const below = this.#below === undefined ? this.#belowOf(first) : `/${this.#below}`;
      withManager(scope.manager, (manager) => manager.attachProcess(scope.unit, below, pid));
    }
    for (const legacy of this.#legacy) enterLegacy(legacy, pid);
    // Last, for it is frozen then.
    if (this.#isFrozen && !scope) this.#move(pid, first);
  }

  /** Moves a process to where others are born. */
  #move(pid: number, first: number): void {
    let moved = moveTo(this.#open(), pid);
    const below = moved === -EBUSY ? this.openOf(first) : undefined;
    if (below !== undefined) moved = moveTo(below, pid);
    if (moved < 0)
      throw new TsrunError('cgroup', `start the process in the cgroup ${quote(this.#cgroup.path)}`, {
        cause: new SysError(-moved, 'write', 'cgroup.procs'),
      });
  }
}
