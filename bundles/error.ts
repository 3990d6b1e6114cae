/** What is wrong with an archive or an image, before it is known which one it is. */
import { SysError } from '../runtime/sys.ts';
import { quoteOctets } from './names.ts';

/** Something that an archive must not hold, or must. The message is part of a sentence that begins with the archive's name. */
export class ArchiveError extends Error {
  /** The entry (octets) that it is about; undefined: the archive as a whole. */
  readonly entry: string | undefined;

  constructor(message: string, entry?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.entry = entry;
  }

  /** The entry and what is wrong with it. */
  get words(): string {
    return this.entry === undefined ? this.message : `entry ${quoteOctets(this.entry)}: ${this.message}`;
  }
}

/** Does something about an entry (octets); what is wrong then names it, whether the archive is wrong or the host. */
export function aboutEntry(entry: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof SysError) throw new ArchiveError(error.message, entry, error);
    if (error instanceof ArchiveError && error.entry === undefined) throw new ArchiveError(error.message, entry, error);
    throw error;
  }
}
