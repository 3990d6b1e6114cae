/** From an image layout to the one image that is meant, its configuration and its layers. */
import { quote } from '../../runtime/text.ts';
import { ArchiveError } from '../error.ts';
import {
  type Descriptor,
  type Digest,
  isFor,
  mediaTypes,
  type Platform,
  parseDescriptor,
  parseDigest,
  platformText,
} from './descriptor.ts';
import type { JsonNode } from './json.ts';
import type { Layout } from './layout.ts';

export interface ImageLayer {
  readonly descriptor: Descriptor;
  /** Of its content when decompressed. */
  readonly diffId: Digest;
}

export interface Image {
  readonly layers: readonly ImageLayer[];
  readonly config: JsonNode;
}

/** Which image of a layout. */
export interface ImageChoice {
  /** `org.opencontainers.image.ref.name` */
  readonly tag: string | undefined;
  readonly platform: Platform;
}

/** Indexes may list indexes; so deep nobody nests them. */
const MAX_DEPTH = 4;

function listed(values: Iterable<string>): string {
  const all = [...new Set(values)];
  return all.length > 8 ? `${all.slice(0, 8).join(', ')} and ${all.length - 8} more` : all.join(', ');
}

function tagged(manifests: readonly Descriptor[], tag: string | undefined): readonly Descriptor[] {
  const tags = manifests.map((manifest) => manifest.tag);
  const names = listed(tags.flatMap((name) => (name === undefined ? [] : [quote(name)])));
  if (tag === undefined) {
    if (new Set(tags).size < 2) return manifests;
    throw new ArchiveError(`it holds several images: choose one with oci:PATH:TAG of ${names}`);
  }
  const found = manifests.filter((manifest) => manifest.tag === tag);
  if (found.length > 0) return found;
  throw new ArchiveError(
    `it holds no image ${quote(tag)}${names === '' ? '; its images have no names' : `, but ${names}`}`,
  );
}

/** The manifest for a platform among those of an index. Pure. @throws {ArchiveError} */
function chooseManifest(manifests: readonly Descriptor[], { tag, platform }: ImageChoice): Descriptor {
  if (manifests.length === 0) throw new ArchiveError('it holds no image');
  const candidates = tagged(manifests, tag);
  const [first] = candidates;
  // What has no platform says more about it itself.
  if (candidates.length === 1 && first && first.platform === undefined) return first;
  const found = candidates.find((candidate) => candidate.platform && isFor(candidate.platform, platform));
  if (found) return found;
  const nested = candidates.find(({ mediaType }) => mediaTypes.index.includes(mediaType));
  if (nested) return nested;
  const platforms = listed(
    candidates.map((each) => (each.platform ? platformText(each.platform) : 'an unnamed platform')),
  );
  throw new ArchiveError(`it holds no image for ${platformText(platform)}: choose with --platform one of ${platforms}`);
}

function manifestOf(layout: Layout, choice: ImageChoice): JsonNode {
  const marker = layout.named('oci-layout');
  if (!marker) throw new ArchiveError('it is no image layout: there is no oci-layout in it');
  const version = marker.requiredString('imageLayoutVersion');
  if (version !== '1.0.0') throw new ArchiveError(`an image layout of the unknown version ${quote(version)}`);
  let index = layout.named('index.json');
  if (!index) throw new ArchiveError('index.json is missing');
  let wanted = choice;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const chosen = chooseManifest((index.objects('manifests') ?? []).map(parseDescriptor), wanted);
    if (mediaTypes.manifest.includes(chosen.mediaType)) return layout.document(chosen, 'manifest');
    if (!mediaTypes.index.includes(chosen.mediaType))
      throw new ArchiveError(`it holds ${quote(chosen.mediaType)}, which is not an image`);
    index = layout.document(chosen, 'index');
    wanted = { ...choice, tag: undefined };
  }
  throw new ArchiveError(`its indexes are nested more than ${MAX_DEPTH} deep`);
}

function layerOf(node: JsonNode): Descriptor {
  const descriptor = parseDescriptor(node);
  if (mediaTypes.layer.includes(descriptor.mediaType)) return descriptor;
  throw new ArchiveError(`it has a layer of the type ${quote(descriptor.mediaType, 128)}, which is not supported`);
}

/** Finds an image and verifies what says which it is. @throws {ArchiveError} */
export function readImage(layout: Layout, choice: ImageChoice): Image {
  const manifest = manifestOf(layout, choice);
  const version = manifest.requiredCount('schemaVersion');
  if (version !== 2) throw new ArchiveError(`a manifest of the unknown version ${version}`);
  const descriptor = manifest.object('config');
  if (!descriptor) throw new ArchiveError('its manifest has no config');
  const wanted = parseDescriptor(descriptor);
  if (!mediaTypes.config.includes(wanted.mediaType))
    throw new ArchiveError(`it holds ${quote(wanted.mediaType, 128)}, which is not the configuration of an image`);
  const config = layout.document(wanted, 'configuration');
  const platform = { os: config.requiredString('os'), architecture: config.requiredString('architecture') };
  if (!isFor(platform, { os: choice.platform.os, architecture: choice.platform.architecture }))
    throw new ArchiveError(
      `it is for ${platformText(platform)}: take it all the same with --platform ${platformText(platform)}`,
    );
  const layers = (manifest.objects('layers') ?? []).map(layerOf);
  if (layers.length === 0)
    throw new ArchiveError('it has no layers, so there is nothing to make a root file system of');
  const rootfs = config.object('rootfs');
  const diffIds = rootfs?.strings('diff_ids') ?? [];
  if (diffIds.length !== layers.length)
    throw new ArchiveError(`it has ${layers.length} layers, and ${diffIds.length} digests of what they hold`);
  return {
    config,
    layers: layers.map((layer, index) => ({ descriptor: layer, diffId: parseDigest(diffIds[index] ?? '') })),
  };
}
