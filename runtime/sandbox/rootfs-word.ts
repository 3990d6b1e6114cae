/** What the value of `--rootfs` says. Pure. */
import { type Named, parseSource } from '../../bundles/find.ts';
import { UsageError } from '../cli/usage.ts';
import { TsrunError } from '../errors.ts';
import { resolve } from '../plan/path.ts';

/** Where a root file system is, and what was said of it. */
export type RootfsWish = Exclude<Named, { kind: 'host' }> & {
  /** As it was given. */
  readonly word: string;
};

/** Says of what a bundle could not be made of that it is the flag's. */
export function aboutRootfs<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TsrunError) || !error.message.startsWith('bundle: ')) throw error;
    const { code, cause, message } = error;
    throw new TsrunError(code, message.replace('bundle: ', '--rootfs: '), { cause });
  }
}

/** Understands the value of the flag: as that of `bundle`, but for what a sandbox has without it. @throws {TsrunError} `usage` */
export function rootfsWish(word: string, cwd: string): RootfsWish {
  const named = aboutRootfs(() => parseSource(word));
  if (named.kind === 'host')
    throw new UsageError(
      '--rootfs: host: is what a sandbox has without this flag: leave it out; ./host is a directory of that name',
    );
  if (named.path === '-')
    throw new UsageError(
      "--rootfs: -: standard input is the command's own: make a bundle of it first (tsrun bundle - DIRECTORY)",
    );
  return { ...named, path: resolve(cwd, named.path), word };
}
