/** What is to be done to directories in the end, by their paths; what is removed is forgotten with all below it. */

interface Note<T> {
  value?: T;
  readonly below: Map<string, Note<T>>;
}

export class Notes<T> {
  #root: Note<T> = { below: new Map() };

  set(components: readonly string[], value: T): void {
    let note = this.#root;
    for (const name of components) {
      let next = note.below.get(name);
      if (!next) {
        next = { below: new Map() };
        note.below.set(name, next);
      }
      note = next;
    }
    note.value = value;
  }

  /** Takes as long as the path is, however many there are below: archives can replace a file a million times. */
  forget(components: readonly string[]): void {
    let note: Note<T> | undefined = this.#root;
    for (const name of components.slice(0, -1)) note = note?.below.get(name);
    note?.below.delete(components.at(-1) ?? '');
  }

  /** Visits all, what is below a directory before that. */
  visit(act: (components: readonly string[], value: T) => void): void {
    const walk = (note: Note<T>, components: readonly string[]): void => {
      for (const [name, below] of note.below) walk(below, [...components, name]);
      if (note.value !== undefined) act(components, note.value);
    };
    walk(this.#root, []);
  }
}
