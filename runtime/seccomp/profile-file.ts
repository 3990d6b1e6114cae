/** Seccomp profiles as files. */
import { defaultConfig } from '../../spec/default-config.ts';
import { ConfigError, wordFinding } from '../../spec/diagnostic.ts';
import { decodeText } from '../../spec/json/text.ts';
import { loadConfig, loadJson } from '../../spec/load.ts';
import { CONFIG, validate } from '../../spec/validate.ts';
import { addon } from '../addon.ts';
import { configError, readConfigFile } from '../bundle.ts';
import { TsrunError } from '../errors.ts';
import { type ContainerProfile, type EngineProfile, engineFault, seccompOf } from './engine-profile.ts';

/** This machine's architecture as profiles have it. */
export const NATIVE_NAME = process.arch === 'arm64' ? 'SCMP_ARCH_AARCH64' : 'SCMP_ARCH_X86_64';

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kernelVersion(): [number, number] {
  const text = addon.readFile('/proc/sys/kernel/osrelease', 4096);
  const [, major, minor] = (typeof text === 'number' ? '' : decodeText(text)).match(/^(\d+)\.(\d+)/) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0)];
}

/** What a profile of an engine is for a container with these capabilities, on this machine. */
export function forContainer(profile: EngineProfile, capabilities: readonly string[]): ContainerProfile {
  return seccompOf(profile, { capabilities, architecture: NATIVE_NAME, kernel: kernelVersion() });
}

/**
 * The profile of a file, whichever of the three kinds it is: config.json, `linux.seccomp` alone, or a profile of podman or Docker.
 *
 * @param file An absolute path.
 * @param capabilities `CAP_…` of the container that it is for.
 * @throws {TsrunError} `config-syntax`, `config-invalid`
 */
export function readProfile(file: string, capabilities: readonly string[]): ContainerProfile {
  const bytes = readConfigFile(file);
  try {
    const document = loadJson(bytes, file);
    const { value } = document;
    if (!isRecord(value)) throw new TsrunError('config-invalid', `${file}: expected an object`);
    if ('ociVersion' in value || 'linux' in value) return configProfile(bytes, file);
    const fault = engineFault(value);
    if (fault !== undefined) throw new TsrunError('config-invalid', `${file}: ${fault}: not as in a seccomp profile`);
    const made = forContainer(value as unknown as EngineProfile, capabilities);
    checkProfile(made, file, document);
    return made;
  } catch (error) {
    throw error instanceof ConfigError ? configError(error) : error;
  }
}

function configProfile(bytes: Uint8Array, file: string): ContainerProfile {
  const seccomp = loadConfig(bytes, file).config.linux?.seccomp;
  if (seccomp) return { seccomp, entries: (seccomp.syscalls ?? []).map((_, index) => index) };
  throw new TsrunError('config-invalid', `${file}: linux.seccomp: missing: every system call is allowed`);
}

/** By the rules for config.json, of which it would become a part; what they find is worded by its place in the file. */
function checkProfile(
  { seccomp, entries }: ContainerProfile,
  file: string,
  { text, value }: { text: string; value: unknown },
): void {
  const listener = seccomp.listenerPath ?? '/';
  const base = defaultConfig();
  const config = { ...base, linux: { ...base.linux, seccomp: { ...seccomp, listenerPath: listener } } };
  const [finding] = validate(CONFIG, config).errors;
  if (!finding) return;
  const [, , ...path] = finding.path;
  const [section, index] = path;
  if (section === 'syscalls' && typeof index === 'number') path[1] = entries[index] ?? index;
  // The first alone: `validate`, which shows all, does not read such files.
  throw new ConfigError([wordFinding({ ...finding, path }, file, text, value)]);
}
