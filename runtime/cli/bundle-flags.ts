/** The flags of `bundle`: a table that only this rare command needs. */
import { once } from '../once.ts';
import type { FlagSpecs } from './kinds.ts';

const maxCount = 2 ** 53 - 1;

/** What `bundle` is given. */
export const bundleFlags = once(
  () =>
    ({
      platform: {
        name: 'platform',
        kind: 'text',
        value: 'OS/ARCH[/VARIANT]',
        help: "which of an image's variants, as in linux/arm64; that of this machine",
      },
      maxSize: {
        name: 'max-size',
        kind: 'size',
        value: 'BYTES',
        help: 'refuse a source that holds more, as in 100G; 64G',
      },
      maxEntries: {
        name: 'max-entries',
        kind: 'integer',
        value: 'N',
        min: 1,
        max: maxCount,
        help: 'refuse a source of more files, directories and links; 2000000',
      },
      maxRatio: {
        name: 'max-ratio',
        kind: 'integer',
        value: 'N',
        min: 1,
        max: maxCount,
        help: 'refuse what is more than N times larger than its compressed form; 200',
      },
      mapIds: {
        name: 'map-ids',
        kind: 'switch',
        help: 'give the container a user namespace with the ids of the one that tsrun runs in; without privileges it has one anyway',
      },
      quiet: { name: 'quiet', short: 'q', kind: 'switch', help: 'show no progress, and no warnings' },
    }) as const satisfies FlagSpecs,
);
