/**
 * Profiles as podman and Docker keep them (`/usr/share/containers/seccomp.json`): `linux.seccomp` with entries that hold for some
 * capabilities, architectures and kernels only, and with a table of architectures that belong together. Pure.
 */
import type { Seccomp, SeccompAction, SeccompArg, SeccompFlag, SeccompSyscalls } from '../../spec/config.ts';

/** What decides which entries of such a profile hold. */
export interface EngineFacts {
  /** `CAP_…` of the container. */
  readonly capabilities: readonly string[];
  /** SCMP_ARCH_* of the machine. */
  readonly architecture: string;
  /** Version of the kernel: major and minor. */
  readonly kernel: readonly [number, number];
}

/** When an entry holds, or does not. */
interface Filter {
  readonly arches?: readonly string[] | null;
  readonly caps?: readonly string[] | null;
  readonly minKernel?: string | null;
}

interface EngineSyscalls {
  readonly names?: readonly string[] | null;
  readonly name?: string;
  readonly action: SeccompAction;
  readonly errnoRet?: number | null;
  readonly args?: readonly SeccompArg[] | null;
  readonly includes?: Filter | null;
  readonly excludes?: Filter | null;
}

/** A profile of an engine; one of the specification is one, too. */
export interface EngineProfile {
  readonly defaultAction: SeccompAction;
  readonly defaultErrnoRet?: number | null;
  readonly architectures?: readonly string[] | null;
  readonly archMap?:
    | readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | null }[]
    | null;
  readonly flags?: readonly SeccompFlag[] | null;
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly EngineSyscalls[] | null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAbsentOr(value: unknown, fits: (value: unknown) => boolean): boolean {
  return value === undefined || value === null || fits(value);
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isListOf =
  (fits: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(fits);
const isTexts = isListOf(isText);

function isFilter(value: unknown): boolean {
  return (
    isRecord(value) &&
    isAbsentOr(value.arches, isTexts) &&
    isAbsentOr(value.caps, isTexts) &&
    isAbsentOr(value.minKernel, isText)
  );
}

/**
 * The property by which a value is no profile of an engine; undefined where it is one. What such a profile has in common with the
 * specification's is left to the validation of that.
 */
export function engineFault(value: Readonly<Record<string, unknown>>): string | undefined {
  if (!isAbsentOr(value.architectures, isTexts)) return 'architectures';
  const isFamily = (entry: unknown): boolean =>
    isRecord(entry) && isText(entry.architecture) && isAbsentOr(entry.subArchitectures, isTexts);
  if (!isAbsentOr(value.archMap, isListOf(isFamily))) return 'archMap';
  if (!isAbsentOr(value.syscalls, isListOf(isRecord))) return 'syscalls';
  for (const [index, entry] of ((value.syscalls ?? []) as Readonly<Record<string, unknown>>[]).entries())
    for (const [name, fits] of [
      ['names', isTexts],
      ['name', isText],
      ['args', isListOf(isRecord)],
      ['includes', isFilter],
      ['excludes', isFilter],
    ] as const)
      if (!isAbsentOr(entry[name], fits)) return `syscalls[${index}].${name}`;
  return undefined;
}

/** The names that engines, written in Go, have for architectures. */
const GO_NAMES: ReadonlyMap<string, string> = new Map([
  ['SCMP_ARCH_X86_64', 'amd64'],
  ['SCMP_ARCH_AARCH64', 'arm64'],
]);

function isAtLeast(kernel: EngineFacts['kernel'], version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return kernel[0] > major || (kernel[0] === major && kernel[1] >= minor);
}

function holds({ includes, excludes }: EngineSyscalls, { capabilities, architecture, kernel }: EngineFacts): boolean {
  const arch = GO_NAMES.get(architecture) ?? '';
  const excluded =
    excludes?.arches?.includes(arch) ||
    excludes?.caps?.some((name) => capabilities.includes(name)) ||
    (excludes?.minKernel ? isAtLeast(kernel, excludes.minKernel) : false);
  const arches = includes?.arches ?? [];
  const included =
    (arches.length === 0 || arches.includes(arch)) &&
    (includes?.caps ?? []).every((name) => capabilities.includes(name)) &&
    (includes?.minKernel ? isAtLeast(kernel, includes.minKernel) : true);
  return included && !excluded;
}

/** Without what is absent: Go writes null for that. What is missing then is for the validation to say. */
function present(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, inside]) => inside !== undefined && inside !== null));
}

function entryOf({ names, name, action, errnoRet, args }: EngineSyscalls): SeccompSyscalls {
  const all = [...(name === undefined ? [] : [name]), ...(names ?? [])];
  return present({ names: all, action, errnoRet, args: args?.length ? args : undefined }) as SeccompSyscalls;
}

function architecturesOf({ architectures, archMap }: EngineProfile, native: string): string[] {
  if (architectures && architectures.length > 0) return [...architectures];
  const entry = archMap?.find(({ architecture }) => architecture === native);
  return entry ? [entry.architecture, ...(entry.subArchitectures ?? [])] : [];
}

/** What an engine makes of its profile for one container. */
export interface ContainerProfile {
  readonly seccomp: Seccomp;
  /** For each entry of `seccomp.syscalls`, its index in the engine's profile. */
  readonly entries: readonly number[];
}

/** `linux.seccomp` as an engine makes it of its profile for one container. */
export function seccompOf(profile: EngineProfile, facts: EngineFacts): ContainerProfile {
  const { defaultAction, defaultErrnoRet, flags, listenerPath, listenerMetadata, syscalls } = profile;
  const architectures = architecturesOf(profile, facts.architecture);
  const kept = [...(syscalls ?? []).entries()].filter(([, entry]) => holds(entry, facts));
  const seccomp = present({
    defaultAction,
    defaultErrnoRet,
    architectures: architectures.length > 0 ? architectures : undefined,
    flags: flags?.length ? flags : undefined,
    listenerPath,
    listenerMetadata,
    syscalls: kept.map(([, entry]) => entryOf(entry)),
  }) as Seccomp;
  return { seccomp, entries: kept.map(([index]) => index) };
}
