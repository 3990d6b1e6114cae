/** Signatures of D-Bus: taken apart and checked. D-Bus Specification, "Signature". */

/** Bytes that are not D-Bus, or a value that D-Bus cannot carry. */
export class DBusFormatError extends Error {
  constructor(message: string) {
    super(`D-Bus: ${message}`);
  }
}

const BASIC = 'ybnqiuxtdsogh';
const LONGEST_SIGNATURE = 255;
/** The most arrays within each other, and the same for structures. */
const DEEPEST = 32;

function fault(signature: string, why: string): DBusFormatError {
  return new DBusFormatError(`signature ${JSON.stringify(signature)}: ${why}`);
}

interface Depth {
  readonly arrays: number;
  readonly structures: number;
}

/** The index after the members of a structure or a dictionary entry, whose end is `close`. */
function endOfMembers(signature: string, start: number, close: string, depth: Depth): number {
  let at = start;
  let members = 0;
  const inside = { arrays: depth.arrays, structures: depth.structures + 1 };
  for (; signature[at] !== close; members++) {
    if (close === '}' && members === 0 && !BASIC.includes(signature[at] ?? ' '))
      throw fault(signature, 'the key of a dictionary is not a basic type');
    at = endOfType(signature, at, inside);
  }
  if (close === '}' ? members !== 2 : members === 0) throw fault(signature, `${members} members before ${close}`);
  return at + 1;
}

/** The index after the complete type that begins at `at`. */
function endOfType(signature: string, at: number, depth: Depth): number {
  const code = signature[at];
  if (code === undefined) throw fault(signature, 'it ends within a type');
  if (code === 'v' || BASIC.includes(code)) return at + 1;
  if (depth.arrays > DEEPEST || depth.structures > DEEPEST) throw fault(signature, 'too many types within each other');
  if (code === '(') return endOfMembers(signature, at + 1, ')', depth);
  if (code !== 'a') throw fault(signature, `${JSON.stringify(code)} is no type`);
  const inside = { arrays: depth.arrays + 1, structures: depth.structures };
  if (signature[at + 1] === '{') return endOfMembers(signature, at + 2, '}', inside);
  return endOfType(signature, at + 1, inside);
}

/**
 * The complete types of a signature: `sa(sv)u` gives `s`, `a(sv)`, `u`.
 *
 * @throws {DBusFormatError} It is not a signature.
 */
export function splitSignature(signature: string): string[] {
  if (signature.length > LONGEST_SIGNATURE) throw fault(signature, `longer than ${LONGEST_SIGNATURE} bytes`);
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = endOfType(signature, at, { arrays: 0, structures: 0 });
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

/** The types of the members of a structure `(…)` or of a dictionary entry `{…}`. */
export function membersOf(type: string): string[] {
  return splitSignature(type.slice(1, -1));
}

/** On what multiple of bytes a value of this type begins. */
export function alignmentOf(type: string): number {
  switch (type[0]) {
    case 'y':
    case 'g':
    case 'v':
      return 1;
    case 'n':
    case 'q':
      return 2;
    case 'x':
    case 't':
    case 'd':
    case '(':
    case '{':
      return 8;
    default:
      return 4;
  }
}

const pathCharacters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_';

/** Whether `path` is an object path: `/`, or parts of letters, digits and underscores, each after a slash. */
export function isObjectPath(path: string): boolean {
  if (path === '/') return true;
  if (!path.startsWith('/')) return false;
  for (const part of path.slice(1).split('/')) {
    if (part === '') return false;
    for (const character of part) if (!pathCharacters.includes(character)) return false;
  }
  return true;
}
