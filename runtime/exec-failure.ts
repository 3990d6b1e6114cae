/**
 * Why the container's program could not be executed, in words.
 *
 * execve(2) answers with one number for many causes: ENOENT also means that the interpreter of a script or the loader of
 * a binary is missing, ENOEXEC that the file is for another machine. The first bytes of the file tell which it is. Every
 * clause begins with the phrase that callers look for (CONTRACT §2.7), and no clause holds the phrase of another kind.
 */

import { type ElfHeader, elfInterpreter, isElf, machineName, parseElf } from './elf.ts';
import { errno, errnoText } from './errno.ts';
import { quote } from './text.ts';

/** What is known of a failed execve(2). */
export interface ExecFailure {
  /** The positive error number. */
  readonly errno: number;
  /** The program as it was to be executed; a name without a slash means that no directory of PATH has it. */
  readonly path: string;
  /** The file's first bytes, as many as 4 KiB; absent where it could not be read. */
  readonly head?: Uint8Array;
  /** The file's st_mode, if it is known. */
  readonly mode?: number;
  /** The machine of the host: `uname -m`, or the `process.arch` of the engine. */
  readonly hostMachine: string;
}

/** ELIBBAD: the loader of a binary is no valid one. errno.ts has no use for the name. */
const ELIBBAD = 80;

const NOT_FOUND = 'no such file or directory';
const DENIED = 'permission denied';
const BAD_FORMAT = 'exec format error';

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/** The kernel looks at this much of a file for its `#!` line (BINPRM_BUF_SIZE). */
const SCRIPT_LINE_LIMIT = 256;

/** One clause that says why, such as `exec format error: the binary is aarch64, this host is x86-64`. */
export function explainExecFailure(failure: ExecFailure): string {
  const { head } = failure;
  switch (failure.errno) {
    case errno.ENOENT:
      return notFound(failure.path, head);
    case errno.EACCES:
      return `${DENIED}: ${deniedBecause(failure)}`;
    case errno.ENOEXEC:
      return head === undefined ? BAD_FORMAT : `${BAD_FORMAT}: ${badFormatBecause(head, failure.hostMachine)}`;
    case errno.ELOOP:
      return head === undefined
        ? 'too many levels of symbolic links'
        : 'too many levels of interpreters: its `#!` line names a script that names a script, and so on';
    case errno.ETXTBSY:
      return 'text file busy: something has the file open for writing';
    case errno.E2BIG:
      return 'argument list too long: process.args and process.env are larger than the kernel takes';
    case ELIBBAD:
      return `the loader${loaderOf(head)} is no valid one`;
    default:
      return lowerFirst(errnoText(failure.errno));
  }
}

function notFound(path: string, head: Uint8Array | undefined): string {
  if (head === undefined) return path.includes('/') ? NOT_FOUND : 'executable file not found in $PATH';
  const script = parseScript(head);
  if (script !== undefined) return `${NOT_FOUND}: ${missingInterpreter(script)}`;
  if (!isElf(head)) return NOT_FOUND;
  const loader = loaderOf(head);
  if (loader === '') return `${NOT_FOUND}: the loader that the binary asks for is missing`;
  return `${NOT_FOUND}: the binary needs the loader${loader}, which is missing${libraryHint(loader)}`;
}

function missingInterpreter({ interpreter }: Script): string {
  if (interpreter.endsWith('\r')) {
    return `its \`#!\` line ends in CR LF, so the interpreter looked for is ${quote(interpreter)}: save the file with LF`;
  }
  return `its interpreter ${quote(interpreter)} (from its \`#!\` line), or what that needs, is missing`;
}

/** What a missing loader most often means: a binary made for another C library than the image's. */
function libraryHint(loader: string): string {
  if (loader.includes('/ld-linux')) return ': perhaps a glibc program in a musl image';
  if (loader.includes('/ld-musl')) return ': perhaps a musl program in a glibc image';
  return '';
}

function deniedBecause({ path, head, mode }: ExecFailure): string {
  const type = mode === undefined ? undefined : mode & S_IFMT;
  if (type === S_IFDIR) return 'it is a directory';
  if (type !== undefined && type !== S_IFREG) return 'it is not a regular file';
  if (mode !== undefined && (mode & 0o111) === 0)
    return `nobody may execute it (mode ${octal(mode)}): chmod +x ${path}`;
  const script = head === undefined ? undefined : parseScript(head);
  if (script !== undefined)
    return `it or its interpreter ${quote(script.interpreter)} may not be executed by this user`;
  if (head !== undefined && isElf(head) && loaderOf(head) !== '') {
    return `it or its loader${loaderOf(head)} may not be executed by this user`;
  }
  return 'this user may not execute it, or its file system is mounted noexec';
}

function badFormatBecause(head: Uint8Array, hostMachine: string): string {
  if (head.length === 0) return 'the file is empty';
  if (isElf(head)) return badElfBecause(head, hostMachine);
  if (startsWith(head, '#!')) return badScriptBecause(head);
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf && startsWith(head.subarray(3), '#!')) {
    return 'a byte order mark stands before its `#!`';
  }
  for (const [magic, what] of FOREIGN_FORMATS) {
    if (startsWith(head, magic)) return `it is ${what}, not a Linux program`;
  }
  if (head.includes(0)) return 'it is neither an ELF binary nor a script';
  return 'it is a text file without a `#!` line, such as `#!/bin/sh`';
}

const FOREIGN_FORMATS: readonly (readonly [magic: string, what: string])[] = [
  ['\0asm', 'a WebAssembly module'],
  ['MZ', 'a Windows or DOS program'],
  ['\xcf\xfa\xed\xfe', 'a macOS program'],
  ['\xca\xfe\xba\xbe', 'a Java class or a universal macOS program'],
  ['PK\x03\x04', 'a zip archive'],
  ['\x1f\x8b', 'a gzip file'],
  ['!<arch>\n', 'an archive of object files'],
];

function badElfBecause(head: Uint8Array, hostMachine: string): string {
  const elf = parseElf(head);
  if (elf === undefined) return 'its ELF header is cut short';
  const host = machineName(hostMachine);
  const binary = elfMachine(elf);
  if (binary !== host) return `the binary is ${binary}, this host is ${host}`;
  if (elf.type === 'object') return 'it is an object file that was not linked';
  if (elf.type === 'core') return 'it is a core dump';
  return `it is for this machine (${host}), but damaged, or of a kind that this kernel cannot load`;
}

function elfMachine({ machine, bits, bigEndian }: ElfHeader): string {
  if (machine === 'x86-64' && bits === 32) return 'x32';
  // A name that says width or order already needs no more of it.
  const order = bigEndian && BIG_ENDIAN_TWINS.has(machine) ? ' (big-endian)' : '';
  const width = bits === 32 && machine === 'aarch64' ? ' (ilp32)' : '';
  return `${machine}${width}${order}`;
}

/** Machines of both byte orders that carry the same name in both. */
const BIG_ENDIAN_TWINS: ReadonlySet<string> = new Set(['aarch64', 'arm', 'x86-64', 'i386']);

function badScriptBecause(head: Uint8Array): string {
  const script = parseScript(head);
  if (script !== undefined)
    return `its interpreter ${quote(script.interpreter)} is not something this host can execute`;
  const line = head.subarray(0, SCRIPT_LINE_LIMIT);
  if (line.length === SCRIPT_LINE_LIMIT && !line.includes(NEWLINE)) {
    return `its \`#!\` line is longer than the kernel reads (${SCRIPT_LINE_LIMIT - 1} bytes)`;
  }
  return 'its `#!` line names no interpreter';
}

interface Script {
  /** The first word after `#!`. */
  readonly interpreter: string;
}

const NEWLINE = 0x0a;

/** The `#!` line as the kernel reads it (fs/binfmt_script.c): the interpreter ends at a space, a tab, a NUL or the line. */
function parseScript(head: Uint8Array): Script | undefined {
  if (!startsWith(head, '#!')) return undefined;
  const seen = head.subarray(2, SCRIPT_LINE_LIMIT);
  const newline = seen.indexOf(NEWLINE);
  const line = newline < 0 ? seen : seen.subarray(0, newline);
  const text = new TextDecoder().decode(line).replace(/^[ \t]+/, '');
  const [interpreter = ''] = text.split(/[ \t\0]/, 1);
  // Without an end in sight the interpreter's name may have been cut, and the kernel refuses to run half of it.
  const cut = newline < 0 && head.length >= SCRIPT_LINE_LIMIT && interpreter.length === text.length;
  return interpreter === '' || cut ? undefined : { interpreter };
}

/** ` "<path>"` of a binary's loader; nothing where there is none, or it stands further on than `head` reaches. */
function loaderOf(head: Uint8Array | undefined): string {
  const loader = head === undefined ? undefined : elfInterpreter(head);
  return loader === undefined ? '' : ` ${quote(loader)}`;
}

function startsWith(bytes: Uint8Array, magic: string): boolean {
  if (bytes.length < magic.length) return false;
  for (let index = 0; index < magic.length; index++) {
    if (bytes[index] !== magic.charCodeAt(index)) return false;
  }
  return true;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
