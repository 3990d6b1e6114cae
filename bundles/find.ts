/** What a word on the command line means as the source of a bundle. */
import { addon } from '../runtime/addon.ts';
import { errno } from '../runtime/errno.ts';
import { TsrunError } from '../runtime/errors.ts';
import { SysError } from '../runtime/sys.ts';
import { quote, show } from '../runtime/text.ts';
import { decompressed } from './decompress.ts';
import { ArchiveError } from './error.ts';
import { defaultLimits, Meter } from './limits.ts';
import type { BundleSource } from './make.ts';
import { nobody, openSource } from './source.ts';
import { TarReader } from './tar/reader.ts';
import { componentsOf } from './unpack/path.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from './unpack/tree.ts';

/** What the command line can say about a source before the file system is looked at. */
export type Named =
  | { readonly kind: 'host' }
  | { readonly kind: 'rootfs'; readonly path: string }
  | { readonly kind: 'unknown'; readonly path: string }
  | { readonly kind: 'image'; readonly path: string; readonly tag?: string };

/** How other tools say that an image is in a layout: one that is an archive is found out by looking. */
const layoutPrefixes: readonly string[] = ['oci', 'oci-archive'];

/** Where those tools find images that a layout has to be made of first. containers-transports(5) */
const transports: readonly string[] = [
  ...['containers-storage', 'dir', 'docker', 'docker-archive', 'docker-daemon', 'ostree', 'registry', 'sif', 'tarball'],
];

/**
 * `host`; `rootfs:FILE`, or `-` for standard input; `oci:PATH[:TAG]`, also with `oci-archive:`; or a path, whose kind is to be found
 * out. Pure.
 *
 * @throws {TsrunError} `usage`
 */
export function parseSource(word: string): Named {
  if (word === 'host') return { kind: 'host' };
  if (word === '-') return { kind: 'rootfs', path: '-' };
  const colon = word.indexOf(':');
  const prefix = colon < 0 ? '' : word.slice(0, colon);
  const rest = word.slice(colon + 1);
  if (prefix !== 'rootfs' && !layoutPrefixes.includes(prefix)) return { kind: 'unknown', path: word };
  if (prefix === 'rootfs') {
    if (rest !== '') return { kind: 'rootfs', path: rest };
    throw new TsrunError('usage', 'bundle: no path after rootfs:');
  }
  const tagAt = rest.indexOf(':');
  const path = tagAt < 0 ? rest : rest.slice(0, tagAt);
  const tag = tagAt < 0 ? undefined : rest.slice(tagAt + 1);
  if (path === '' || tag === '') throw new TsrunError('usage', `bundle: not ${prefix}:PATH[:TAG]: got ${quote(word)}`);
  return { kind: 'image', path, ...(tag === undefined ? {} : { tag }) };
}

/** Names by which an archive of an image layout begins, whoever wrote it. */
const layoutNames: readonly string[] = ['blobs', 'index.json', 'oci-layout', 'manifest.json'];

/** Whether an archive begins like that of an image layout: looks at one or two headers. */
function holdsLayout(path: string): boolean {
  const file = openSource(path);
  try {
    const meter = new Meter(defaultLimits);
    const reader = new TarReader(decompressed(file.stream(nobody), meter), meter);
    for (let entry = reader.next(); entry; entry = reader.next()) {
      const [first] = componentsOf(entry.name);
      if (first !== undefined) return layoutNames.includes(first);
    }
    return false;
  } catch (error) {
    // What is wrong with it is told when it is unpacked.
    if (error instanceof ArchiveError) return false;
    throw error;
  } finally {
    file.close();
  }
}

/** Refuses a word that looks as if it said where an image is: there is no file of that name. */
function refuseTransport(word: string): void {
  const prefix = word.slice(0, Math.max(0, word.indexOf(':')));
  if (transports.includes(prefix))
    throw new TsrunError(
      'usage',
      `bundle: ${quote(word)}: ${prefix}: is a transport that tsrun does not have: make a layout of it (skopeo copy ${word} oci:DIRECTORY), and name that`,
    );
  if (/^[a-z][a-z-]*$/.test(prefix))
    throw new TsrunError(
      'usage',
      `bundle: ${quote(word)} does not exist, and ${prefix}: is no transport: rootfs:FILE and oci:PATH[:TAG] say what a file is`,
    );
}

/**
 * The source at an absolute path.
 *
 * @param word What was given for it.
 * @throws {TsrunError} `usage`: there is nothing that a bundle could be made of.
 */
export function findSource(path: string, word: string): BundleSource {
  const found = addon.stat(path, true);
  if (typeof found === 'number') {
    refuseTransport(word);
    if (found === -errno.ENOENT) throw new TsrunError('usage', `bundle: ${show(path)} does not exist`);
    throw new TsrunError('usage', `bundle: open ${show(path)}`, { cause: new SysError(-found, 'stat') });
  }
  const type = found.mode & S_IFMT;
  // What was looked at of a pipe would be gone.
  if (type !== S_IFDIR) return { kind: type === S_IFREG && holdsLayout(path) ? 'image' : 'rootfs', path };
  if (addon.access(`${path}/oci-layout`, 0) === 0) return { kind: 'image', path };
  throw new TsrunError(
    'usage',
    `bundle: ${show(path)} is a directory without oci-layout, so no image layout: a root file system needs no bundle made of it, but a config.json beside it, as \`tsrun spec\` writes`,
  );
}
