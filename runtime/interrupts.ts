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
  /** Can be read where there is a signal: to be polled beside what is waited for. */
  readonly fd: number;

  constructor(caller: Pick<Caller, 'ignoredSignals' | 'blockedSignals'>) {
    this.fd = check(addon.signalfd(endingFor(caller)), 'signalfd');
  }

  /**
   * @param doing What is ended, for the error.
   * @throws {TsrunError} `interrupted`, where there was a signal: with 128 and its number as the exit status, as shells have it.
   */
  obey(doing: string): void {
    const signal = addon.readSignal(this.fd);
    const ending = found(ENDING, ([number]) => number === signal);
    if (ending) throw new TsrunError('interrupted', `${doing}: ended by ${ending[1]}`, { exitCode: 128 + ending[0] });
  }
}
