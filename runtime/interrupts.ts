/** The signals by which people and supervisors end a command. The launcher has blocked them all: who waits for others looks for them. */
import { addon } from './addon.ts';
import type { Caller } from './caller.ts';
import { TsrunError } from './errors.ts';
import { found } from './lists.ts';
import { check } from './sys.ts';

/** Hangup, interrupt, quit, termination. */
const ENDING: readonly (readonly [number, string])[] = [
  [1, 'SIGHUP'],
  [2, 'SIGINT'],
  [3, 'SIGQUIT'],
  [15, 'SIGTERM'],
];

const has = (mask: bigint, signal: number): boolean => ((mask >> BigInt(signal - 1)) & 1n) === 1n;

/** What the caller ignored or blocked does not end us either, as with nohup(1). */
function endingFor({ ignoredSignals, blockedSignals }: Pick<Caller, 'ignoredSignals' | 'blockedSignals'>): number[] {
  const signals: number[] = [];
  for (const [signal] of ENDING) if (!has(ignoredSignals | blockedSignals, signal)) signals.push(signal);
  return signals;
}

export class Interrupts {
  readonly #signals: readonly number[];
  #fd = -1;

  constructor(caller: Pick<Caller, 'ignoredSignals' | 'blockedSignals'>) {
    this.#signals = endingFor(caller);
  }

  /** Can be read where there is a signal: to be polled beside what is waited for. Opened then, for descriptors may be few. */
  get fd(): number {
    if (this.#fd < 0) this.#fd = check(addon.signalfd(this.#signals), 'signalfd');
    return this.#fd;
  }

  /**
   * @param doing What is ended, for the error.
   * @param consequence What follows from that.
   * @throws {TsrunError} `interrupted`, where there was a signal: with 128 and its number as the exit status, as shells have it.
   */
  obey(doing: string, consequence = ''): void {
    const signal = addon.readSignal(this.fd);
    const ending = found(ENDING, ([number]) => number === signal);
    if (!ending) return;
    const [number, name] = ending;
    throw new TsrunError('interrupted', `${doing}: ended by ${name}${consequence}`, { exitCode: 128 + number });
  }
}
