import type { Config, Mount, Process, Resources } from './config.ts';
import { ConfigError, type Diagnostic, pointerOf, propertyOf, wordFinding } from './diagnostic.ts';
import type { Finding } from './finding.ts';
import { JsonError } from './json/error.ts';
import { parseJson } from './json/parse.ts';
import { decodeText, positionOf, positionOfByte } from './json/text.ts';
import { CONFIG, type DocumentKind, MOUNT_LIST, MOUNTED, PROCESS, RESOURCES, validate } from './validate.ts';

export interface LoadOptions {
  /** Unknown properties are errors instead of warnings. */
  readonly strict?: boolean;
}

/** A document that can be used, and what is questionable about it. */
export interface Loaded<Value> {
  readonly value: Value;
  /** Worded when they are read: most callers log no warnings. */
  readonly warnings: readonly Diagnostic[];
}

/**
 * Reads and validates the bytes of a config.json. config.md
 *
 * @param file the name for messages
 * @throws ConfigError
 */
export function loadConfig(
  bytes: Uint8Array,
  file: string,
  options: LoadOptions = {},
): { config: Config; warnings: readonly Diagnostic[] } {
  const loaded = load(CONFIG, bytes, file, options);
  return {
    config: loaded.value,
    get warnings() {
      return loaded.warnings;
    },
  };
}

/** The configuration in a text that `loadConfig` has taken before: nothing is looked at but that it is JSON. @throws ConfigError */
export function reloadConfig(bytes: Uint8Array, file: string): Config {
  return loadJson(bytes, file).value as Config;
}

/** As `loadConfig`, for a `process` object alone. @throws ConfigError */
export function loadProcess(bytes: Uint8Array, file: string, options: LoadOptions = {}): Loaded<Process> {
  return load(PROCESS, bytes, file, options);
}

/** As `loadConfig`, for a `linux.resources` object alone. @throws ConfigError */
export function loadResources(bytes: Uint8Array, file: string, options: LoadOptions = {}): Loaded<Resources> {
  return load(RESOURCES, bytes, file, options);
}

/** What makes a JSON array of mounts into an object that has them. */
const BEFORE_MOUNTS = '{"mounts":';

/**
 * As `loadConfig`, for an array of mounts, or an object with such an array in `mounts`.
 *
 * @param use Whether they are to be mounted, or only their destinations count.
 * @throws ConfigError
 */
export function loadMounts(bytes: Uint8Array, file: string, use: 'mounted' | 'named'): readonly Mount[] {
  const kind = use === 'mounted' ? MOUNT_LIST : MOUNTED;
  const text = decode(bytes, file);
  if (!text.trimStart().startsWith('[')) return loadText(kind, text, file, {}).value.mounts;
  try {
    return loadText(kind, `${BEFORE_MOUNTS}${text}}`, file, {}).value.mounts;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // The place in the file as it is.
    throw new ConfigError(
      error.diagnostics.map((found) =>
        found.line === 1 ? { ...found, column: Math.max(1, found.column - BEFORE_MOUNTS.length) } : found,
      ),
    );
  }
}

/** The text of a JSON document and its value, which nobody has validated. @throws ConfigError where it is no JSON */
export function loadJson(bytes: Uint8Array, file: string): { text: string; value: unknown } {
  const text = decode(bytes, file);
  return { text, value: parse(text, file) };
}

function load<Value>(kind: DocumentKind<Value>, bytes: Uint8Array, file: string, options: LoadOptions): Loaded<Value> {
  return loadText(kind, decode(bytes, file), file, options);
}

function loadText<Value>(kind: DocumentKind<Value>, text: string, file: string, options: LoadOptions): Loaded<Value> {
  const json = parse(text, file);
  const { value, errors, warnings } = validate(kind, json, {
    ...options,
    // The only way to write one: a bare NUL is no JSON.
    isFreeOfNul: !text.includes('\\u0000'),
  });
  const word = (finding: Finding) => wordFinding(finding, file, text, json);
  if (value === undefined) throw new ConfigError([...errors, ...warnings()].map(word));
  return {
    value,
    get warnings() {
      return warnings().map(word);
    },
  };
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return decodeText(bytes);
  } catch (error) {
    throw error instanceof JsonError ? syntaxError(error, file, positionOfByte(bytes, error.offset)) : error;
  }
}

function parse(text: string, file: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw error instanceof JsonError ? syntaxError(error, file, positionOf(text, error.offset)) : error;
  }
}

function syntaxError(error: JsonError, file: string, position: { line: number; column: number }): ConfigError {
  const message = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  const place = { pointer: pointerOf(error.path), property: propertyOf(error.path) };
  return new ConfigError([{ severity: 'error', file, ...position, ...place, message }]);
}
