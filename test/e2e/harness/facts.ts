/** What the guest prints: one JSON object per verb; see test/guest/guest.c. */

/** A fact; which keys it has depends on its verb. */
export interface Fact {
  verb: string;
  /** The verb's argument, where the fact is about it. */
  arg?: string;
  /** Outcome of a system call: `''` is success. */
  errno?: string;
  [key: string]: unknown;
}

export interface OpenDescriptor {
  fd: number;
  link: string;
  flags: number;
  cloexec: boolean;
}

export class Facts {
  readonly all: readonly Fact[];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    this.all = text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Fact);
  }

  /** The first fact of a verb (about `arg`, where given). */
  of(verb: string, arg?: string): Fact {
    const found = this.all.find((fact) => fact.verb === verb && (arg === undefined || fact.arg === arg));
    if (found === undefined) throw new Error(`the container printed no ${verb} ${arg ?? ''}:\n${this.#text}`);
    return found;
  }

  /** All facts of a verb, in order. */
  each(verb: string): Fact[] {
    return this.all.filter((fact) => fact.verb === verb);
  }

  /** The `value` of a verb that has one of type string. */
  text(verb: string, arg?: string): string {
    const { value } = this.of(verb, arg);
    if (typeof value !== 'string')
      throw new Error(`${verb} ${arg ?? ''} has no text: ${JSON.stringify(this.of(verb, arg))}`);
    return value;
  }

  /** The `value` of a verb that prints a list. */
  list<T = string>(verb: string, arg?: string): T[] {
    const { value } = this.of(verb, arg);
    if (!Array.isArray(value))
      throw new Error(`${verb} ${arg ?? ''} has no list: ${JSON.stringify(this.of(verb, arg))}`);
    return value as T[];
  }
}
