/** Properties that this version cannot put into effect: refused by name, never swallowed. */
import type { Config } from '../../spec/config.ts';
import { TsrunError } from '../errors.ts';

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && Object.keys(value).length === 0);

/** The value of each property that is refused when it asks for anything. */
const properties: readonly (readonly [name: string, value: (config: Config) => unknown])[] = [
  ['process.apparmorProfile', (config) => config.process?.apparmorProfile],
  ['process.selinuxLabel', (config) => config.process?.selinuxLabel],
  ['process.scheduler', (config) => config.process?.scheduler],
  ['process.ioPriority', (config) => config.process?.ioPriority],
  ['linux.seccomp', (config) => config.linux?.seccomp],
  ['linux.mountLabel', (config) => config.linux?.mountLabel],
  ['linux.intelRdt', (config) => config.linux?.intelRdt],
  ['linux.memoryPolicy', (config) => config.linux?.memoryPolicy],
  ['linux.personality', (config) => config.linux?.personality],
  ['linux.netDevices', (config) => config.linux?.netDevices],
];

/** What needs mounts of the container's own. */
const ownMounts: readonly (readonly [name: string, value: (config: Config) => unknown])[] = [
  ['mounts', (config) => config.mounts],
  ['linux.maskedPaths', (config) => config.linux?.maskedPaths],
  ['linux.readonlyPaths', (config) => config.linux?.readonlyPaths],
  ['linux.rootfsPropagation', (config) => config.linux?.rootfsPropagation],
  ['root.readonly', (config) => config.root.readonly || undefined],
  ['process.terminal', (config) => config.process?.terminal || undefined],
];

/** Without a new mount namespace, mounts would be made among those of other processes. */
export function refuseForeignMounts(config: Config): void {
  for (const [name, value] of ownMounts)
    if (!isEmpty(value(config)))
      throw new TsrunError(
        'config-invalid',
        `${name}: needs a mount namespace of the container’s own, not one that is shared or joined by path`,
      );
}

/** @throws {TsrunError} `unsupported`, naming the first such property. */
export function refuseUnsupported(config: Config): void {
  for (const [name, value] of properties)
    if (!isEmpty(value(config)))
      throw new TsrunError(
        'unsupported',
        `${name}: not supported by this version of tsrun: remove it from config.json`,
      );
}
