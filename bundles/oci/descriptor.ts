/** How an image refers to what it is made of: by digest, size and media type. Pure. */
import { quote } from '../../runtime/text.ts';
import { ArchiveError } from '../error.ts';
import type { JsonNode } from './json.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform: Platform | undefined;
  /** The name that an index gives to an image. */
  readonly tag: string | undefined;
}

export interface Digest {
  readonly algorithm: 'sha256' | 'sha512';
  readonly hex: string;
}

const hexLength = { sha256: 64, sha512: 128 } as const;

/** `sha256:…` or `sha512:…`, exactly. @throws {ArchiveError} */
export function parseDigest(text: string): Digest {
  const match = /^(sha256|sha512):([0-9a-f]{64,128})$/.exec(text);
  const algorithm = match?.[1] as Digest['algorithm'] | undefined;
  const hex = match?.[2] ?? '';
  if (algorithm && hex.length === hexLength[algorithm]) return { algorithm, hex };
  throw new ArchiveError(`${quote(text)} is not a digest by sha256 or sha512`);
}

export function digestText({ algorithm, hex }: Digest): string {
  return `${algorithm}:${hex}`;
}

function parsePlatform(node: JsonNode): Platform {
  const variant = node.string('variant');
  return {
    os: node.requiredString('os'),
    architecture: node.requiredString('architecture'),
    ...(variant ? { variant } : {}),
  };
}

/** @throws {ArchiveError} */
export function parseDescriptor(node: JsonNode): Descriptor {
  const platform = node.object('platform');
  return {
    mediaType: node.requiredString('mediaType'),
    digest: parseDigest(node.requiredString('digest')),
    size: node.requiredCount('size'),
    platform: platform && parsePlatform(platform),
    tag: node.object('annotations')?.string('org.opencontainers.image.ref.name'),
  };
}

const index = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'];
const manifest = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
const config = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'];
const layer = [
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
];

export const mediaTypes: Readonly<Record<'index' | 'manifest' | 'config' | 'layer', readonly string[]>> = {
  index,
  manifest,
  config,
  layer,
};

/** `linux/amd64`, `linux/arm/v7` */
export function platformText({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** What runs where `wanted` runs. A variant that only one of them names is no difference. */
export function isFor(offered: Platform, wanted: Platform): boolean {
  return (
    offered.os === wanted.os &&
    offered.architecture === wanted.architecture &&
    (offered.variant === undefined || wanted.variant === undefined || offered.variant === wanted.variant)
  );
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** The platform of this machine, as images name it. */
export function hostPlatform(): Platform {
  return { os: 'linux', architecture: architectures[process.arch] ?? process.arch };
}
