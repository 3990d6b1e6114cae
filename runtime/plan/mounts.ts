/** The mounts of config.json as operations. config.md "Mounts", config-linux.md "Mount Options". */
import type { IdMapping, Mount } from '../../spec/config.ts';
import { MOUNT_ATTR, type MountOption, mountOption } from '../../spec/tables.ts';
import { MS } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { MOUNT_FLAG, type Operation } from '../generated/wire.ts';
import { found, hasAny, selected } from '../lists.ts';
import { quote } from '../text.ts';
import type { MountLabel } from './annotations.ts';
import { normalize, resolve } from './path.ts';
import { planSourceMap } from './source-map.ts';
import type { HostSource, SourceMap, Step } from './types.ts';
import { isMapped } from './user.ts';

/** What mounts depend on beside themselves. */
export interface MountContext {
  /** Absolute path of the bundle: relative sources of bind mounts are below it. */
  bundle: string;
  /** Whether the host opens sources for init, which cannot reach all of them as another user. */
  byHost: boolean;
  /** Whether they are made in a mount namespace that is another's, where those that are there stay as they are. */
  inForeign: boolean;
  /** Whether the caller may map the ids of mounts. */
  mapsIds: boolean;
  /** The groups that the container's user namespace maps; undefined where all are, or nobody knows. */
  groups: readonly IdMapping[] | undefined;
  /** Sentences about what has no effect are added here. */
  warnings: string[];
  /** Propagation of trees that the host opens: they come from its own peer groups. */
  defaultPropagation: number;
  /** Whether a new file system of this type can be mounted; where not, the host's is bound instead. */
  canMount(type: string): boolean;
  /** The host directory of the container's cgroup, or undefined where there is none. */
  cgroupDirectory: string | undefined;
  /** Whether the container sees its cgroup as the root, having a cgroup namespace of its own. */
  ownCgroupNamespace: boolean;
  mountLabel: MountLabel | undefined;
  sources: HostSource[];
}

/**
 * Of an overlay: the directories of its source, and its empty files or all that can be read, are made again at the destination first, as
 * the own ones of whoever mounts it. Names that begin with `x-` are for programs, and no file system gets them: mount(8).
 */
const adoptions: ReadonlyMap<string, number> = new Map([
  ['x-tsrun.adopt', MOUNT_FLAG.ADOPT],
  ['x-tsrun.adopt=files', MOUNT_FLAG.ADOPT_FILES],
]);

/** Of an overlay: it is left out where its source is missing by now. */
const NOFAIL = 'x-tsrun.nofail';

/** The options of one mount, sorted by what they do. */
interface Options {
  set: number;
  clear: number;
  recursiveSet: number;
  recursiveClear: number;
  propagation: number;
  propagationRecursive: boolean;
  bind: 'no' | 'one' | 'tree';
  idMap: 'no' | 'one' | 'tree';
  remount: boolean;
  copyUp: boolean;
  /** A flag of the operation. */
  adopt: number;
  nofail: boolean;
  /** MS_* bits, for mount(2). */
  mountFlags: number;
  /** Parameters for fsconfig(2): flags of the superblock and what the file system itself understands. */
  parameters: string[];
  /** The latter alone. */
  data: string[];
  readWrite: boolean;
}

/** The MS_* bits that say the same as MOUNT_ATTR_* bits. */
function mountFlagsOf(attributes: number): number {
  let flags = 0;
  if (attributes & MOUNT_ATTR.RDONLY) flags |= MS.RDONLY;
  if (attributes & MOUNT_ATTR.NOSUID) flags |= MS.NOSUID;
  if (attributes & MOUNT_ATTR.NODEV) flags |= MS.NODEV;
  if (attributes & MOUNT_ATTR.NOEXEC) flags |= MS.NOEXEC;
  if (attributes & MOUNT_ATTR.NODIRATIME) flags |= MS.NODIRATIME;
  if (attributes & MOUNT_ATTR.NOSYMFOLLOW) flags |= MS.NOSYMFOLLOW;
  const atime = attributes & MOUNT_ATTR.ATIME;
  if (atime === MOUNT_ATTR.NOATIME) flags |= MS.NOATIME;
  else if (atime === MOUNT_ATTR.STRICTATIME) flags |= MS.STRICTATIME;
  else flags |= MS.RELATIME;
  return flags;
}

function withoutRo(parameters: readonly string[]): string[] {
  return selected(parameters, (parameter) => parameter !== 'ro');
}

function applyOption(options: Options, option: MountOption): void {
  switch (option.kind) {
    case 'attribute':
      // The later option wins: what it sets is no longer cleared, and the other way round.
      if (option.recursive) {
        options.recursiveSet = (options.recursiveSet & ~option.clear) | option.set;
        options.recursiveClear = (options.recursiveClear & ~option.set) | option.clear;
      } else {
        options.set = (options.set & ~option.clear) | option.set;
        options.clear = (options.clear & ~option.set) | option.clear;
      }
      if (option.superblock?.parameter === 'ro' || option.superblock?.parameter === 'rw') {
        options.readWrite = !option.superblock.value;
        options.parameters = withoutRo(options.parameters);
        if (option.superblock.value) options.parameters.push('ro');
      }
      break;
    case 'superblock':
      options.mountFlags = option.value ? options.mountFlags | option.msFlag : options.mountFlags & ~option.msFlag;
      if (option.parameter !== undefined) options.parameters.push(option.parameter);
      break;
    case 'propagation':
      options.propagation = option.flags;
      options.propagationRecursive = option.recursive;
      break;
    case 'bind':
      options.bind = option.recursive ? 'tree' : 'one';
      break;
    case 'remount':
      options.remount = true;
      break;
    case 'tmpcopyup':
      options.copyUp = true;
      break;
    case 'idmap':
      options.idMap = option.recursive ? 'tree' : 'one';
      break;
    case 'ignored':
      break;
  }
}

function sortOptions(mount: Mount): Options {
  const options: Options = {
    set: 0,
    clear: 0,
    recursiveSet: 0,
    recursiveClear: 0,
    propagation: 0,
    propagationRecursive: false,
    bind: mount.type === 'bind' ? 'one' : 'no',
    idMap: 'no',
    remount: false,
    copyUp: false,
    adopt: 0,
    nofail: false,
    mountFlags: 0,
    parameters: [],
    data: [],
    readWrite: false,
  };
  for (const text of mount.options ?? []) {
    const option = mountOption(text);
    const adoption = adoptions.get(text);
    if (option) applyOption(options, option);
    else if (adoption !== undefined) options.adopt = adoption;
    else if (text === NOFAIL) options.nofail = true;
    else if (text !== '') {
      options.parameters.push(text);
      options.data.push(text);
    }
  }
  return options;
}

interface Attributes {
  attributesSet?: number;
  attributesClear?: number;
  recursiveSet?: number;
  recursiveClear?: number;
  propagation?: number;
  propagationRecursive?: number;
}

/** Leaves zero and empty fields out, so that a plan shows what matters. */
function attributes(options: Options): Attributes {
  const fields: Attributes = {};
  if (options.set !== 0) fields.attributesSet = options.set;
  if (options.clear !== 0) fields.attributesClear = options.clear;
  if (options.recursiveSet !== 0) fields.recursiveSet = options.recursiveSet;
  if (options.recursiveClear !== 0) fields.recursiveClear = options.recursiveClear;
  if (options.propagation !== 0) fields.propagation = options.propagation;
  if (options.propagationRecursive) fields.propagationRecursive = 1;
  return fields;
}

function bindStep(
  source: string,
  target: string,
  options: Options,
  flags: number,
  from: string,
  context: MountContext,
  idMap?: SourceMap,
): Step {
  const recursive = options.bind === 'tree';
  let fd = -1;
  // Ids are mapped by whoever has the privilege over the source's file system, which init in a user namespace has not.
  if (context.byHost || idMap) {
    fd = context.sources.length;
    context.sources.push({ path: source, recursive, from, ...(idMap ? { idMap } : {}) });
  }
  // A peer of the host's own mounts would show there what is mounted on it.
  if ((fd >= 0 || context.inForeign) && options.propagation === 0) {
    options.propagation = context.defaultPropagation;
    options.propagationRecursive = true;
  }
  return {
    operation: {
      op: 'bind',
      source,
      target,
      fd,
      ...attributes(options),
      ...flagsField(flags | procFlags(target) | (recursive ? MOUNT_FLAG.RECURSIVE : 0)),
    },
    from,
  };
}

/** Targets in procfs only where the path itself says so; on /proc only what is one. */
function procFlags(target: string): number {
  if (target.startsWith('/proc/')) return MOUNT_FLAG.IN_PROC;
  return target === '/proc' ? MOUNT_FLAG.IN_PROC | MOUNT_FLAG.PROC_SOURCE : 0;
}

function flagsField(flags: number): { flags?: number } {
  return flags === 0 ? {} : { flags };
}

/** File systems that SELinux labels by itself, or not at all, so that they take no `context`. */
const labelsItself: ReadonlySet<string> = new Set(['proc', 'sysfs', 'mqueue', 'cgroup2']);

/** config-linux.md, "Mount Label" */
function addLabel(options: Options, type: string, mountLabel: MountLabel | undefined): void {
  if (mountLabel === undefined || labelsItself.has(type)) return;
  const { option, label } = mountLabel;
  options.parameters.push(`${option}=${label}`);
  // mount(2) takes one text, in which a comma ends an option unless there are quotes around it.
  options.data.push(`${option}="${label}"`);
}

// fsconfig(2) takes values of up to 255 bytes.
const maxParameter = 255;

/** mount(2) is the way for what fsconfig(2) cannot express. */
function needsOldMount(options: Options): boolean {
  return (options.mountFlags & MS.I_VERSION) !== 0 || hasAny(options.parameters, (text) => text.length > maxParameter);
}

function fileSystemStep(
  mount: Mount,
  type: string,
  target: string,
  options: Options,
  from: string,
  context: MountContext,
): Step {
  addLabel(options, type, context.mountLabel);
  // A link in place of /proc or /sys would lead everything that is written there later somewhere else.
  const strict = type === 'proc' || type === 'sysfs' ? MOUNT_FLAG.NO_SYMLINKS : 0;
  const inProc = target === '/proc' || target.startsWith('/proc/') ? MOUNT_FLAG.IN_PROC : 0;
  // As runc and crun do: what an image has made of /tmp or /run stays so, unless the configuration says otherwise.
  const hasMode = type !== 'tmpfs' || hasAny(options.parameters, (text) => text.startsWith('mode='));
  const preparing = (options.copyUp ? MOUNT_FLAG.COPY_UP : 0) | (hasMode ? 0 : MOUNT_FLAG.MODE_BELOW) | options.adopt;
  const flags = strict | inProc | preparing | (options.nofail ? MOUNT_FLAG.OPTIONAL : 0);
  const source = mount.source === undefined || mount.source === '' ? type : mount.source;
  if (options.copyUp && type !== 'tmpfs')
    throw new TsrunError('config-invalid', `${from}.options: tmpcopyup goes with type tmpfs, not with ${quote(type)}`);
  if ((options.adopt !== 0 || options.nofail) && type !== 'overlay')
    throw new TsrunError(
      'config-invalid',
      `${from}.options: ${options.nofail ? NOFAIL : 'x-tsrun.adopt'} goes with type overlay, not with ${quote(type)}`,
    );
  // The copy needs a writable file system; the mount becomes read-only after it.
  if (options.copyUp) options.parameters = withoutRo(options.parameters);
  if (!needsOldMount(options)) {
    const operation: Operation = {
      op: 'mount',
      type,
      source,
      target,
      ...attributes(options),
      ...flagsField(flags),
      options: options.parameters,
    };
    return { operation, from };
  }
  if (options.copyUp)
    throw new TsrunError('unsupported', `${from}.options: tmpcopyup does not go with iversion or an option this long`);
  if (target === '/')
    throw new TsrunError(
      'unsupported',
      `${from}.options: a mount on / does not go with iversion or an option this long`,
    );
  const { attributesSet: _set, attributesClear: _clear, ...rest } = attributes(options);
  return {
    operation: {
      op: 'mountOld',
      type,
      source,
      target,
      ...(options.data.length > 0 ? { data: options.data.join(',') } : {}),
      mountFlags: options.mountFlags | mountFlagsOf(options.set),
      ...rest,
      ...flagsField(flags),
    },
    from,
  };
}

/** The host directory that stands in where the kernel refuses a new file system of a type in a user namespace. */
const stands: ReadonlyMap<string, string> = new Map([
  ['proc', '/proc'],
  ['sysfs', '/sys'],
  ['mqueue', '/dev/mqueue'],
]);

const RESTRICTIONS = MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;

/** A new file system has no mounts below it: what was asked of it must hold for those of the host's tree, its cgroups among them. */
function restrictTree(options: Options): void {
  options.recursiveSet |= options.set & RESTRICTIONS & ~options.recursiveClear;
}

function cgroupStep(mount: Mount, target: string, options: Options, from: string, context: MountContext): Step {
  if (!options.readWrite) options.set |= MOUNT_ATTR.RDONLY; // read-only unless asked: it is the host's tree
  options.parameters = [];
  if (context.cgroupDirectory === undefined)
    throw new TsrunError('host-unsupported', `${from}: there is no cgroup v2 hierarchy for this container to show`);
  if (context.ownCgroupNamespace)
    return fileSystemStep({ ...mount, source: 'cgroup' }, 'cgroup2', target, options, from, context);
  return bindStep(context.cgroupDirectory, target, options, 0, from, context);
}

/** The operation for `mounts[index]`. */
export function planMount(mount: Mount, index: number, context: MountContext): Step {
  const from = `mounts[${index}]`;
  const target = normalize(mount.destination);
  const options = sortOptions(mount);
  if (options.remount) return { operation: { op: 'remount', target, ...remountFields(options) }, from };
  if (options.bind !== 'no') {
    const source = resolve(context.bundle, mount.source ?? '');
    const idMap = planSourceMap(mount, options.idMap, from, context.mapsIds);
    return bindStep(source, target, options, 0, from, context, idMap);
  }
  const type = mount.type ?? '';
  if (type === '' || type === 'none')
    throw new TsrunError('config-invalid', `${from}.type: a mount needs a type, or the option bind or rbind`);
  if (type === 'cgroup' || type === 'cgroup2') return cgroupStep(mount, target, options, from, context);
  if (!context.canMount(type)) {
    const source = stands.get(type) ?? '/';
    options.bind = 'tree';
    restrictTree(options);
    return bindStep(source, target, options, MOUNT_FLAG.NO_SYMLINKS, from, context);
  }
  if (type === 'devpts') dropUnmappedGroup(options, from, context);
  return fileSystemStep(mount, type, target, options, from, context);
}

/** The kernel refuses a devpts with a group that is not mapped, and nearly every configuration gives it group 5. */
function dropUnmappedGroup(options: Options, from: string, { groups, warnings }: MountContext): void {
  if (!groups) return;
  const isUnmapped = (text: string): boolean => text.startsWith('gid=') && !isMapped(groups, Number(text.slice(4)));
  const unmapped = found(options.parameters, isUnmapped);
  if (unmapped === undefined) return;
  options.parameters = selected(options.parameters, (text) => !isUnmapped(text));
  options.data = selected(options.data, (text) => !isUnmapped(text));
  warnings.push(
    `${from}.options: ${unmapped} is left away, for the user namespace does not map that group: terminals belong to the group of their maker`,
  );
}

function remountFields(options: Options): object {
  const { propagation: _p, propagationRecursive: _r, ...rest } = attributes(options);
  return rest;
}

/** Whether `mounts` bring a /dev of their own that must be taken as it is. */
export function bindsDev(mounts: readonly Mount[]): boolean {
  return hasAny(
    mounts,
    ({ destination, type, options = [] }) =>
      normalize(destination) === '/dev' && (type === 'bind' || options.includes('bind') || options.includes('rbind')),
  );
}
