/** Starts the program that makes a sandbox's network, when the sandbox's namespaces are there and before anything runs in it. */
import { addon } from '../addon.ts';
import { type Caller, envOf } from '../caller.ts';
import { ACCESS, O, POLL } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import { type ProcessIdentity, readStat } from '../process.ts';
import { findProgram, runProgram } from '../program.ts';
import type { Container } from '../store.ts';
import { check, checkValue, SysError } from '../sys.ts';
import { decodeText, quote } from '../text.ts';
import {
  type NetworkProgram,
  type NetworkWish,
  packageOf,
  pastaArguments,
  slirpArguments,
  slirpForward,
} from './network.ts';

const SIGKILL = 9;
/** The first that a program has beside its standard ones. */
const PASSED_FD = 3;
const MAX_WORDS = 4096;

/** Where the program is. @throws {TsrunError} `host-unsupported` */
export function findNetworkProgram(program: NetworkProgram, caller: Caller): string {
  const path = findProgram(program, caller);
  if (path !== undefined) return path;
  throw new TsrunError(
    'host-unsupported',
    `--net ${program}: there is no ${program} in ${envOf(caller, 'PATH') ?? 'the usual directories'}: install it (package ${packageOf(program)})`,
  );
}

function failed(program: NetworkProgram, said: string): TsrunError {
  const noDevice =
    addon.access('/dev/net/tun', ACCESS.WRITE) === 0 ? '' : ': /dev/net/tun cannot be opened, which it needs';
  const words = said.trim();
  return new TsrunError(
    'host-unsupported',
    `--net ${program}: it made no network${words === '' ? '' : `: it said ${quote(words, MAX_WORDS)}`}${noDevice}`,
  );
}

function identify(program: NetworkProgram, pid: number): ProcessIdentity {
  const stat = readStat(pid);
  if (!stat || stat.state === 'Z') throw failed(program, '');
  return { pid, startTime: stat.startTime };
}

/** What the program has said until now. */
function wordsIn(log: string): string {
  const bytes = addon.readFile(log, 2 ** 20);
  return typeof bytes === 'number' ? '' : decodeText(bytes);
}

/** The first port that anybody may have. ip(7) */
function firstPort(): string {
  const text = addon.readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', MAX_WORDS);
  return typeof text === 'number' ? '1024' : decodeText(text).trim();
}

/** Asks for one forward. @throws {TsrunError} `usage`: the port is taken, or not the caller's. */
function forward(socket: string, request: string, text: string): void {
  const fd = check(addon.connectUnix(socket), 'connect', socket);
  const answer = new Uint8Array(MAX_WORDS);
  addon.write(fd, request);
  check(addon.poll(Int32Array.of(fd, POLL.IN), -1), 'poll', socket);
  const length = Math.max(0, addon.read(fd, answer));
  addon.close(fd);
  const said = decodeText(answer.subarray(0, length));
  if (!said.includes('"error"') && said !== '') return;
  throw new TsrunError(
    'usage',
    `--publish ${text}: slirp4netns refuses: it said ${quote(said, MAX_WORDS)}: the port is in use, or one of root's (those below ${firstPort()})`,
  );
}

function startSlirp(path: string, pid: number, wish: NetworkWish, caller: Caller, container: Container): void {
  const socket = container.path('bundle/network');
  const log = container.path('bundle/network.log');
  const nothing = check(addon.open('/dev/null', O.RDONLY, 0), 'open', '/dev/null');
  const words = check(addon.open(log, O.WRONLY | O.CREAT | O.APPEND, 0o600), 'open', log);
  const [readEnd, writeEnd] = checkValue(addon.pipe(), 'pipe');
  const started = addon.spawn({
    path,
    argv: slirpArguments(pid, wish, { readyFd: PASSED_FD, socket }),
    env: caller.env,
    fds: [nothing, words, words, writeEnd],
    newSession: true,
    parentDeathSignal: SIGKILL,
    softNofile: caller.softNofile,
    ignoredSignals: caller.ignoredSignals,
    blockedSignals: caller.blockedSignals,
  });
  for (const fd of [nothing, words, writeEnd]) addon.close(fd);
  try {
    if (started < 0) throw new SysError(-started, 'execve', path);
    container.addHelper(identify(wish.program, started));
    check(addon.poll(Int32Array.of(readEnd, POLL.IN), -1), 'poll', 'slirp4netns');
    if (addon.read(readEnd, new Uint8Array(1)) !== 1) throw failed(wish.program, wordsIn(log));
  } finally {
    addon.close(readEnd);
  }
  for (const port of wish.ports) forward(socket, slirpForward(port), `${port.host}:${port.container}`);
}

/** pasta goes into the background by itself when all is there. */
function startPasta(path: string, pid: number, wish: NetworkWish, caller: Caller, container: Container): void {
  const pidFile = container.path('bundle/network.pid');
  const namespaces: number[] = [];
  if (addon.geteuid() === 0)
    namespaces.push(check(addon.open(`/proc/${pid}/ns/net`, O.RDONLY, 0), 'open', 'the network namespace'));
  const place = { pidFile, namespaceFd: namespaces.length > 0 ? PASSED_FD : undefined };
  const { status, stdout, stderr } = runProgram(path, pastaArguments(pid, wish, place), caller, namespaces);
  for (const fd of namespaces) addon.close(fd);
  if (status !== 0) throw failed(wish.program, `${stdout}${stderr}`);
  container.addHelper(identify(wish.program, Number(readText(pidFile))));
}

/**
 * Makes the network in the namespaces of process `pid`. The program ends with the container, in whose directory it is noted.
 *
 * @throws {TsrunError} `host-unsupported`, `usage`
 */
export function startNetwork(path: string, pid: number, wish: NetworkWish, caller: Caller, container: Container): void {
  if (wish.program === 'pasta') startPasta(path, pid, wish, caller, container);
  else startSlirp(path, pid, wish, caller, container);
}
