/** The kinds of flags and arguments, as the tables of the command line describe them, and the types of their values. */
import type { Int64 } from '../../spec/config.ts';
import type { CgroupFlag, UserFlag } from './process-values.ts';

interface FlagBase {
  /** The long name without dashes. */
  readonly name: string;
  /** The one-letter name, without its dash. */
  readonly short?: string;
  /** What it does; part of a sentence, for --help. */
  readonly help: string;
  /** The flag is known but refused when used; the text says what it waits for. */
  readonly refused?: string;
}

/** `--x`, `--x=true`, `--x=false`; false unless given. */
export interface SwitchSpec extends FlagBase {
  readonly kind: 'switch';
}

/** A path, taken as it is; the command resolves it against the caller's directory. */
export interface PathSpec extends FlagBase {
  readonly kind: 'path';
  /** What stands for the value in help texts. */
  readonly value: string;
  readonly default?: string;
}

/** A plain decimal number from 0 to `max`. */
export interface CountSpec extends FlagBase {
  readonly kind: 'count';
  readonly value: string;
  readonly default: number;
  readonly max: number;
}

/** One of a few words. */
export interface ChoiceSpec extends FlagBase {
  readonly kind: 'choice';
  readonly value: string;
  readonly choices: readonly string[];
  /** Absent where "not given" is a case of its own. */
  readonly default?: string;
}

/** A signal by name (with or without SIG) or number. */
export interface SignalSpec extends FlagBase {
  readonly kind: 'signal';
  readonly value: string;
}

/** Any text that is not empty. */
export interface TextSpec extends FlagBase {
  readonly kind: 'text';
  readonly value: string;
}

/** As {@link TextSpec}, given as often as wanted; all values count, in their order. */
export interface TextsSpec extends FlagBase {
  readonly kind: 'texts';
  readonly value: string;
}

/** A whole number of up to 64 bits, exact. */
export interface IntegerSpec extends FlagBase {
  readonly kind: 'integer';
  readonly value: string;
  readonly min: Int64;
  readonly max: Int64;
}

/** Bytes, as a number or with a unit (`64M`), or -1. */
export interface SizeSpec extends FlagBase {
  readonly kind: 'size';
  readonly value: string;
}

/** A user and a group by number: `UID[:GID]`. */
export interface UserSpec extends FlagBase {
  readonly kind: 'user';
  readonly value: string;
}

/** A flag that can be given again and again: all its values, in their order. */
export interface ListSpec extends FlagBase {
  readonly kind: 'list';
  readonly of: keyof ListItems;
  readonly value: string;
}

/** What a list can be of. */
export interface ListItems {
  /** `NAME=value`. */
  readonly variable: string;
  /** A known capability. */
  readonly capability: string;
  /** A user or group by number. */
  readonly id: number;
  readonly cgroup: CgroupFlag;
}

/** A time such as `5s` or `500ms`; milliseconds in the request. */
export interface DurationSpec extends FlagBase {
  readonly kind: 'duration';
  readonly value: string;
  /** Milliseconds. */
  readonly default: number;
}

export type FlagSpec =
  | SwitchSpec
  | PathSpec
  | CountSpec
  | ChoiceSpec
  | SignalSpec
  | TextSpec
  | TextsSpec
  | IntegerSpec
  | SizeSpec
  | DurationSpec
  | UserSpec
  | ListSpec;
export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** A positional argument. An optional argument whose key is also a flag's can be given either way, but not both ways. */
export type ArgSpec =
  | { readonly kind: 'id' | 'path' | 'text'; readonly value: string; readonly help: string; readonly optional?: true }
  | {
      readonly kind: 'signal';
      readonly value: string;
      readonly help: string;
      readonly optional: true;
      readonly default: number;
    }
  // One of a few words.
  | {
      readonly kind: 'choice';
      readonly value: string;
      readonly help: string;
      readonly choices: readonly string[];
      readonly required: true;
      readonly optional?: undefined;
    }
  // Everything that follows the arguments before it, flags too: they are another program's.
  | {
      readonly kind: 'rest';
      readonly value: string;
      readonly help: string;
      readonly optional: true;
      /** Our own flags may stand before it as well: it begins with the first word that is none. */
      readonly afterFlags?: true;
    };
export type ArgSpecs = Readonly<Record<string, ArgSpec>>;

export interface CommandSpec {
  /** One line for the list of commands. */
  readonly summary: string;
  /** More, for the command's own help: sentences. */
  readonly details?: string;
  /** The exit status of a failure; 1 unless said. */
  readonly failureStatus?: number;
  readonly flags: FlagSpecs;
  readonly args: ArgSpecs;
}

type ValueOf<S> = S extends { kind: 'switch' }
  ? boolean
  : S extends { kind: 'rest' | 'texts' }
    ? readonly string[]
    : S extends { kind: 'integer' | 'size' }
      ? Int64 | undefined
      : S extends { kind: 'list'; of: infer Item extends keyof ListItems }
        ? readonly ListItems[Item][]
        : S extends { kind: 'user' }
          ? UserFlag | undefined
          : ScalarOf<S>;

type ScalarOf<S> = S extends { kind: 'count' | 'signal' | 'duration' }
  ? number
  : S extends { kind: 'text'; name: string }
    ? string | undefined
    : S extends { kind: 'choice'; choices: readonly (infer Choice)[] }
      ? Choice | Absent<S>
      : S extends { kind: 'path'; default: string }
        ? string
        : S extends { optional: true } | { kind: 'path'; name: string }
          ? string | undefined
          : string;

/** `undefined` where a choice has no default. */
type Absent<S> = S extends { default: string } | { required: true } ? never : undefined;

/** The parsed values of a table of flags or arguments: every key is there, `undefined` where nothing stands for it. */
export type Values<T> = {
  -readonly [Key in keyof T as T[Key] extends { refused: string } ? never : Key]: ValueOf<T[Key]>;
};
