/** What an archive has and the unpacked tree has not, for this user or this file system cannot have it. */
import { textOf } from '../names.ts';

export class Losses {
  readonly #owners = new Set<string>();
  #owned = 0;
  #devices = 0;
  #acls = 0;
  readonly #attributes = new Map<string, number>();
  readonly #others: string[] = [];

  owner(uid: number, gid: number): void {
    this.#owned++;
    if (this.#owners.size < 1000) this.#owners.add(`${uid}:${gid}`);
  }

  device(): void {
    this.#devices++;
  }

  acl(): void {
    this.#acls++;
  }

  /** @param name octets */
  attribute(name: string): void {
    if (this.#attributes.size < 1000) this.#attributes.set(name, (this.#attributes.get(name) ?? 0) + 1);
  }

  /** Anything else, in a sentence of its own. */
  other(warning: string): void {
    this.#others.push(warning);
  }

  /** One sentence for each kind. */
  warnings(): string[] {
    const warnings: string[] = [];
    if (this.#owned > 0) {
      const [...owners] = this.#owners;
      const some = owners.slice(0, 5).join(', ');
      const others = owners.length > 5 ? ` and ${owners.length - 5} others` : '';
      warnings.push(`${this.#owned} entries belong to you now, and not to ${some}${others}, which you have no ids for`);
    }
    if (this.#devices > 0) warnings.push(`${this.#devices} device nodes were left out, which only root can make`);
    if (this.#acls > 0)
      warnings.push(`the access control lists of ${this.#acls} entries were left out, which tsrun does not read`);
    for (const [name, count] of this.#attributes)
      warnings.push(`the extended attribute ${textOf(name)} of ${count} entries was left out`);
    warnings.push(...this.#others);
    return warnings;
  }
}
