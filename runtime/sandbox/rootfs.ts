/** A root file system that has to be unpacked first: it goes with the sandbox. */
import { findSource } from '../../bundles/find.ts';
import { type BundleSource, makeBundle } from '../../bundles/make.ts';
import { addon } from '../addon.ts';
import { BundleProgress } from '../bundle-progress.ts';
import { S } from '../constants.ts';
import type { Context } from '../context.ts';
import type { Unpacked } from './facts.ts';
import { aboutRootfs, type RootfsWish } from './rootfs-word.ts';

const STDERR = 2;

/** What is to be unpacked; undefined where there is a root file system already. @throws {TsrunError} `usage` */
export function archiveOf({ word, ...wish }: RootfsWish): BundleSource | undefined {
  const { kind, path } = wish;
  if (kind !== 'unknown') return { ...wish, kind };
  const stat = addon.stat(path, true);
  const isDirectory = typeof stat !== 'number' && (stat.mode & S.IFMT) === S.IFDIR;
  if (isDirectory && addon.access(`${path}/oci-layout`, 0) < 0) return undefined;
  return aboutRootfs(() => findSource(path, word));
}

/** Unpacks into `directory`, which must not be there. @throws {TsrunError} */
export function unpackRootfs(context: Context, source: BundleSource, directory: string): Unpacked {
  const progress = new BundleProgress(context.caller, addon.isatty(STDERR));
  try {
    const { config, warnings } = aboutRootfs(() => makeBundle({ source, directory, ids: 'none', observer: progress }));
    progress.close();
    for (const warning of warnings) context.log.warn(warning);
    return { path: `${directory}/${config.root.path}`, process: source.kind === 'image' ? config.process : undefined };
  } finally {
    progress.close();
  }
}
