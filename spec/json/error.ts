/** A place in a JSON document: the keys and array indices that lead to it. */
export type Path = readonly (string | number)[];

/** Why a document is not the JSON that tsrun reads. Internal to the loader, which words it with file, line and column. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
  /** Offset of the offending byte or character. */
  readonly offset: number;
  /** What would put it right. */
  readonly hint: string | undefined;
  /** The property concerned, where there is one (a duplicate key). */
  readonly path: Path;

  constructor(message: string, offset: number, hint?: string, path: Path = []) {
    super(message);
    this.offset = offset;
    this.hint = hint;
    this.path = path;
  }
}
