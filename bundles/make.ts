/** makeBundle(): from an archive, an image or the host to a bundle on disk. */
import { addon } from '../runtime/addon.ts';
import { O, RESOLVE } from '../runtime/constants.ts';
import { TsrunError } from '../runtime/errors.ts';
import { check, SysError } from '../runtime/sys.ts';
import { decodeText, show } from '../runtime/text.ts';
import { Undo } from '../runtime/undo.ts';
import type { Config } from '../spec/config.ts';
import { baseConfig, type Ids, withMappedUser } from './base.ts';
import { decompressed } from './decompress.ts';
import { ArchiveError, aboutEntry } from './error.ts';
import { newHash } from './hash.ts';
import { defaultLimits, type Limits, Meter } from './limits.ts';
import { convertConfig } from './oci/config.ts';
import { digestText, hostPlatform, type Platform } from './oci/descriptor.ts';
import { type ImageLayer, readImage } from './oci/image.ts';
import { Layout, openRegular, type Reading } from './oci/layout.ts';
import type { Accounts } from './oci/user.ts';
import { Workplace } from './place.ts';
import {
  type ByteSource,
  drain,
  hashed,
  metered,
  nobody,
  openSource,
  type SourceFile,
  type Watcher,
} from './source.ts';
import { TarReader } from './tar/reader.ts';
import { LayerWriter } from './unpack/layers.ts';
import { Tree } from './unpack/tree.ts';
import { TreeWriter } from './unpack/writer.ts';

/** What a bundle is made from. Paths are absolute. */
export type BundleSource =
  /** An archive of a root file system; `-` is standard input. */
  | { readonly kind: 'rootfs'; readonly path: string }
  /** An image in an image layout: a directory, or an archive of one. `tag` chooses one of several. */
  | { readonly kind: 'image'; readonly path: string; readonly tag?: string };

/** The host's own root, which is bound into the containers: nothing of it is copied. */
export interface HostRoot {
  readonly kind: 'host';
  readonly config: Config;
  /** Links that the root directory has; what else is in it are mount points, which a container makes. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

/** Who wants to know how far it is. What it throws ends it all, and nothing is left. */
export interface Observer extends Watcher {
  /** So many bytes of archives will be read. Not called where nobody knows. */
  expect(bytes: number): void;
}

export interface BundleRequest {
  readonly source: BundleSource | HostRoot;
  /** Absolute path of the bundle to be: it must not exist, or be an empty directory; the directory above must exist. */
  readonly directory: string;
  /**
   * The ids of the container's user namespace, as `linux.uidMappings` and `gidMappings` have them; `none`: it has no such namespace.
   * Absent: root's has none, and that of anybody else, who could not run it then, has the caller's one id as its root.
   */
  readonly ids?: Ids | 'none';
  /** Which variant of an image; that of this machine where it is left out. */
  readonly platform?: Platform;
  readonly limits?: Limits;
  readonly observer?: Observer;
}

/** A request for what has to be unpacked. */
type UnpackRequest = Omit<BundleRequest, 'ids'> & { readonly source: BundleSource; readonly ids?: Ids };

/** A bundle that is there. */
export interface MadeBundle {
  readonly directory: string;
  /** What its config.json holds. */
  readonly config: Config;
  /** What of the source it does not have: one sentence for each kind. */
  readonly warnings: readonly string[];
}

type Made = Pick<MadeBundle, 'config' | 'warnings'>;

/** As much of an account file as an image can have. */
const MAX_ACCOUNTS = 4 * 2 ** 20;

/** A tree that is filled, and how. */
interface Filling {
  readonly tree: Tree;
  readonly writer: TreeWriter;
  readonly reading: Reading;
}

function unpackRootfs(file: SourceFile, { writer, reading: { meter, watch } }: Filling): void {
  const source = metered(decompressed(file.stream(watch), meter), meter);
  const reader = new TarReader(source, meter);
  let count = 0;
  for (let entry = reader.next(); entry; entry = reader.next()) {
    const next = entry;
    aboutEntry(next.name, () => writer.write(next, reader));
    count++;
  }
  // To the end, for a compressed archive tells there whether it is intact.
  drain(source);
  if (count === 0) throw new ArchiveError('it holds no entries, so there is nothing to make a root file system of');
}

function unpackLayer(layout: Layout, { descriptor, diffId }: ImageLayer, layers: LayerWriter, meter: Meter): void {
  const blob = layout.layer(descriptor);
  try {
    // What is not compressed has one digest, and needs one hash.
    const isPlain = digestText(descriptor.digest) === digestText(diffId);
    const hash = isPlain ? undefined : newHash(diffId.algorithm);
    const plain = metered(decompressed(blob.source, meter), meter);
    const source: ByteSource = hash ? hashed(plain, hash) : plain;
    layers.apply(new TarReader(source, meter));
    drain(source);
    blob.verify();
    if (hash && hash.digest('hex') !== diffId.hex)
      throw new ArchiveError(`the layer ${digestText(descriptor.digest)} holds something else than its image says`);
  } finally {
    blob.close();
  }
}

function account(tree: Tree, path: string): string {
  const fd = openRegular(tree.root, path, RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS);
  if (fd < 0) return '';
  const bytes = new Uint8Array(MAX_ACCOUNTS);
  let length = 0;
  for (let count = -1; count !== 0 && length < bytes.length; length += count)
    count = check(addon.read(fd, bytes.subarray(length)), 'read', path);
  addon.close(fd);
  return decodeText(bytes.subarray(0, length));
}

function accountsOf(tree: Tree): Accounts {
  return { passwd: account(tree, 'etc/passwd'), group: account(tree, 'etc/group') };
}

function unpackImage(layout: Layout, request: UnpackRequest, tag: string | undefined, filling: Filling): Config {
  const { tree, writer, reading } = filling;
  const image = readImage(layout, { tag, platform: request.platform ?? hostPlatform() });
  request.observer?.expect(image.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0));
  const layers = new LayerWriter(tree, writer);
  for (const layer of image.layers) {
    try {
      unpackLayer(layout, layer, layers, reading.meter);
    } catch (error) {
      if (!(error instanceof ArchiveError) || error.entry === undefined) throw error;
      throw new ArchiveError(`layer ${digestText(layer.descriptor.digest).slice(0, 19)}…: ${error.words}`);
    }
  }
  const omit = (warning: string): void => writer.losses.other(warning);
  const config = convertConfig(image.config, baseConfig(request.ids), accountsOf(tree), omit);
  return request.ids ? withMappedUser(config, request.ids, omit) : config;
}

function fill(request: UnpackRequest, scratch: string, filling: Filling): Config {
  const { source } = request;
  const isDirectory = (path: string): boolean => {
    const found = addon.stat(path, true);
    return typeof found !== 'number' && (found.mode & 0o170000) === 0o040000;
  };
  if (source.kind === 'rootfs') {
    const file = openSource(source.path);
    try {
      if (file.size > 0) request.observer?.expect(file.size);
      unpackRootfs(file, filling);
    } finally {
      file.close();
    }
    return baseConfig(request.ids);
  }
  const layout = isDirectory(source.path)
    ? Layout.ofDirectory(source.path, filling.reading)
    : Layout.ofArchive(openSource(source.path), scratch, filling.reading);
  try {
    return unpackImage(layout, request, source.tag, filling);
  } finally {
    layout.close();
  }
}

/** Makes the directory that a container of the host's root makes its mounts in. */
function linkHost({ config, links }: HostRoot, rootfs: string): Made {
  for (const { path, target } of links) check(addon.symlink(target, `${rootfs}${path}`), 'symlink', show(path));
  return { config, warnings: [] };
}

function unpack(request: UnpackRequest, scratch: string, rootfs: string): Made {
  const tree = new Tree(check(addon.open(rootfs, O.PATH | O.DIRECTORY, 0), 'open', show(rootfs)));
  const writer = new TreeWriter(tree, addon.geteuid() === 0);
  try {
    const meter = new Meter(request.limits ?? defaultLimits);
    const watch = request.observer ?? nobody;
    const config = fill(request, scratch, { tree, writer, reading: { meter, watch } });
    writer.finish();
    return { config, warnings: writer.losses.warnings() };
  } finally {
    tree.close();
  }
}

function idsOf({ ids }: BundleRequest): { readonly ids?: Ids } {
  if (ids === 'none') return {};
  if (ids) return { ids };
  if (addon.geteuid() === 0) return {};
  return {
    ids: {
      uid: [{ containerID: 0, hostID: addon.geteuid(), size: 1 }],
      gid: [{ containerID: 0, hostID: addon.getegid(), size: 1 }],
    },
  };
}

/**
 * Makes a bundle: a directory with `config.json` and `rootfs/`. It appears under its name when it is complete; where anything
 * fails, nothing is left of it.
 *
 * As root, owners, devices and all attributes are those of the source. What another user cannot have is told in `warnings`.
 *
 * @throws {TsrunError} `archive`: the source is damaged, unsafe or unfit; `usage`: the directory is taken, the source missing
 */
export function makeBundle(request: BundleRequest): MadeBundle {
  const { ids, ...rest } = request;
  const { directory, source } = rest;
  const place = new Workplace(directory);
  const undo = new Undo();
  undo.push(() => place.abandon());
  try {
    const rootfs = `${place.path}/rootfs`;
    check(addon.mkdir(rootfs, 0o755), 'mkdir', show(rootfs));
    // The caller's umask has had its say.
    check(addon.chmod(rootfs, 0o755), 'chmod', show(rootfs));
    const { config, warnings } =
      source.kind === 'host'
        ? linkHost(source, rootfs)
        : unpack({ ...rest, ...idsOf(request), source }, place.path, rootfs);
    const file = `${place.path}/config.json`;
    const text = `${JSON.stringify(config, null, 2)}\n`;
    check(addon.writeFile(file, text, O.WRONLY | O.CREAT | O.EXCL, 0o644), 'write', show(file));
    place.publish();
    return { directory, config, warnings };
  } catch (error) {
    throw undo.run(worded(error, source));
  }
}

function worded(error: unknown, source: BundleRequest['source']): unknown {
  const path = source.kind === 'host' ? '/' : source.path;
  if (error instanceof ArchiveError) return new TsrunError('archive', `bundle: ${show(path)}: ${error.words}`);
  if (error instanceof SysError) return new TsrunError('system', `bundle: ${error.message}`, { cause: error });
  return error;
}
