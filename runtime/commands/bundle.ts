/** `bundle`: a bundle from an archive or an image. */
import { findSource, parseSource } from '../../bundles/find.ts';
import { defaultLimits, type Limits } from '../../bundles/limits.ts';
import { type BundleSource, type HostRoot, makeBundle } from '../../bundles/make.ts';
import type { Platform } from '../../bundles/oci/descriptor.ts';
import { addon } from '../addon.ts';
import { bundleInUserNamespace, ownIds } from '../bundle-ids.ts';
import { BundleProgress } from '../bundle-progress.ts';
import type { RequestOf } from '../cli/parse.ts';
import { absolute, type Context } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { hostRoot } from '../host-bundle.ts';
import { wholeMaps } from '../launch/map-helper.ts';
import { quote } from '../text.ts';

const STDERR = 2;

function platformOf(text: string | undefined): Platform | undefined {
  if (text === undefined) return undefined;
  const [os = '', architecture = '', variant, ...more] = text.split('/');
  if (os === '' || architecture === '' || variant === '' || more.length > 0)
    throw new TsrunError('usage', `bundle: --platform: not OS/ARCH[/VARIANT]: got ${quote(text)}`);
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

function limitsOf({ maxSize, maxEntries, maxRatio }: RequestOf<'bundle'>): Limits {
  const bytes = maxSize === -1 ? Number.POSITIVE_INFINITY : maxSize;
  return {
    bytes: Number(bytes ?? defaultLimits.bytes),
    entries: Number(maxEntries ?? defaultLimits.entries),
    ratio: Number(maxRatio ?? defaultLimits.ratio),
  };
}

function sourceOf(context: Context, word: string, directory: string): BundleSource | HostRoot {
  const named = parseSource(word);
  switch (named.kind) {
    case 'host':
      return hostRoot(context, directory);
    case 'unknown':
      return findSource(absolute(named.path), word);
    default:
      return { ...named, path: named.path === '-' ? '-' : absolute(named.path) };
  }
}

/** Refuses flags that say nothing about this source. @throws {TsrunError} `usage` */
function checkFlags(request: RequestOf<'bundle'>, { kind }: BundleSource | HostRoot): void {
  if (request.platform !== undefined && kind !== 'image')
    throw new TsrunError('usage', 'bundle: --platform: chooses among the variants of an image, and SOURCE is none');
  if (kind !== 'host') return;
  const unpacking = [
    ['max-size', request.maxSize !== undefined],
    ['max-entries', request.maxEntries !== undefined],
    ['max-ratio', request.maxRatio !== undefined],
    ['map-ids', request.mapIds],
  ] as const;
  for (const [flag, isGiven] of unpacking)
    if (isGiven)
      throw new TsrunError('usage', `bundle: --${flag}: is about what is unpacked, and of the host nothing is`);
}

export function bundle(context: Context, request: RequestOf<'bundle'>): number {
  const platform = platformOf(request.platform);
  const directory = absolute(request.directory);
  const source = sourceOf(context, request.source, directory);
  checkFlags(request, source);
  const maps = source.kind === 'host' || addon.geteuid() === 0 ? undefined : wholeMaps(context.caller);
  if (maps) return bundleInUserNamespace(context, request, directory, maps);
  const progress = new BundleProgress(context.caller, !request.quiet && addon.isatty(STDERR));
  try {
    const made = makeBundle({
      source,
      directory,
      ...(platform ? { platform } : {}),
      ...(request.mapIds ? { ids: ownIds() } : {}),
      limits: limitsOf(request),
      observer: progress,
    });
    progress.close();
    if (!request.quiet) for (const warning of made.warnings) context.log.tell(`bundle: ${warning}`);
    return 0;
  } finally {
    progress.close();
  }
}
