/** newuidmap(1) and newgidmap(1): they map ranges of ids that /etc/subuid and /etc/subgid give to the caller. */
import type { IdMapping } from '../../spec/config.ts';
import { addon } from '../addon.ts';
import { type Caller, envOf } from '../caller.ts';
import { O, POLL } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { boundingCapabilities, readText } from '../host.ts';
import type { IdMap, IdMaps } from '../plan/types.ts';
import { check, checkValue, SysError } from '../sys.ts';
import { decodeText, quote } from '../text.ts';
import { withoutPower } from './map-refusal.ts';
import { tooLong } from './map-text.ts';

const F_OK = 0;
const X_OK = 1;
const SET_USER_ID = 0o4000;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const OUTPUT_MAX = 4096;
const MAX_IDS = 2 ** 32;

type Kind = 'uid' | 'gid';

function findHelper(name: string, caller: Caller, mode = X_OK): string | undefined {
  for (const directory of `${envOf(caller, 'PATH') ?? ''}:${DEFAULT_PATH}`.split(':'))
    if (directory.startsWith('/') && addon.access(`${directory}/${name}`, mode) === 0) return `${directory}/${name}`;
  return undefined;
}

/** Why no helper was found, and what to do. */
function missing(name: string, caller: Caller): string {
  const there = findHelper(name, caller, F_OK);
  return there === undefined
    ? 'which is not in PATH: install it (package uidmap or shadow-utils)'
    : `and ${there} is not executable: let root change that (chmod 4755 ${there})`;
}

/** The caller's name in /etc/passwd; its number where that has none. */
function ownName(): string {
  const uid = String(addon.geteuid());
  for (const line of readText('/etc/passwd').split('\n')) {
    const [name, , id] = line.split(':');
    if (id === uid && name) return name;
  }
  return uid;
}

/** The lines of /etc/subuid or /etc/subgid that are the caller's, as ranges. */
function subordinateIds(file: string, name: string): { first: number; size: number }[] {
  const ranges: { first: number; size: number }[] = [];
  for (const line of readText(file).split('\n')) {
    const [owner, first = '', size = ''] = line.split(':');
    if (owner !== name && owner !== String(addon.geteuid())) continue;
    const range = { first: Number(first || Number.NaN), size: Number(size || Number.NaN) };
    // The helpers pass over what is no range of ids.
    if (range.first >= 0 && range.size > 0 && range.first + range.size <= MAX_IDS) ranges.push(range);
  }
  return ranges;
}

/** The caller himself as id 0, and behind him what /etc/subuid or /etc/subgid gives to him. Undefined where that is nothing. */
function wholeMap(kind: Kind, caller: Caller): IdMap | undefined {
  const ranges = subordinateIds(`/etc/sub${kind}`, ownName()).filter(({ first }) => first > 0);
  if (ranges.length === 0 || findHelper(`new${kind}map`, caller) === undefined) return undefined;
  const mappings = [{ containerID: 0, hostID: kind === 'uid' ? addon.geteuid() : addon.getegid(), size: 1 }];
  let next = 1;
  for (const { first, size } of ranges) {
    mappings.push({ containerID: next, hostID: first, size });
    next += size;
  }
  return { mappings, by: 'helper' };
}

/** The maps of a user namespace with all ids that a caller without privileges can have; undefined where that is his own alone. */
export function wholeMaps(caller: Caller): IdMaps | undefined {
  const uid = wholeMap('uid', caller);
  const gid = uid && wholeMap('gid', caller);
  return uid && gid && { uid, gid, denySetgroups: false };
}

/** What is wrong with the mappings, going by the file; another source of ranges (NSS) may be configured. */
function wrongRange(kind: Kind, mappings: readonly IdMapping[]): string | undefined {
  const file = `/etc/sub${kind}`;
  const name = ownName();
  const own = kind === 'uid' ? addon.geteuid() : addon.getegid();
  const ranges = subordinateIds(file, name);
  const add = (first: number, last: number): string => `usermod --add-sub${kind}s ${first}-${last} ${name}`;
  for (const { hostID, size } of mappings) {
    if (size === 1 && hostID === own) continue;
    if (ranges.length === 0)
      return `${file} gives no range to ${quote(name)}: let root add one (${add(100000, 165535)})`;
    const last = hostID + size - 1;
    if (!ranges.some((range) => hostID >= range.first && last < range.first + range.size))
      return `the host ids ${hostID} to ${last} are not among those that ${file} gives to ${quote(name)} (${ranges
        .map((range) => `${range.first} to ${range.first + range.size - 1}`)
        .join(', ')}): map those, or let root add a range (${add(hostID, last)})`;
  }
  return undefined;
}

/** Why a helper that is in its rights has no privilege. */
function powerless(path: string): string | undefined {
  if (/^NoNewPrivs:\s*1$/m.test(readText('/proc/self/status')))
    return 'the caller has no_new_privs set, under which no program gains a privilege: start tsrun without it';
  const stat = addon.stat(path, true);
  const isPrivileged =
    typeof stat === 'number' ||
    ((stat.mode & SET_USER_ID) !== 0 && stat.uid === 0) ||
    addon.xattrSize(path, 'security.capability') >= 0;
  return isPrivileged
    ? undefined
    : `${path} has neither root's set-user-ID bit nor file capabilities: let root change that (chmod 4755 ${path})`;
}

/** All that a process writes until the last end of the pipe is closed. */
function readAll(fd: number): string {
  const chunk = new Uint8Array(OUTPUT_MAX);
  let text = '';
  for (;;) {
    check(addon.poll(Int32Array.of(fd, POLL.IN), -1), 'poll', 'the helper');
    const count = addon.read(fd, chunk);
    if (count <= 0) return text.trim();
    if (text.length < OUTPUT_MAX) text += decodeText(chunk.subarray(0, count));
  }
}

/** Runs a program to its end. Returns what it said, and whether it succeeded. */
function runProgram(path: string, args: readonly string[], caller: Caller): { output: string; worked: boolean } {
  const stdin = check(addon.open('/dev/null', O.RDONLY, 0), 'open', '/dev/null');
  const [readEnd, writeEnd] = checkValue(addon.pipe(), 'pipe');
  const pid = addon.spawn({
    path,
    argv: [path, ...args],
    env: [`PATH=${DEFAULT_PATH}`],
    fds: [stdin, writeEnd, writeEnd],
    softNofile: caller.softNofile,
    ignoredSignals: caller.ignoredSignals,
    blockedSignals: caller.blockedSignals,
  });
  addon.close(stdin);
  addon.close(writeEnd);
  try {
    if (pid < 0) throw new SysError(-pid, 'execve', path);
    const output = readAll(readEnd);
    const status = addon.wait(pid, true);
    return { output, worked: typeof status === 'object' && status?.code === 0 };
  } finally {
    addon.close(readEnd);
  }
}

/**
 * Maps the ids of the user namespace of process `pid` by the helper.
 * @throws {TsrunError} `namespace`: there is no helper, or it refuses.
 */
export function runMapHelper(pid: number, kind: Kind, mappings: readonly IdMapping[], caller: Caller): void {
  const name = `new${kind}map`;
  const property = `linux.${kind}Mappings`;
  const powerlessCaller = withoutPower(kind, boundingCapabilities());
  if (powerlessCaller !== undefined)
    throw new TsrunError(
      'namespace',
      `${property}: more than the caller's own id cannot be mapped: ${powerlessCaller}`,
    );
  const path = findHelper(name, caller);
  if (path === undefined)
    throw new TsrunError(
      'namespace',
      `${property}: more than the caller's own id can be mapped only by ${name}, ${missing(name, caller)}, or map the one id ${kind === 'uid' ? addon.geteuid() : addon.getegid()} alone`,
    );
  const args = [String(pid)];
  for (const { containerID, hostID, size } of mappings) args.push(String(containerID), String(hostID), String(size));
  const { output, worked } = runProgram(path, args, caller);
  if (worked) return;
  const text = mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
  const reason = wrongRange(kind, mappings) ?? powerless(path) ?? tooLong(text);
  const said = output === '' ? '' : `: it said ${quote(output, OUTPUT_MAX)}`;
  throw new TsrunError('namespace', `${property}: ${name} refused${said}${reason === undefined ? '' : `: ${reason}`}`);
}
