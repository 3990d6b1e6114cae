/**
 * Which systemd unit a container is, under the systemd cgroup driver: config-linux.md "Cgroups path" leaves the form to
 * the driver, and callers write `slice:prefix:name`.
 *
 * | cgroupsPath | slice | unit |
 * |---|---|---|
 * | absent, or empty | the default | `tsrun-<id>.scope` |
 * | `machine.slice:libpod:web` | `machine.slice` | `libpod-web.scope` |
 * | `:libpod:web` | the default | `libpod-web.scope` |
 * | `-.slice:libpod:web` or `-:libpod:web` | the root slice | `libpod-web.scope` |
 * | `a-b.slice::web` | `a-b.slice`, which is in `a.slice` | `-web.scope` |
 *
 * The default slice is system.slice, and user.slice of the caller's own service manager where tsrun is rootless.
 */
import { TsrunError } from '../errors.ts';
import { quote } from '../text.ts';

/** A transient scope, before it is made. */
export interface SystemdUnit {
  /** The name of its slice, such as `machine.slice`; `-.slice` is the root. */
  readonly slice: string;
  /** The name of the scope. */
  readonly unit: string;
  /**
   * Where its cgroup will be, below the cgroup of the service manager (which is the root for the system's). The manager
   * has the last word: ask it once the scope is there.
   */
  readonly path: string;
}

const ROOT_SLICE = '-.slice';
const SLICE = '.slice';
const SCOPE = '.scope';
/** UNIT_NAME_MAX of systemd, which counts a final zero byte. */
const LONGEST_UNIT = 255;
/** What stands before the id in the name of a scope of tsrun's own choice. */
const DEFAULT_PREFIX = 'tsrun';

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const unitCharacters = `${letters}:-_.\\@`;

function invalid(configured: string, why: string): TsrunError {
  return new TsrunError('config-invalid', `linux.cgroupsPath: ${quote(configured, 256)}: ${why}`);
}

/** What is wrong with the name of a unit, or undefined. systemd.unit(5). */
function faultOf(unit: string): string | undefined {
  for (const character of unit)
    if (!unitCharacters.includes(character))
      return `${quote(character)} cannot be part of the name of a systemd unit (letters, digits and : - _ . \\ @ can)`;
  if (unit.startsWith('@')) return 'the name of a systemd unit does not begin with @';
  if (unit.endsWith(`@${SCOPE}`) || unit.endsWith(`@${SLICE}`))
    return 'a template cannot be started (the @ at the end)';
  if (unit.length > LONGEST_UNIT) return `the name of a systemd unit has at most ${LONGEST_UNIT} characters`;
  return undefined;
}

/** A name of our own choice may hold what a unit's may not: written as systemd-escape(1) does. */
function escapeUnit(name: string): string {
  let escaped = '';
  for (const character of name)
    escaped += unitCharacters.includes(character)
      ? character
      : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return escaped;
}

// Files that every cgroup has, and the controllers whose files begin with their names: a unit called so would clash.
const cgroupFiles = ['notify_on_release', 'release_agent', 'tasks'];
const controllers = [
  'cgroup',
  'cpu',
  'cpuacct',
  'cpuset',
  'io',
  'blkio',
  'memory',
  'devices',
  'pids',
  'bpf-firewall',
  'bpf-devices',
  'bpf-foreign',
  'bpf-socket-bind',
  'bpf-restrict-network-interfaces',
];

/** The directory that systemd makes for a unit: an underscore precedes names that cgroup files could have. */
function directoryOf(unit: string): string {
  const clashes =
    unit.startsWith('_') ||
    unit.startsWith('.') ||
    cgroupFiles.includes(unit) ||
    controllers.some((controller) => unit.startsWith(`${controller}.`));
  return clashes ? `_${unit}` : unit;
}

/**
 * The path of a slice: `a-b.slice` is in `a.slice`, so `/a.slice/a-b.slice`. The root slice is the empty path.
 *
 * @throws {Error} in words, where it is not the name of a slice.
 */
export function expandSlice(slice: string): string {
  if (slice === ROOT_SLICE) return '';
  if (slice.includes('/'))
    throw new Error('a slice is named, not reached by a path: a-b.slice is the slice b in a.slice');
  if (!slice.endsWith(SLICE) || slice === SLICE)
    throw new Error(`${quote(slice)} is not the name of a slice: did you mean ${quote(`${slice}${SLICE}`)}?`);
  const fault = faultOf(slice);
  if (fault !== undefined) throw new Error(fault);
  let path = '';
  let name = '';
  for (const part of slice.slice(0, -SLICE.length).split('-')) {
    if (part === '') throw new Error(`${quote(slice)} has an empty part between its dashes`);
    name += name === '' ? part : `-${part}`;
    path += `/${directoryOf(`${name}${SLICE}`)}`;
  }
  return path;
}

function sliceOf(configured: string, written: string, rootless: boolean): string {
  if (written === '') return rootless ? `user${SLICE}` : `system${SLICE}`;
  const slice = written === '-' ? ROOT_SLICE : written;
  try {
    expandSlice(slice);
  } catch (error) {
    throw invalid(configured, error instanceof Error ? error.message : String(error));
  }
  return slice;
}

function scopeOf(configured: string, prefix: string, name: string): string {
  if (name === '') throw invalid(configured, 'the name, after the second colon, is empty');
  if (name.endsWith(SLICE))
    throw invalid(configured, 'a container is a scope, and the name is that of a slice: slices hold no processes');
  const unit = `${prefix}-${name}${SCOPE}`;
  const fault = faultOf(unit);
  if (fault !== undefined) throw invalid(configured, fault);
  return unit;
}

/**
 * The unit of container `id`.
 *
 * @param configured `linux.cgroupsPath`.
 * @param rootless whether it belongs to the caller's own service manager.
 * @throws {TsrunError} `config-invalid`: the path is not of that form, or names what cannot be a unit.
 */
export function planSystemdUnit(id: string, configured: string | undefined, rootless: boolean): SystemdUnit {
  const given = configured ?? '';
  const parts = given === '' ? ['', DEFAULT_PREFIX, escapeUnit(id)] : given.split(':');
  const [slicePart, prefix, name] = parts;
  if (slicePart === undefined || prefix === undefined || name === undefined || parts.length !== 3)
    throw invalid(
      given,
      'the systemd cgroup driver takes slice:prefix:name, such as machine.slice:tsrun:web (a path of directories is for --cgroup-manager cgroupfs)',
    );
  const slice = sliceOf(given, slicePart, rootless);
  const unit = scopeOf(given === '' ? `:${DEFAULT_PREFIX}:${id}` : given, prefix, name);
  return { slice, unit, path: `${expandSlice(slice)}/${directoryOf(unit)}` };
}
