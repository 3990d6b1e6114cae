/** Terminals: the receiver of a console socket, and a caller that sits at a terminal. Both through `build/guest/host`. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { Facts } from './facts.ts';
import { until } from './kernel.ts';
import { caller, hostToolPath } from './places.ts';
import { asUser, defaultEnvironment } from './runtime.ts';

class Talker {
  protected readonly child: ChildProcess;
  #output = '';
  #ended: number | undefined;

  constructor(argv: string[], streams: number, env: Readonly<Record<string, string>> = defaultEnvironment) {
    this.child = spawn(argv[0] ?? '', argv.slice(1), {
      stdio: Array.from({ length: streams }, () => 'pipe' as const),
      env,
    });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    this.child.on('exit', (code, signal) => {
      this.#ended = signal === null ? (code ?? -1) : -1;
    });
  }

  /** Everything that was said until now, the terminal's CR LF as LF. */
  get output(): string {
    return this.#output.replaceAll('\r\n', '\n');
  }

  get raw(): string {
    return this.#output;
  }

  get facts(): Facts {
    // An echo may stand before a fact on its line.
    return new Facts(this.output.replace(/^[^{\n]+(?=\{"verb")/gm, ''));
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  async said(part: string): Promise<void> {
    await until(`${JSON.stringify(part)} appears in ${JSON.stringify(this.output.slice(-2000))}`, () =>
      this.output.includes(part),
    );
  }

  async ended(): Promise<number> {
    await until(`the end, after ${JSON.stringify(this.output.slice(-2000))}`, () => this.#ended !== undefined);
    return this.#ended ?? -1;
  }

  async close(): Promise<void> {
    if (this.#ended === undefined) this.child.kill('SIGKILL');
    await this.ended();
  }
}

const listen = (path: string, what: string): string[] => [hostToolPath, what, path];

/** Listens on a socket for a terminal, then relays it. */
export class ConsoleSocket extends Talker {
  readonly path: string;

  constructor(path: string, what: 'console' | 'pidfd' = 'console') {
    const argv = listen(path, what);
    // Of the caller's own, for it to connect to.
    super(caller === undefined ? argv : asUser(caller, ...argv), 3);
    this.path = path;
  }

  /** Listens for a terminal, or for a pidfd, whose process is told then. */
  static async listen(path: string, what: 'console' | 'pidfd' = 'console'): Promise<ConsoleSocket> {
    const socket = new ConsoleSocket(path, what);
    await socket.said('"listening"');
    return socket;
  }
}

/** A service manager: what it is told by sd_notify(3). */
export class ServiceManager extends Talker {
  readonly path: string;

  private constructor(path: string) {
    const argv = listen(path, 'manager');
    super(caller === undefined ? argv : asUser(caller, ...argv), 3);
    this.path = path;
  }

  /** Listens at a path, or at an abstract `@name`. */
  static async listen(path: string): Promise<ServiceManager> {
    const manager = new ServiceManager(path);
    await manager.said('"listening"');
    return manager;
  }

  /** The messages so far, and how many descriptors came with each. */
  get messages(): [string, number][] {
    return this.facts.each('message').map(({ payload, fds }) => [String(payload), Number(fds)]);
  }

  async told(count: number): Promise<[string, number][]> {
    await until(`${count} messages in ${this.output}`, () => this.messages.length >= count);
    return this.messages;
  }
}

export interface Modes {
  onlcr: boolean;
  opost: boolean;
  echo: boolean;
  icanon: boolean;
  isig: boolean;
  rows: number;
  columns: number;
}

/** A terminal of the caller's with a command on it. */
export class Terminal extends Talker {
  #reports = '';

  constructor(rows: number, columns: number, argv: readonly string[]) {
    super([hostToolPath, 'pty', String(rows), String(columns), ...argv], 5);
    this.child.stdio[4]?.on('data', (chunk: Buffer) => {
      this.#reports += chunk.toString();
    });
  }

  #tell(line: string): void {
    (this.child.stdio[3] as Writable).write(`${line}\n`);
  }

  resize(rows: number, columns: number): void {
    this.#tell(`size ${rows} ${columns}`);
  }

  signal(number: number): void {
    this.#tell(`signal ${number}`);
  }

  /** The terminal's modes now (or `before` the command began, or `after` its end). */
  async modes(moment: 'modes' | 'before' | 'after' = 'modes'): Promise<Modes> {
    const count = new Facts(this.#reports).each(moment).length;
    if (moment === 'modes') this.#tell('modes');
    const wanted = moment === 'modes' ? count + 1 : 1;
    await until(
      `the terminal's modes (${moment})`,
      () => this.#reports.endsWith('\n') && new Facts(this.#reports).each(moment).length >= wanted,
    );
    return new Facts(this.#reports).each(moment).at(-1) as unknown as Modes;
  }
}
