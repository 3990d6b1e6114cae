/**
 * What is kept of a container, in `<root>/<id>/`:
 *
 * - `intent`: what is about to be made. Written before the thing itself, so that whatever is interrupted can be removed
 *   completely. It is a symbolic link whose target is the text: that is written at once or not at all, and nobody empties
 *   or overwrites it by mistake.
 * - `config.json`: the configuration as it was read, byte for byte: what `exec` needs of it later, whatever becomes of the bundle.
 * - `state.json`: what was made. Its presence ends `creating`.
 * - `rootfs/`: where the root of a container in another's mount namespace is attached, with all that is mounted in it. No
 *   other mount lies over it, and removing the directory detaches it from every namespace where it is attached.
 * - `notify/`: where `start` binds the socket by which the program says that it is ready; mounted in the container.
 * - `bundle/`: the bundle of a sandbox, which has none of its own.
 * - `scratch`: where the root file system of a sandbox is unpacked, outside of this directory.
 * - `go`, `reply`: the fifos by which `start` speaks with init.
 * - `lock`: held (flock) by the one command that changes the container.
 *
 * Files are replaced whole (a new file, then rename); the directory itself is the claim on the id.
 */
import type { Config, Hook } from '../spec/config.ts';
import { ConfigError, formatDiagnostic } from '../spec/diagnostic.ts';
import { loadConfig, reloadConfig } from '../spec/load.ts';
import { addon } from './addon.ts';
import type { LegacyCgroup } from './cgroup/legacy.ts';
import type { ManagerBus } from './cgroup/systemd.ts';
import { isContainerId } from './cli/id.ts';
import { LOCK, O, S } from './constants.ts';
import { errnoText } from './errno.ts';
import { TsrunError } from './errors.ts';
import type { CgroupDriver, Step } from './plan/types.ts';
import type { ProcessIdentity } from './process.ts';
import type { StoredRdt } from './rdt.ts';
import type { BridgePort } from './sandbox/bridge-plan.ts';
import { isScratchPath, removeScratch } from './sandbox/remove-scratch.ts';
import { check, checkValue, SysError } from './sys.ts';
import { quote } from './text.ts';
import { visitBelow } from './tree.ts';
import { commit, version } from './version.ts';

const ENOENT = 2;
const EAGAIN = 11;
const EISDIR = 21;
const ELOOP = 40;
const EEXIST = 17;

/** The cgroup of a container, as it was made. */
export interface StoredCgroup {
  readonly driver: CgroupDriver;
  /** For `systemd`: the scope, and the manager that made it. */
  readonly scope?: { readonly unit: string; readonly description: string; readonly manager: ManagerBus };
  /** For `disabled`: the caller did not ask for that, but nothing was delegated to it. */
  readonly isUndelegated?: boolean;
  /** Mount point of the v2 hierarchy. */
  readonly root: string;
  /** Below it, with a leading slash; empty when disabled. */
  readonly path: string;
  /** Its inode, which the kernel gives to no later one; absent until it is made. */
  readonly number?: number;
  /** Host directories above it that were made for it, the deepest first. */
  readonly parents: readonly string[];
  /** Cgroups in v1 hierarchies, which carry limits. */
  readonly v1: readonly LegacyCgroup[];
}

/** What `intent` tells. */
export interface Intent {
  readonly bundle: string;
  readonly cgroup?: StoredCgroup;
  /** Whether the cgroup was really made: only then may it be killed and removed. */
  readonly cgroupMade?: boolean;
  readonly process?: ProcessIdentity;
  /** Its class of service of Intel RDT. */
  readonly rdt?: StoredRdt;
}

/** state.json */
export interface StoredState {
  readonly version: 1;
  readonly ociVersion: string;
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly process: ProcessIdentity;
  /** RFC 3339, UTC. */
  readonly created: string;
  /** Name or number of the user who made it. */
  readonly owner: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly cgroup: StoredCgroup;
  /** Its class of service of Intel RDT. */
  readonly rdt?: StoredRdt;
  /** The paths of `linux.devices`, for a later device policy. */
  readonly devicePaths: readonly string[];
  /** Without a pid namespace of its own, the end of the first process does not end the others. */
  readonly sharesPidNamespace: boolean;
  readonly hooks: { readonly poststart: readonly Hook[]; readonly poststop: readonly Hook[] };
  /** The operations that init does after `start`, from index `first` of the plan on, for an error to name. */
  readonly startSteps: { readonly first: number; readonly steps: readonly Step[] };
  /** The name of its session keyring; absent where it has that of the caller of `create`. */
  readonly keyring?: string;
  /** The sum of the copy of its configuration, which has been validated. */
  readonly configSum?: string;
}

/** The kernel's limit for the target of a link, in bytes. */
const LINK_MAX = 4000;
const MAX_STATE = 64 * 1024 * 1024;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const NOTIFY_MODE = 0o755;

function doesNotExist(id: string): TsrunError {
  return new TsrunError('not-found', `container ${quote(id)} does not exist`);
}

function parse(path: string): unknown {
  const bytes = addon.readFile(path, MAX_STATE);
  if (typeof bytes === 'number') throw new SysError(-bytes, 'read', path);
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is a name of a file and of an interface, and nothing else. */
function isPortName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(value);
}

function isProcess(value: unknown): value is ProcessIdentity {
  // Never pid 1 or below: signals to those reach far more than a container.
  return (
    isRecord(value) && Number.isSafeInteger(value.pid) && Number(value.pid) > 1 && Number.isFinite(value.startTime)
  );
}

/** Whether a path below a hierarchy leads to a cgroup that may be killed and removed: not the root, and not out of it. */
function isCgroupPath(path: unknown): boolean {
  if (typeof path !== 'string' || !path.startsWith('/')) return false;
  for (const part of path.slice(1).split('/')) if (part === '' || part === '..') return false;
  return true;
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  if (!Array.isArray(value)) return false;
  for (const item of value) if (!isItem(item)) return false;
  return true;
}

/** Directories of a hierarchy, and of no other place. */
function isParents(value: unknown, root: string): boolean {
  return isListOf(
    value,
    (path) => typeof path === 'string' && path.startsWith(`${root}/`) && !path.split('/').includes('..'),
  );
}

function isLegacy(value: unknown): value is LegacyCgroup {
  return (
    isRecord(value) &&
    typeof value.controller === 'string' &&
    typeof value.root === 'string' &&
    isCgroupPath(value.path) &&
    isParents(value.parents, value.root)
  );
}

function isScope(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value.unit === 'string' &&
    typeof value.description === 'string' &&
    isRecord(value.manager) &&
    typeof value.manager.user === 'boolean' &&
    typeof value.manager.addresses === 'string'
  );
}

function isCgroup(value: unknown): value is StoredCgroup {
  return (
    isRecord(value) &&
    (value.driver === 'cgroupfs' ||
      value.driver === 'disabled' ||
      (value.driver === 'systemd' && isScope(value.scope))) &&
    typeof value.root === 'string' &&
    typeof value.path === 'string' &&
    (value.driver === 'disabled' || isCgroupPath(value.path)) &&
    (value.isUndelegated === undefined || typeof value.isUndelegated === 'boolean') &&
    (value.number === undefined || Number.isFinite(value.number)) &&
    isParents(value.parents, value.root) &&
    isListOf(value.v1, isLegacy)
  );
}

/** Files and directories by absolute paths, and no way around. */
function isRdt(value: unknown): value is StoredRdt {
  const isPath = (path: unknown): boolean =>
    typeof path === 'string' && path.startsWith('/') && !path.split('/').includes('..');
  return isRecord(value) && isListOf(value.tasks, isPath) && isListOf(value.directories, isPath);
}

function isHook(value: unknown): boolean {
  return isRecord(value) && typeof value.path === 'string';
}

function isHooks(value: unknown): value is StoredState['hooks'] {
  return isRecord(value) && isListOf(value.poststart, isHook) && isListOf(value.poststop, isHook);
}

function isStartSteps(value: unknown): value is StoredState['startSteps'] {
  return isRecord(value) && Number.isSafeInteger(value.first) && Array.isArray(value.steps);
}

function isState(value: unknown, id: string): value is StoredState {
  return (
    isRecord(value) &&
    value.version === 1 &&
    value.id === id &&
    typeof value.bundle === 'string' &&
    typeof value.rootfs === 'string' &&
    typeof value.created === 'string' &&
    typeof value.owner === 'string' &&
    isProcess(value.process) &&
    isRecord(value.annotations) &&
    isCgroup(value.cgroup) &&
    (value.rdt === undefined || isRdt(value.rdt)) &&
    Array.isArray(value.devicePaths) &&
    isHooks(value.hooks) &&
    isStartSteps(value.startSteps) &&
    (value.keyring === undefined || typeof value.keyring === 'string') &&
    (value.configSum === undefined || typeof value.configSum === 'string')
  );
}

/** Tells a configuration that this very version has validated: another one may look at other things. */
export function sumOfConfig(bytes: Uint8Array): string {
  return `${addon.hash(bytes)} ${version} ${commit}`;
}

/** The directory of one container. */
export class Container {
  readonly id: string;
  /** The state root. */
  readonly root: string;
  readonly directory: string;
  #lock: number | undefined;

  constructor(root: string, id: string) {
    this.id = id;
    this.root = root;
    this.directory = `${root}/${id}`;
  }

  path(name: string): string {
    return `${this.directory}/${name}`;
  }

  /** Whether the id is taken: by a directory, for a link is nothing that was made here. */
  exists(): boolean {
    const stat = addon.stat(this.directory, false);
    return typeof stat !== 'number' && (stat.mode & S.IFMT) === S.IFDIR;
  }

  #write(name: string, value: object): void {
    this.#writeBytes(name, JSON.stringify(value));
  }

  #writeBytes(name: string, bytes: string | Uint8Array): void {
    const path = this.path(name);
    // Unique, should two ever write at once; O_EXCL, so that nothing that lies there is followed.
    const temporary = `${path}.${addon.getpid()}`;
    const written = addon.writeFile(temporary, bytes, O.WRONLY | O.CREAT | O.EXCL, FILE_MODE);
    if (written < 0) {
      addon.unlink(temporary);
      throw new SysError(-written, 'write', temporary);
    }
    check(addon.rename(temporary, path), 'rename', temporary);
  }

  writeIntent(intent: Intent): void {
    const text = JSON.stringify(intent);
    if (text.length * 3 > LINK_MAX) {
      this.#write('intent', intent);
      return;
    }
    const path = this.path('intent');
    const temporary = `${path}.${addon.getpid()}`;
    check(addon.symlink(text, temporary), 'symlink', temporary);
    check(addon.rename(temporary, path), 'rename', temporary);
  }

  /** Keeps the configuration that the container is made from. */
  writeConfig(bytes: Uint8Array): void {
    this.#writeBytes('config.json', bytes);
  }

  /**
   * The configuration that the container was made from. Where its copy is what it was then, it need not be validated again,
   * which would be a thirtieth of what `exec` takes.
   * @throws {TsrunError} `state-damaged`
   */
  readConfig({ configSum }: StoredState): Config {
    const path = this.path('config.json');
    const bytes = addon.readFile(path, MAX_STATE);
    if (typeof bytes === 'number') throw this.#damaged(errnoText(-bytes), path);
    try {
      return sumOfConfig(bytes) === configSum ? reloadConfig(bytes, path) : loadConfig(bytes, path).config;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const [first] = error.diagnostics;
      throw this.#damaged(first ? formatDiagnostic(first) : error.message, path);
    }
  }

  writeState(state: StoredState): void {
    this.#write('state.json', state);
  }

  /** What was about to be made; undefined where that is not to be read any more. Never throws. */
  readIntent(): Intent | undefined {
    try {
      const path = this.path('intent');
      const text = addon.readlink(path);
      const value: unknown = typeof text === 'string' ? JSON.parse(text) : parse(path);
      if (!isRecord(value) || typeof value.bundle !== 'string') return undefined;
      return {
        bundle: value.bundle,
        ...(isCgroup(value.cgroup) ? { cgroup: value.cgroup, cgroupMade: value.cgroupMade === true } : {}),
        ...(isProcess(value.process) ? { process: value.process } : {}),
        ...(isRdt(value.rdt) ? { rdt: value.rdt } : {}),
      };
    } catch {
      return undefined;
    }
  }

  /**
   * What was made; undefined while it is being made (or the making was interrupted).
   * @throws {TsrunError} `not-found`, `state-damaged`
   */
  readState(): StoredState | undefined {
    if (!this.exists()) throw doesNotExist(this.id);
    const path = this.path('state.json');
    let value: unknown;
    try {
      value = parse(path);
    } catch (error) {
      if (error instanceof SysError && error.errno === ENOENT) return undefined;
      throw this.#damaged(error instanceof SysError ? errnoText(error.errno) : 'it is not JSON');
    }
    if (!isState(value, this.id)) throw this.#damaged('it does not hold what tsrun wrote');
    return value;
  }

  #damaged(reason: string, path = this.path('state.json')): TsrunError {
    return new TsrunError(
      'state-damaged',
      `container ${quote(this.id)}: ${path} is damaged: ${reason}; \`tsrun delete --force\` removes the container`,
    );
  }

  /**
   * Waits for other commands on this container, and keeps later ones waiting until this process ends.
   * @throws {TsrunError} `not-found`
   */
  lock(): void {
    if (!this.#tryLock(true)) throw doesNotExist(this.id);
  }

  /** The same without waiting; false where another command holds it. @throws {TsrunError} `not-found` */
  tryLock(): boolean {
    return this.#tryLock(false);
  }

  #openLock(): number {
    const path = this.path('lock');
    const open = (): number => addon.open(path, O.RDWR | O.CREAT | O.NOFOLLOW | O.NONBLOCK, FILE_MODE);
    const fd = open();
    // Something else lies there: nobody can hold that, and everybody must be able to hold the lock.
    if (fd === -EISDIR || fd === -ELOOP) {
      if (addon.unlink(path) < 0) addon.rmdir(path);
      return open();
    }
    return fd;
  }

  #tryLock(wait: boolean): boolean {
    if (!this.exists()) throw doesNotExist(this.id);
    const path = this.path('lock');
    const fd = this.#openLock();
    if (fd === -ENOENT) throw doesNotExist(this.id);
    check(fd, 'open', path);
    const locked = addon.flock(fd, wait ? LOCK.EX : LOCK.EX | LOCK.NB);
    if (locked === -EAGAIN && !wait) {
      addon.close(fd);
      return false;
    }
    check(locked, 'flock', path);
    // The one we waited for may have removed the container, and somebody else made a new one of the same name.
    const held = checkValue(addon.fstat(fd), 'fstat', path);
    const there = addon.stat(path, false);
    if (typeof there === 'number' || there.ino !== held.ino || there.dev !== held.dev) {
      addon.close(fd);
      throw doesNotExist(this.id);
    }
    this.#lock = fd;
    return true;
  }

  /** Whether some command is changing the container now. */
  isLocked(): boolean {
    const fd = addon.open(this.path('lock'), O.RDONLY | O.NOFOLLOW, 0);
    if (fd < 0) return false;
    const free = addon.flock(fd, LOCK.SH | LOCK.NB) === 0;
    addon.close(fd);
    return !free;
  }

  unlock(): void {
    if (this.#lock !== undefined) addon.close(this.#lock);
    this.#lock = undefined;
  }

  /** Takes the id; nothing where this very object has it already. @throws {TsrunError} `exists` */
  claim(): void {
    if (this.#lock !== undefined) return;
    const made = addon.mkdir(this.directory, DIRECTORY_MODE);
    if (made === -EEXIST)
      throw new TsrunError(
        'exists',
        `container ${quote(this.id)} exists already: container with given ID already exists`,
      );
    check(made, 'mkdir', this.directory);
    try {
      this.lock();
    } catch (error) {
      addon.rmdir(this.directory);
      throw error;
    }
  }

  get notifyDirectory(): string {
    return this.path('notify');
  }

  /** Makes it, for every user of the container to pass. */
  makeNotifyDirectory(): void {
    const directory = this.notifyDirectory;
    check(addon.mkdir(directory, DIRECTORY_MODE), 'mkdir', directory);
    check(addon.chmod(directory, NOTIFY_MODE), 'chmod', directory);
  }

  /** Notes a process that has no purpose when the container has ended, and is to end with it. */
  addHelper(process: ProcessIdentity): void {
    this.#write('helpers', [...this.helpers(), process]);
  }

  /** Notes the interface on a bridge that the container is about to have. */
  notePort(port: BridgePort): void {
    this.#write('port', port);
  }

  /** What {@link notePort} noted. */
  port(): BridgePort | undefined {
    const bytes = addon.readFile(this.path('port'), MAX_STATE);
    if (typeof bytes === 'number') return undefined;
    const noted: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(noted) && isPortName(noted.name) && isPortName(noted.port)
      ? { name: noted.name, port: noted.port }
      : undefined;
  }

  /** The processes noted by {@link addHelper}; none where that cannot be read. */
  helpers(): ProcessIdentity[] {
    const bytes = addon.readFile(this.path('helpers'), MAX_STATE);
    if (typeof bytes === 'number') return [];
    try {
      const noted: unknown = JSON.parse(new TextDecoder().decode(bytes));
      return Array.isArray(noted) ? noted.filter(isProcess) : [];
    } catch {
      return [];
    }
  }

  /** Notes the directory outside of this one that is about to be made for the container, and goes with it. */
  noteScratch(path: string): void {
    this.#write('scratch', { path });
  }

  /** Removes what {@link noteScratch} noted. */
  #removeScratch(): void {
    const bytes = addon.readFile(this.path('scratch'), MAX_STATE);
    const own = addon.stat(this.directory, false);
    if (typeof bytes === 'number' || typeof own === 'number') return;
    let noted: unknown;
    try {
      noted = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      return; // damaged
    }
    if (isRecord(noted) && isScratchPath(noted.path)) removeScratch(noted.path, own.uid);
  }

  /** Where the root of a container is attached that has no mount namespace of its own. */
  get mountPoint(): string {
    return this.path('rootfs');
  }

  /** Makes the directory for the root. {@link detachRoot} undoes it, and what was mounted there since. */
  makeMountPoint(): void {
    check(addon.mkdir(this.mountPoint, DIRECTORY_MODE), 'mkdir', this.mountPoint);
  }

  /**
   * Detaches the root of a container in another's mount namespace, if it has one. Where it was attached in a namespace that
   * is not the caller's, the kernel does that when the directory goes. @throws {TsrunError} `state-damaged`
   */
  detachRoot(): void {
    // More than once where the container, which shares the namespace, mounted over its root.
    while (addon.detach(this.mountPoint) === 0);
    const removed = addon.rmdir(this.mountPoint);
    if (removed < 0 && removed !== -ENOENT) throw this.#damaged(errnoText(-removed), this.mountPoint);
  }

  /**
   * Removes everything that is kept, and the directory. What tsrun did not put there is not touched.
   * @throws {TsrunError} `state-damaged`: such a thing is in the way.
   */
  remove(): void {
    if (!this.exists()) return;
    this.#removeScratch();
    const foreign: string[] = [];
    for (const name of checkValue(addon.readdir(this.directory), 'readdir', this.directory)) {
      if (name === 'lock') continue; // last, for it keeps others out until the directory is gone
      const path = this.path(name);
      if (name === 'bundle' || name === 'notify') removeTree(path);
      else if (!isOurs(name) || (addon.unlink(path) < 0 && addon.rmdir(path) < 0)) foreign.push(name);
    }
    if (foreign.length > 0)
      throw new TsrunError(
        'state-damaged',
        `container ${quote(this.id)}: ${quote(foreign[0] ?? '')} in ${this.directory} is not tsrun's: remove it, and delete the container again`,
      );
    addon.unlink(this.path('lock'));
    const removed = addon.rmdir(this.directory);
    if (removed !== -ENOENT) check(removed, 'rmdir', this.directory);
  }
}

/** Whether a name in the state directory is one that tsrun gives: a file, or what it is written to first. */
function isOurs(name: string): boolean {
  return /^(state\.json|config\.json|intent|helpers|port|scratch|go|reply)(\.\d+)?$/.test(name);
}

/** Removes a directory with all that is in it; what cannot be removed stays. */
function removeTree(directory: string): void {
  const removeEmptied = (path: string): void => {
    const names = addon.readdir(path);
    for (const name of typeof names === 'number' ? [] : names) addon.unlink(`${path}/${name}`);
    addon.rmdir(path);
  };
  visitBelow(directory, false, removeEmptied);
  removeEmptied(directory);
}

/** The ids under `root`, sorted; none where it does not exist. */
export function listIds(root: string): string[] {
  const names = addon.readdir(root);
  if (names === -ENOENT) return [];
  const ids = checkValue(names, 'readdir', root).filter(isContainerId);
  return ids.filter((id) => new Container(root, id).exists()).sort();
}
