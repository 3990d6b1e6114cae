/** Archives and images for the tests of bundles: packed by GNU tar, put together by hand. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { guestPath } from './places.ts';

/** Packs a directory with GNU tar, all that a root file system can have included. */
export function tar(directory: string, ...flags: string[]): Buffer {
  // Only one format has attributes; tar takes it by itself where it is asked for them.
  const takesAttributes = !flags.some((flag) => flag.startsWith('--format=') && flag !== '--format=posix');
  const attributes = takesAttributes ? ['--xattrs', '--xattrs-include=*'] : [];
  return execFileSync(
    'tar',
    ['--create', '--file=-', '--directory', directory, ...attributes, '--numeric-owner', ...flags, '.'],
    { maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'inherit'] },
  );
}

/** The same data, compressed by zstd(1). */
export function zstd(data: Uint8Array): Buffer {
  return execFileSync('zstd', ['--quiet', '--stdout'], { input: data, maxBuffer: 2 ** 30 });
}

/** Puts the guest where a configuration can call it. */
export function installGuest(rootfs: string): void {
  mkdirSync(join(rootfs, 'bin'), { recursive: true });
  copyFileSync(guestPath, join(rootfs, 'bin/guest'));
}

/** Writes files by their paths below a directory. */
export function files(directory: string, contents: Record<string, string>): string {
  for (const [path, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return directory;
}

export interface Blob {
  mediaType: string;
  digest: string;
  size: number;
}

function sha256(data: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

export interface ImageOptions {
  /** `config` of the image's configuration. */
  config?: Record<string, unknown>;
  /** What else its configuration has. */
  image?: Record<string, unknown>;
  architecture?: string;
  tag?: string;
  platform?: Record<string, string>;
  /** The compressed form of each layer, and the ending of its media type. */
  compress?: (layer: Buffer) => Buffer;
  mediaType?: string;
  /** Changes documents before they are written. */
  manifest?: (manifest: Record<string, unknown>) => void;
}

/** The architecture of this machine, as images name it. */
export const hostArchitecture: string = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64' | 'arm64'];

/** An image layout that grows image by image. */
export class TestLayout {
  readonly dir: string;
  readonly manifests: Record<string, unknown>[] = [];

  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(join(dir, 'blobs/sha256'), { recursive: true });
    writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    this.writeIndex();
  }

  blob(data: Uint8Array | string, mediaType: string): Blob {
    const digest = sha256(data);
    writeFileSync(this.blobPath(digest), data);
    return { mediaType, digest, size: Buffer.byteLength(data) };
  }

  blobPath(digest: string): string {
    return join(this.dir, 'blobs', digest.replace(':', '/'));
  }

  json(value: unknown, mediaType: string): Blob {
    return this.blob(JSON.stringify(value), mediaType);
  }

  /** Adds an image of uncompressed layers, and returns the descriptor of its manifest. */
  add(layers: readonly Buffer[], options: ImageOptions = {}): Blob {
    const compress = options.compress ?? ((layer) => gzipSync(layer));
    const config = this.json(
      {
        os: 'linux',
        architecture: options.architecture ?? hostArchitecture,
        config: options.config ?? {},
        rootfs: { type: 'layers', diff_ids: layers.map((layer) => sha256(layer)) },
        ...options.image,
      },
      'application/vnd.oci.image.config.v1+json',
    );
    const manifest: Record<string, unknown> = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config,
      layers: layers.map((layer) =>
        this.blob(compress(layer), options.mediaType ?? 'application/vnd.oci.image.layer.v1.tar+gzip'),
      ),
    };
    options.manifest?.(manifest);
    const descriptor = this.json(manifest, 'application/vnd.oci.image.manifest.v1+json');
    this.manifests.push({
      ...descriptor,
      ...(options.platform ? { platform: options.platform } : {}),
      ...(options.tag === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': options.tag } }),
    });
    this.writeIndex();
    return descriptor;
  }

  writeIndex(): void {
    writeFileSync(join(this.dir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: this.manifests }));
  }
}
