import type { Config, Mount } from '../config.ts';
import type { Findings } from '../finding.ts';
import { mountOption } from '../tables.ts';
import { checkIdMappings } from './mappings.ts';
import { checkPathLength, cleanPath } from './text.ts';

/** config.md, "Mounts": a mount is a bind mount by its options; peers take the type for it too. */
export function isBindMount({ type, options }: Mount): boolean {
  return type === 'bind' || (options?.some((option) => option === 'bind' || option === 'rbind') ?? false);
}

/** config.md, "Mounts": the destination. */
export function destinationsAreUsable({ mounts }: Config, findings: Findings): void {
  mounts?.forEach(({ destination }, index) => {
    const at = ['mounts', index, 'destination'];
    if (destination === '') findings.error(at, 'empty, expected an absolute path');
    else if (cleanPath(destination) === '/') {
      findings.error(at, "a mount cannot replace the container's root", 'set root.path instead');
    } else if (checkPathLength(destination, findings, at) && !destination.startsWith('/')) {
      findings.warning(at, 'a relative path is deprecated, taken as relative to /');
    }
  });
}

/** mount(2) wants a type for a new file system and a source for a bind mount. */
export function mountsAreComplete({ mounts }: Config, findings: Findings): void {
  mounts?.forEach((mount, index) => {
    const at = ['mounts', index];
    if (isBindMount(mount)) {
      if (mount.source === undefined || mount.source === '') {
        findings.errorAt([...at, 'source'], 'missing, but a bind mount needs one');
      } else checkPathLength(mount.source, findings, [...at, 'source']);
    } else if ((mount.type === undefined || mount.type === '') && mount.options?.includes('remount') !== true) {
      findings.errorAt([...at, 'type'], 'missing, but a mount that is not a bind mount needs one');
    }
  });
}

/** A bind mount has no file system of its own that could take an option. */
export function bindMountsHaveNoData({ mounts }: Config, findings: Findings): void {
  mounts?.forEach((mount, index) => {
    if (!isBindMount(mount)) return;
    mount.options?.forEach((option, position) => {
      if (mountOption(option) !== undefined) return;
      findings.error(['mounts', index, 'options', position], 'not an option of a bind mount');
    });
  });
}

/** What may be mounted over inside of /proc: files that containers are given a view of their own of (as lxcfs does). */
const PROC_FILES: ReadonlySet<string> = new Set([
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
]);

/** A forged /proc would let the container lie to the runtime, which writes security settings there. */
export function procIsNotCovered({ mounts }: Config, findings: Findings): void {
  mounts?.forEach((mount, index) => {
    const destination = cleanPath(mount.destination);
    if (destination === '/proc' && mount.type !== 'proc' && !isBindMount(mount)) {
      findings.error(['mounts', index, 'type'], 'only proc, or a bind mount of one, can be mounted on /proc');
    } else if (destination.startsWith('/proc/') && !PROC_FILES.has(destination)) {
      findings.error(['mounts', index, 'destination'], 'nothing can be mounted there: it is inside of /proc');
    }
  });
}

/** Without a mount namespace the mounts would be made on the host. */
export function mountsNeedNamespace({ mounts, linux, root }: Config, findings: Findings): void {
  if (linux?.namespaces?.some(({ type }) => type === 'mount') === true) return;
  const hint = 'add {"type": "mount"} to linux.namespaces';
  const problem = 'needs a mount namespace';
  if (mounts !== undefined && mounts.length > 0) findings.errorAt(['mounts'], problem, hint);
  if (root.readonly === true) findings.errorAt(['root', 'readonly'], problem, hint);
  for (const property of ['maskedPaths', 'readonlyPaths', 'rootfsPropagation'] as const) {
    const value = linux?.[property];
    if (value !== undefined && value.length > 0) findings.errorAt(['linux', property], problem, hint);
  }
}

/** config.md, "POSIX-platform Mounts" and the options `idmap` and `ridmap`. */
export function idmapsAreComplete({ mounts, linux }: Config, findings: Findings): void {
  const hasUserNamespace = linux?.namespaces?.some(({ type }) => type === 'user') ?? false;
  mounts?.forEach((mount, index) => {
    const at = ['mounts', index];
    const { uidMappings = [], gidMappings = [], options = [] } = mount;
    const option = options.findIndex((name) => mountOption(name)?.kind === 'idmap');
    const isMapped = uidMappings.length > 0 || gidMappings.length > 0;
    if (!isMapped && option === -1) return;
    if (uidMappings.length > 0 !== gidMappings.length > 0) {
      const missing = uidMappings.length > 0 ? 'gidMappings' : 'uidMappings';
      findings.errorAt([...at, missing], 'missing: a mount needs mappings of both users and groups');
    }
    if (!isMapped && !hasUserNamespace) {
      findings.error([...at, 'options', option], 'there are no mappings: neither of the mount nor a user namespace');
    }
    if (!isBindMount(mount)) findings.errorAt(at, 'only a bind mount can have mapped ids');
    checkIdMappings(uidMappings, findings, [...at, 'uidMappings']);
    checkIdMappings(gidMappings, findings, [...at, 'gidMappings']);
  });
}
