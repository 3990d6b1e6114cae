import type { Config, Mount } from '../config.ts';
import type { Findings } from '../finding.ts';
import { namespaceOf } from '../namespaces.ts';
import { mountOption } from '../tables.ts';
import { checkIdMappings } from './mappings.ts';
import { checkPathLength, cleanPath, isRoot } from './text.ts';

/** A rule on one mount of a configuration. */
export type MountCheck = (mount: Mount, index: number, findings: Findings, config: Pick<Config, 'linux'>) => void;

/** config.md, "Mounts": a mount is a bind mount by its options; peers take the type for it too. */
function isBindMount({ type, options = [] }: Mount): boolean {
  return type === 'bind' || options.includes('bind') || options.includes('rbind');
}

/** config.md, "Mounts": the destination. */
export function destinationIsUsable({ destination }: Mount, index: number, findings: Findings): void {
  const at = ['mounts', index, 'destination'];
  if (destination === '') findings.error(at, 'empty, expected an absolute path');
  else if (isRoot(destination) && index > 0) {
    findings.error(at, 'a mount on the root covers all mounts before it', 'put it first');
  } else checkPathLength(destination, findings, at);
}

/** config.md, "Mounts": relative destinations are deprecated. */
export function destinationsAreAbsolute({ mounts = [] }: Config, findings: Findings): void {
  for (const [index, { destination }] of mounts.entries()) {
    if (destination.startsWith('/')) continue;
    findings.warning(['mounts', index, 'destination'], 'a relative path is deprecated, taken as relative to /');
  }
}

/** mount(2) wants a type for a new file system and a source for a bind mount. */
export function mountIsComplete(mount: Mount, index: number, findings: Findings): void {
  const { type = '', source = '', options = [] } = mount;
  const at = ['mounts', index];
  if (isBindMount(mount)) {
    if (source === '') findings.errorAt([...at, 'source'], 'missing, but a bind mount needs one');
    else checkPathLength(source, findings, [...at, 'source']);
  } else if (type === '' && !options.includes('remount')) {
    findings.errorAt([...at, 'type'], 'missing, but a mount that is not a bind mount needs one');
  }
}

/**
 * config.md, "Mounts": what is no known option is data for the file system, which mount(2) has no use for in a bind mount;
 * so an option with a value (`mode=755`) has no effect. A bare word is a misspelt option sooner.
 */
export function bindMountHasNoData(mount: Mount, index: number, findings: Findings): void {
  if (!isBindMount(mount)) return;
  for (const [position, option] of mount.options?.entries() ?? []) {
    if (mountOption(option) !== undefined) continue;
    const at = ['mounts', index, 'options', position];
    if (/^\w+=/.test(option)) findings.warning(at, 'no option of a bind mount, without effect');
    else findings.error(at, 'not an option of a bind mount');
  }
}

/** What may be mounted over inside of /proc: files that containers are given a view of their own of (as lxcfs does). */
const PROC_FILES: readonly string[] = [
  '/proc/cpuinfo',
  '/proc/diskstats',
  '/proc/loadavg',
  '/proc/meminfo',
  '/proc/net/dev',
  '/proc/slabinfo',
  '/proc/stat',
  '/proc/swaps',
  '/proc/sys/crypto/fips_enabled',
  '/proc/sys/kernel/ns_last_pid',
  '/proc/uptime',
];

/** A forged /proc would let the container lie to the runtime, which writes security settings there. */
export function procIsNotCovered(mount: Mount, index: number, findings: Findings): void {
  if (!mount.destination.includes('proc')) return;
  const destination = cleanPath(mount.destination);
  if (destination === '/proc' && mount.type !== 'proc' && !isBindMount(mount)) {
    findings.error(['mounts', index, 'type'], 'only proc, or a bind mount of one, can be mounted on /proc');
  } else if (destination.startsWith('/proc/') && !PROC_FILES.includes(destination)) {
    findings.error(['mounts', index, 'destination'], 'nothing can be mounted there: it is inside of /proc');
  }
}

/** config.md, "POSIX-platform Mounts" and the options `idmap` and `ridmap`. */
export function idmapIsComplete(
  mount: Mount,
  index: number,
  findings: Findings,
  { linux }: Pick<Config, 'linux'>,
): void {
  const { uidMappings = [], gidMappings = [], options = [] } = mount;
  const option = options.indexOf('idmap') === -1 ? options.indexOf('ridmap') : options.indexOf('idmap');
  const isMapped = uidMappings.length > 0 || gidMappings.length > 0;
  if (!isMapped && option === -1) return;
  const at = ['mounts', index];
  if (uidMappings.length > 0 !== gidMappings.length > 0) {
    const missing = uidMappings.length > 0 ? 'gidMappings' : 'uidMappings';
    findings.errorAt([...at, missing], 'missing: a mount needs mappings of both users and groups');
  }
  if (!isMapped && namespaceOf(linux, 'user') === undefined) {
    findings.error([...at, 'options', option], 'there are no mappings: neither of the mount nor a user namespace');
  }
  if (!isBindMount(mount)) findings.errorAt(at, 'only a bind mount can have mapped ids');
  checkIdMappings(uidMappings, findings, [...at, 'uidMappings']);
  checkIdMappings(gidMappings, findings, [...at, 'gidMappings']);
}

/**
 * Without a mount namespace the mounts are made in that of the caller, where others see them: rarely what was meant. A user
 * namespace of the container's has no right to that.
 */
export function mountsNeedNamespace({ mounts = [], linux, root }: Config, findings: Findings): void {
  if (namespaceOf(linux, 'mount') !== undefined) return;
  const hint = 'add {"type": "mount"} to linux.namespaces';
  const report = (path: readonly string[]): void => {
    if (namespaceOf(linux, 'user') !== undefined) findings.errorAt(path, 'needs a mount namespace', hint);
    else findings.warningAt(path, 'done in the mount namespace of the caller, as the container has none', hint);
  };
  if (mounts.length > 0) report(['mounts']);
  if (root.readonly === true) report(['root', 'readonly']);
  for (const property of ['maskedPaths', 'readonlyPaths', 'rootfsPropagation'] as const) {
    const value = linux?.[property];
    if (value !== undefined && value.length > 0) report(['linux', property]);
  }
}
