/** From entries of archives to files: one after the other, later ones in place of earlier ones. */
import { addon } from '../../runtime/addon.ts';
import { O } from '../../runtime/constants.ts';
import { errno } from '../../runtime/errno.ts';
import type { Result } from '../../runtime/native.ts';
import { check, SysError } from '../../runtime/sys.ts';
import { ArchiveError } from '../error.ts';
import { MAX_PATH } from '../limits.ts';
import { quoteOctets } from '../names.ts';
import { archiveAddon } from '../native.ts';
import type { Entry, TarReader } from '../tar/reader.ts';
import { Losses } from './losses.ts';
import { Notes } from './notes.ts';
import { componentsOf } from './path.ts';
import { type Place, S_IFDIR, S_IFMT, type Tree } from './tree.ts';

/** The path of an entry below the root. */
type Components = readonly string[];

/** What all kinds of entries have. */
type Attributes = Pick<Entry, 'mode' | 'uid' | 'gid' | 'mtime' | 'attributes' | 'acl'>;

const nodeTypes = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** Links have no permissions of their own. */
const kindsWithMode = new Set(['file', 'character', 'block', 'fifo', 'directory']);

/**
 * Attributes that mean something to this host and not to the tree: how an overlay puts layers together, and the label of a file
 * where it was packed.
 */
function isForeign(attribute: string): boolean {
  return /^(?:trusted|user)\.overlay\./.test(attribute) || attribute === 'security.selinux';
}

export class TreeWriter {
  readonly losses = new Losses();
  readonly #tree: Tree;
  readonly #keepsOwners: boolean;
  /** Directories get what they have at the end: until then they have to be written to, and that changes their time. */
  readonly #directories = new Notes<Attributes>();

  /** @param keepsOwners false: everything belongs to whoever unpacks it */
  constructor(tree: Tree, keepsOwners: boolean) {
    this.#tree = tree;
    this.#keepsOwners = keepsOwners;
  }

  /** Makes what `entry` says. @throws {ArchiveError} */
  write(entry: Entry, reader: TarReader): void {
    const components = componentsOf(entry.name);
    if (entry.kind === 'directory') {
      this.#directory(components, entry);
      return;
    }
    if (components.length === 0) throw new ArchiveError(`a ${entry.kind} in place of the root directory`);
    const place = this.#place(components);
    switch (entry.kind) {
      case 'file':
        this.#file(place, components, entry, reader);
        break;
      case 'symlink':
        this.#symlink(place, components, entry);
        break;
      case 'hardlink':
        this.#hardLink(place, components, entry);
        return;
      default:
        if (!this.#node(place, components, entry, nodeTypes[entry.kind])) return;
    }
    this.#attributes(place, entry, kindsWithMode.has(entry.kind));
  }

  /** Removes what is at a place, and what is known about it. */
  remove(place: Place, components: Components): void {
    this.#tree.remove(place);
    this.#directories.forget(components);
  }

  /** Gives all directories their attributes; nothing is written after that. */
  finish(): void {
    // What is below comes first, for some cannot enter a directory any more once it has its permissions.
    this.#directories.visit((components, attributes) => {
      const place = this.#tree.place(components, false);
      if (place && ((this.#tree.modeOf(place) ?? 0) & S_IFMT) === S_IFDIR) this.#attributes(place, attributes, true);
    });
  }

  #place(components: Components): Place {
    const place = this.#tree.place(components, true);
    if (!place) throw new Error('no directory was made');
    return place;
  }

  /** Calls `make`; where something is in its way, a second time, after that has gone. */
  #make(place: Place, components: Components, call: string, make: (place: Place) => Result): number {
    const made = make(place);
    if (made !== -errno.EEXIST) return made < 0 ? this.#refuse(made, call) : made;
    this.remove(place, components);
    const again = make(place);
    return again < 0 ? this.#refuse(again, call) : again;
  }

  #refuse(result: number, call: string): never {
    throw new SysError(-result, call);
  }

  #directory(components: Components, entry: Entry): void {
    if (components.length > 0) {
      const place = this.#place(components);
      const mode = this.#tree.modeOf(place);
      if (mode === undefined || (mode & S_IFMT) !== S_IFDIR)
        this.#make(place, components, 'mkdir', ({ directory, name }) => archiveAddon().mkdirAt(directory, name, 0o700));
    }
    const { mode, uid, gid, mtime, attributes, acl } = entry;
    this.#directories.set(components, { mode, uid, gid, mtime, attributes, acl });
  }

  #file(place: Place, components: Components, entry: Entry, reader: TarReader): void {
    const fd = this.#make(place, components, 'create', ({ directory, name }) =>
      archiveAddon().openAt(directory, name, O.WRONLY | O.CREAT | O.EXCL, 0o600),
    );
    try {
      let end = 0;
      reader.content((data, offset) => {
        check(archiveAddon().writeAt(fd, data, offset), 'write');
        end = offset + data.length;
      });
      if (end < entry.size) check(archiveAddon().truncate(fd, entry.size), `make a hole up to ${entry.size} bytes`);
    } finally {
      addon.close(fd);
    }
  }

  #symlink(place: Place, components: Components, { linkName }: Entry): void {
    if (linkName === '') throw new ArchiveError('a symbolic link that leads nowhere');
    if (linkName.length > MAX_PATH) throw new ArchiveError(`a symbolic link of more than ${MAX_PATH} bytes`);
    this.#make(place, components, 'symlink', ({ directory, name }) =>
      archiveAddon().symlinkAt(linkName, directory, name),
    );
  }

  #hardLink(place: Place, components: Components, { linkName }: Entry): void {
    const target = componentsOf(linkName, 'what it links to');
    if (target.length === 0) throw new ArchiveError('a hard link to the root directory');
    // A link to itself would remove what it links to.
    if (target.join('/') === components.join('/')) return;
    const from = this.#tree.place(target, false);
    const mode = from && this.#tree.modeOf(from);
    if (!from || mode === undefined)
      throw new ArchiveError(`a hard link to ${quoteOctets(linkName)}, which is not there`);
    if ((mode & S_IFMT) === S_IFDIR) throw new ArchiveError(`a hard link to the directory ${quoteOctets(linkName)}`);
    const source = check(addon.dup(from.directory, 3), 'dup');
    try {
      this.#make(place, components, 'link', ({ directory, name }) =>
        archiveAddon().linkAt(source, from.name, directory, name),
      );
    } finally {
      addon.close(source);
    }
  }

  /** False where this user cannot make such a node. */
  #node(place: Place, components: Components, entry: Entry, type: number): boolean {
    let denied = false;
    this.#make(place, components, 'mknod', ({ directory, name }) => {
      const made = archiveAddon().mknodAt(directory, name, type | 0o600, entry.major, entry.minor);
      denied = made === -errno.EPERM && entry.kind !== 'fifo';
      return denied ? 0 : made;
    });
    if (denied) this.losses.device();
    return !denied;
  }

  #attributes({ directory, name }: Place, entry: Attributes, hasMode: boolean): void {
    const { uid, gid, mtime } = entry;
    if (this.#keepsOwners) {
      const changed = archiveAddon().chownAt(directory, name, uid, gid);
      // An id that this user namespace has no number for.
      if (changed === -errno.EINVAL) this.losses.owner(uid, gid);
      else check(changed, `give it to ${uid}:${gid}`);
    } else if (uid !== 0 || gid !== 0) {
      this.losses.owner(uid, gid);
    }
    // After the owner, whose change takes file capabilities and the setuid bit away.
    for (const [attribute, value] of entry.attributes) this.#extended(directory, name, attribute, value);
    if (entry.acl) this.losses.acl();
    if (hasMode) check(archiveAddon().chmodAt(directory, name, entry.mode), 'chmod');
    check(archiveAddon().setTimeAt(directory, name, mtime.seconds, mtime.nanoseconds), 'set its time');
  }

  #extended(directory: number, name: string, attribute: string, value: Uint8Array): void {
    if (isForeign(attribute)) {
      this.losses.attribute(attribute);
      return;
    }
    const set = archiveAddon().setAttributeAt(directory, name, attribute, value);
    if (set === -errno.EOPNOTSUPP || set === -errno.EPERM) this.losses.attribute(attribute);
    else check(set, `set its extended attribute ${quoteOctets(attribute)}`);
  }
}
