/**
 * Layers of an image on top of each other: an entry replaces what a layer below has, and a whiteout removes it. See layer.md of the
 * image specification.
 */
import { checkValue } from '../../runtime/sys.ts';
import { ArchiveError, aboutEntry } from '../error.ts';
import { archiveAddon } from '../native.ts';
import type { Entry, TarReader } from '../tar/reader.ts';
import { componentsOf } from './path.ts';
import { type Place, S_IFDIR, S_IFMT, type Tree } from './tree.ts';
import type { TreeWriter } from './writer.ts';

const PREFIX = '.wh.';
const META = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';

/** What a name in a layer asks for. */
export type Wish =
  | { readonly kind: 'entry' }
  /** Remove `path` of the layers below. */
  | { readonly kind: 'whiteout'; readonly components: readonly string[] }
  /** Remove all in the directory that the layers below have there. */
  | { readonly kind: 'opaque'; readonly components: readonly string[] }
  /** Something that the packer's file system kept for itself. */
  | { readonly kind: 'nothing' };

/** Tells what the entry with this name (octets) is about. Pure. @throws {ArchiveError} */
function wishOf(name: string): Wish {
  const components = componentsOf(name);
  const base = components.at(-1) ?? '';
  const directory = components.slice(0, -1);
  if (directory.some((part) => part.startsWith(PREFIX) && !part.startsWith(META)))
    throw new ArchiveError('it lies below a whiteout');
  if (base === OPAQUE) return { kind: 'opaque', components: directory };
  if (components.some((part) => part.startsWith(META))) return { kind: 'nothing' };
  if (!base.startsWith(PREFIX)) return { kind: 'entry' };
  const hidden = base.slice(PREFIX.length);
  if (hidden === '' || hidden === '.' || hidden === '..') throw new ArchiveError('a whiteout of no name');
  return { kind: 'whiteout', components: [...directory, hidden] };
}

export class LayerWriter {
  readonly #tree: Tree;
  readonly #writer: TreeWriter;
  /** What the current layer has made, and all directories above; undefined for the first, which has none below. */
  #made: Set<string> | undefined;

  constructor(tree: Tree, writer: TreeWriter) {
    this.#tree = tree;
    this.#writer = writer;
  }

  /** Applies one layer. @throws {ArchiveError} */
  apply(reader: TarReader): void {
    for (let entry = reader.next(); entry; entry = reader.next()) {
      const next = entry;
      aboutEntry(next.name, () => this.#apply(next, reader));
    }
    this.#made = new Set();
  }

  #apply(entry: Entry, reader: TarReader): void {
    const wish = wishOf(entry.name);
    switch (wish.kind) {
      case 'entry':
        this.#writer.write(entry, reader);
        this.#remember(componentsOf(entry.name));
        break;
      case 'whiteout':
        this.#hide(wish.components);
        break;
      case 'opaque':
        this.#hideAll(wish.components);
        break;
    }
  }

  #remember(components: readonly string[]): void {
    if (!this.#made) return;
    for (let length = components.length; length > 0; length--) {
      const path = components.slice(0, length).join('/');
      if (this.#made.has(path)) break;
      this.#made.add(path);
    }
  }

  /** Removes what lower layers have at a path; what this one has made stays. */
  #hide(components: readonly string[]): void {
    const place = this.#made && this.#tree.place(components, false);
    const mode = place && this.#tree.modeOf(place);
    if (!place || mode === undefined) return;
    const path = components.join('/');
    if (!this.#made?.has(path)) this.#writer.remove(place, components);
    else if ((mode & S_IFMT) === S_IFDIR) this.#hideBelow(place, components);
  }

  /** What lies in a directory, or in the one that a link with its name leads to, as an entry of that name would. */
  #hideAll(components: readonly string[]): void {
    const marker = this.#made && this.#tree.place([...components, OPAQUE], false);
    if (marker) this.#hideBelow({ directory: marker.directory, name: '.' }, components);
  }

  #hideBelow({ directory, name }: Place, components: readonly string[]): void {
    const names = checkValue(archiveAddon().listAt(directory, name), 'list', 'a directory');
    for (const below of names) this.#hide([...components, below]);
  }
}
