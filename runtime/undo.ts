/** What must be taken back when a later step fails. Each acquisition registers its undo; they run in reverse. */
import { asTsrunError, type TsrunError } from './errors.ts';

export class Undo {
  readonly #actions: (() => void)[] = [];

  /** Registers what takes the last step back. */
  push(action: () => void): void {
    this.#actions.push(action);
  }

  /** Nothing is to be taken back any more. */
  commit(): void {
    this.#actions.length = 0;
  }

  /** Takes everything back; a failure of that is attached to `error`, never thrown in its place. */
  run(error: unknown): TsrunError {
    const known = asTsrunError(error);
    for (let action = this.#actions.pop(); action; action = this.#actions.pop()) {
      try {
        action();
      } catch (failure) {
        known.attach(failure);
      }
    }
    return known;
  }
}
