/** JSON of an image, whose writer is not trusted: what is read has the type that is asked for. Pure. */
import { decodeText, escapeControls } from '../../runtime/text.ts';
import { ArchiveError } from '../error.ts';

type JsonObject = { readonly [key: string]: unknown };

/** An object of a JSON document, with the words for where it is. */
export class JsonNode {
  readonly #value: JsonObject;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new ArchiveError(`${where} is not an object`);
    this.#value = value as JsonObject;
    this.#where = where;
  }

  /** A document. */
  static parse(bytes: Uint8Array, where: string): JsonNode {
    let value: unknown;
    try {
      value = JSON.parse(decodeText(bytes));
    } catch {
      throw new ArchiveError(`${where} is not valid JSON`);
    }
    return new JsonNode(value, where);
  }

  /** The value of a property of its own, with null as if it were absent. */
  #own(key: string): unknown {
    return Object.hasOwn(this.#value, key) ? (this.#value[key] ?? undefined) : undefined;
  }

  #refuse(key: string, expected: string): never {
    throw new ArchiveError(`${this.#where}: ${escapeControls(key)} is not ${expected}`);
  }

  string(key: string): string | undefined {
    const value = this.#own(key);
    if (value !== undefined && typeof value !== 'string') this.#refuse(key, 'a string');
    if (value?.includes('\0')) this.#refuse(key, 'free of NUL characters');
    return value;
  }

  requiredString(key: string): string {
    return this.string(key) ?? this.#refuse(key, 'there');
  }

  /** A whole number from 0 on that a double holds exactly. */
  requiredCount(key: string): number {
    const value = this.#own(key);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    return this.#refuse(key, 'a whole number');
  }

  object(key: string): JsonNode | undefined {
    const value = this.#own(key);
    return value === undefined ? undefined : new JsonNode(value, `${this.#where}: ${escapeControls(key)}`);
  }

  objects(key: string): JsonNode[] | undefined {
    const value = this.#own(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.#refuse(key, 'a list');
    return value.map((item, index) => new JsonNode(item, `${this.#where}: ${escapeControls(key)}[${index}]`));
  }

  strings(key: string): string[] | undefined {
    const value = this.#own(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.#refuse(key, 'a list of strings');
    return value.map((item) =>
      typeof item === 'string' && !item.includes('\0') ? item : this.#refuse(key, 'a list of strings'),
    );
  }

  keys(): string[] {
    return Object.keys(this.#value);
  }

  /** All properties, which must be strings. */
  stringEntries(): [string, string][] {
    return this.keys().map((key) => [key, this.requiredString(key)]);
  }
}
