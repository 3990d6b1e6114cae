/** What `explain` adds to the description of an operation: everything that it is done with. */
import { SECCOMP_FLAGS } from '../../spec/seccomp.ts';
import { MOUNT_ATTR } from '../../spec/tables.ts';
import { MS } from '../constants.ts';
import { capabilityNames, limitValue, octal, propagationName, rlimitName } from '../describe.ts';
import { MOUNT_FLAG, type Operation } from '../generated/wire.ts';
import type { HostLimit } from '../plan/types.ts';
import { flagNumber } from '../seccomp/numbers.ts';
import { show } from '../text.ts';

type Integer = number | bigint;

/** A bit of mount_setattr(2), the same bit of mount(2), and the options that set and clear it. */
const attributes: readonly (readonly [attribute: number, flag: number, set: string, clear: string])[] = [
  [MOUNT_ATTR.RDONLY, MS.RDONLY, 'ro', 'rw'],
  [MOUNT_ATTR.NOSUID, MS.NOSUID, 'nosuid', 'suid'],
  [MOUNT_ATTR.NODEV, MS.NODEV, 'nodev', 'dev'],
  [MOUNT_ATTR.NOEXEC, MS.NOEXEC, 'noexec', 'exec'],
  [MOUNT_ATTR.NODIRATIME, MS.NODIRATIME, 'nodiratime', 'diratime'],
  [MOUNT_ATTR.NOSYMFOLLOW, MS.NOSYMFOLLOW, 'nosymfollow', 'symfollow'],
];

function accessTime(attribute: number): string {
  if (attribute === MOUNT_ATTR.NOATIME) return 'noatime';
  return attribute === MOUNT_ATTR.STRICTATIME ? 'strictatime' : 'relatime';
}

/** The options that MOUNT_ATTR_* bits to set and to clear stand for. */
function attributeOptions(set: Integer = 0, clear: Integer = 0, prefix = ''): string[] {
  const [on, off] = [Number(set), Number(clear)];
  const options = attributes.flatMap(([bit, , setting, clearing]) => {
    if (on & bit) return [setting];
    return off & bit ? [clearing] : [];
  });
  if ((on | off) & MOUNT_ATTR.ATIME) options.push(accessTime(on & MOUNT_ATTR.ATIME));
  return options.map((option) => prefix + option);
}

/** The options that MS_* bits stand for. */
function flagOptions(flags: Integer): string[] {
  const bits = Number(flags);
  const options = attributes.flatMap(([, flag, setting]) => (bits & flag ? [setting] : []));
  if (bits & MS.NOATIME) options.push('noatime');
  if (bits & MS.STRICTATIME) options.push('strictatime');
  if (bits & MS.I_VERSION) options.push('iversion');
  return options;
}

interface MountFields {
  attributesSet?: Integer | undefined;
  attributesClear?: Integer | undefined;
  recursiveSet?: Integer | undefined;
  recursiveClear?: Integer | undefined;
  propagation?: Integer | undefined;
  propagationRecursive?: Integer | undefined;
  flags?: Integer | undefined;
}

function mountDetails(fields: MountFields): string[] {
  const flags = Number(fields.flags ?? 0);
  const propagation = Number(fields.propagation ?? 0);
  const recursive = Number(fields.propagationRecursive ?? 0) !== 0;
  return [
    ...attributeOptions(fields.attributesSet, fields.attributesClear),
    ...attributeOptions(fields.recursiveSet, fields.recursiveClear, 'r'),
    ...(propagation === 0 ? [] : [`${recursive ? 'r' : ''}${propagationName(propagation)}`]),
    ...(flags & MOUNT_FLAG.RECURSIVE ? ['with the mounts below it'] : []),
    ...(flags & MOUNT_FLAG.COPY_UP ? ['keeping what is there'] : []),
    ...(flags & MOUNT_FLAG.MODE_BELOW ? ['with the mode of what is there'] : []),
    ...(flags & MOUNT_FLAG.OPTIONAL ? ['if it exists'] : []),
    ...(flags & MOUNT_FLAG.NO_SYMLINKS ? ['not through a symbolic link'] : []),
  ];
}

/** ` from <source>` where a source says more than the type. */
function sourceDetail(source: string | undefined, type: string): string[] {
  return source === undefined || source === type || source === 'none' ? [] : [`of ${show(source)}`];
}

function words(list: readonly string[]): string {
  return list.map(show).join(' ');
}

/** A resource limit in words. */
export function limitDetail({ resource, soft, hard }: Pick<HostLimit, 'resource' | 'soft' | 'hard'>): string {
  return `${rlimitName(resource)} ${limitValue(soft)}/${limitValue(hard)}`;
}

function sized(count: number, one: string, many: string): string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
}

/** What `operation` is done with, beyond its description. */
export function operationDetails(operation: Operation): string[] {
  // `ro` is said twice where the file system and the mount both get it.
  return [...new Set(detailsOf(operation))];
}

function detailsOf(operation: Operation): string[] {
  switch (operation.op) {
    case 'mount':
      return [
        ...sourceDetail(operation.source, operation.type),
        ...operation.options.map(show),
        ...mountDetails(operation),
      ];
    case 'mountOld':
      return [
        ...sourceDetail(operation.source, operation.type),
        ...(operation.data === undefined ? [] : [show(operation.data)]),
        ...flagOptions(operation.mountFlags),
        ...mountDetails(operation),
      ];
    case 'bind':
      return [...mountDetails(operation), ...(Number(operation.fd) >= 0 ? ['opened by the host'] : [])];
    case 'remount':
      return mountDetails(operation);
    case 'rootfs':
      return [
        ...(Number(operation.fd) >= 0 ? ['opened by the host'] : []),
        ...(operation.detachParents ? ['the mounts above it become private'] : []),
      ];
    case 'propagation':
      return Number(operation.flags) & MS.REC ? ['and those below'] : [];
    case 'rootPropagation':
      return operation.recursive ? ['and those below'] : [];
    case 'device':
      return [`mode ${octal(operation.mode)}`, `owner ${operation.uid}:${operation.gid}`];
    case 'symlink':
      return operation.replace ? ['in place of what is there'] : [];
    case 'console':
      return [
        `owner ${operation.uid}`,
        ...(operation.rows || operation.columns ? [`${operation.columns ?? 0}×${operation.rows ?? 0} characters`] : []),
      ];
    case 'hook':
      return [
        ...sized(operation.args.length, 'argument', 'arguments'),
        ...sized(operation.env.length, 'variable', 'variables'),
        ...(Number(operation.timeoutMs) > 0 ? [`at most ${Number(operation.timeoutMs) / 1000} s`] : []),
      ];
    case 'args':
      return [words(operation.args)];
    case 'env':
      return operation.env.length === 0 ? [] : [words(operation.env)];
    case 'bounding':
    case 'ambient':
      return [capabilityNames(operation.capabilities)];
    case 'capabilities': {
      const sets = [operation.effective, operation.permitted, operation.inheritable].map(capabilityNames);
      return [`effective: ${sets[0]}`, `permitted: ${sets[1]}`, `inheritable: ${sets[2]}`];
    }
    case 'lastCapabilities':
      return [`permitted: ${capabilityNames(operation.permitted)}`];
    case 'seccomp':
      return [
        `${operation.program.length / 2} instructions`,
        ...SECCOMP_FLAGS.filter((flag) => Number(operation.flags) & flagNumber(flag)),
      ];
    default:
      return [];
  }
}
