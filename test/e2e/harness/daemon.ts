/** A daemon that a test starts, waits for and ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { until } from './kernel.ts';
import { defaultEnvironment } from './runtime.ts';

export class Daemon {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #name: string;

  private constructor(name: string, child: ChildProcess, log: string) {
    this.#name = name;
    this.#child = child;
    this.#log = log;
  }

  /** Starts a command whose output goes to the end of the file `log`, and waits until `answers`. */
  static async start(
    argv: readonly [string, ...string[]],
    options: { log: string; env?: Record<string, string>; answers: () => Promise<boolean> },
  ): Promise<Daemon> {
    const [file, ...rest] = argv;
    const output = openSync(options.log, 'a');
    const child = spawn(file, rest, {
      stdio: ['ignore', output, output],
      env: { ...defaultEnvironment, ...options.env },
    });
    closeSync(output);
    const daemon = new Daemon(file, child, options.log);
    await daemon.#or('answers', options.answers);
    return daemon;
  }

  get log(): string {
    return readFileSync(this.#log, 'utf8');
  }

  /** The daemon's own process. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get #gone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #or(what: string, condition: () => Promise<boolean>): Promise<void> {
    try {
      await until(
        `${this.#name} ${what}`,
        async () => {
          if (this.#gone) throw new Error(`${this.#name} ended`);
          return await condition();
        },
        30,
      );
    } catch (error) {
      this.#child.kill('SIGKILL');
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.log.slice(-4000)}`);
    }
  }

  /** Ends it, and waits for its end. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal);
    await until(`${this.#name} ends`, () => this.#gone, 30);
  }
}
