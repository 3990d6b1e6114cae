/** Runs a program of the host to its end and keeps what it prints. */
import { addon } from './addon.ts';
import type { Caller } from './caller.ts';
import { envOf } from './caller.ts';
import { ACCESS, O, POLL, S } from './constants.ts';
import { check, checkValue, SysError } from './sys.ts';

/** What a program said, and how it ended. */
export interface Ended {
  /** The exit status, or 128 and the number of the signal that ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const SIGKILL = 9;
const CHUNK = 64 * 1024;
/** More than that nobody reads, and no table of processes is as long. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/** Finds a program as a shell does, in absolute directories of the caller's PATH; undefined where there is none. */
export function findProgram(name: string, caller: Caller): string | undefined {
  for (const directory of (envOf(caller, 'PATH') || defaultPath).split(':')) {
    if (!directory.startsWith('/')) continue;
    const path = `${directory}/${name}`;
    const stat = addon.stat(path, true);
    const isFile = typeof stat !== 'number' && (stat.mode & S.IFMT) === S.IFREG;
    if (isFile && addon.access(path, ACCESS.EXECUTE) === 0) return path;
  }
  return undefined;
}

/** The end of a pipe that is read until everybody has closed the other one. */
class Output {
  readonly #fd: number;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  isOpen = true;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get fd(): number {
    return this.isOpen ? this.#fd : -1;
  }

  read(): void {
    const chunk = new Uint8Array(CHUNK);
    const count = addon.read(this.#fd, chunk);
    if (count <= 0) this.close();
    else if (this.#size < MAX_OUTPUT) {
      this.#size += count;
      this.#chunks.push(chunk.subarray(0, count));
    }
  }

  close(): void {
    if (this.isOpen) addon.close(this.#fd);
    this.isOpen = false;
  }

  text(): string {
    const decoder = new TextDecoder();
    return this.#chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('') + decoder.decode();
  }
}

function readAll(outputs: readonly Output[]): void {
  const fds = new Int32Array(outputs.length * 2);
  while (outputs.some(({ isOpen }) => isOpen)) {
    fds.set(outputs.flatMap(({ fd }) => [fd, POLL.IN]));
    check(addon.poll(fds, -1), 'poll', 'the output of a program');
    outputs.forEach((output, index) => {
      if (output.isOpen && fds[index * 2 + 1]) output.read();
    });
  }
}

/**
 * Runs `path`, with the caller's environment and nothing on standard input.
 *
 * @param passed Descriptors that it has as 3 and so on; the caller's to close.
 * @throws {SysError} it cannot be run.
 */
export function runProgram(
  path: string,
  argv: readonly string[],
  caller: Caller,
  passed: readonly number[] = [],
): Ended {
  const nothing = check(addon.open('/dev/null', O.RDONLY, 0), 'open', '/dev/null');
  const pipes = [checkValue(addon.pipe(), 'pipe'), checkValue(addon.pipe(), 'pipe')];
  const outputs = pipes.map(([readEnd]) => new Output(readEnd));
  try {
    const pid = addon.spawn({
      path,
      argv,
      env: caller.env,
      fds: [nothing, ...pipes.map(([, writeEnd]) => writeEnd), ...passed],
      parentDeathSignal: SIGKILL,
      softNofile: caller.softNofile,
      ignoredSignals: caller.ignoredSignals,
      blockedSignals: caller.blockedSignals,
    });
    for (const [, writeEnd] of pipes) addon.close(writeEnd);
    if (pid < 0) throw new SysError(-pid, 'execve', path);
    readAll(outputs);
    const ended = checkValue(addon.wait(pid, true), 'waitid', path);
    const status = ended === null ? 0 : ended.signal > 0 ? 128 + ended.signal : ended.code;
    const [stdout = '', stderr = ''] = outputs.map((output) => output.text());
    return { status, stdout, stderr };
  } finally {
    for (const output of outputs) output.close();
    addon.close(nothing);
  }
}
