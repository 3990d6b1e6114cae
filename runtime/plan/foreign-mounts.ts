/** Containers without a mount namespace of their own, whose mounts are made among those of others. */
import type { Config } from '../../spec/config.ts';
import { TsrunError } from '../errors.ts';

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && Object.keys(value).length === 0);

/** What is mounted, or made, in the root file system. */
const madeInRoot: readonly (readonly [name: string, value: (config: Config) => unknown])[] = [
  ['mounts', (config) => config.mounts],
  ['linux.devices', (config) => config.linux?.devices],
  ['linux.maskedPaths', (config) => config.linux?.maskedPaths],
  ['linux.readonlyPaths', (config) => config.linux?.readonlyPaths],
  ['linux.rootfsPropagation', (config) => config.linux?.rootfsPropagation],
  ['root.readonly', (config) => config.root.readonly || undefined],
  ['process.terminal', (config) => config.process?.terminal || undefined],
];

/** The first property that asks for more than the directory of the root as it is. */
function askedFor(config: Config): string | undefined {
  for (const [name, value] of madeInRoot) if (!isEmpty(value(config))) return name;
  return undefined;
}

/** Whether the mount namespace is another's: that of the caller, or one that is joined by path. */
export function sharesMounts(config: Config): boolean {
  for (const { type, path } of config.linux?.namespaces ?? []) if (type === 'mount' && path === undefined) return false;
  return true;
}

/**
 * Whether a container in another's mount namespace gets mounts there: then its root is attached to a directory of its own,
 * and everything is mounted below that, where the host finds it and `delete` detaches it.
 */
export function attachesRoot(config: Config): boolean {
  return sharesMounts(config) && askedFor(config) !== undefined;
}

/** @throws {TsrunError} where the kernel does not let the container's user mount anything there. */
export function refuseForeignMounts(config: Config): void {
  const name = askedFor(config);
  if (name === undefined || !config.linux?.namespaces?.some(({ type }) => type === 'user')) return;
  throw new TsrunError(
    'config-invalid',
    `${name}: needs a mount namespace of the container’s own: one that is shared or joined by path does not belong to its user namespace`,
  );
}
