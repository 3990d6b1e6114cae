import type { Finding, Severity } from './finding.ts';
import type { Path } from './json/error.ts';
import { locate } from './json/locate.ts';
import { positionOf } from './json/text.ts';

/** Something wrong with a configuration file, in words and with its place. */
export interface Diagnostic {
  readonly severity: Severity;
  /** The file as the caller named it. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in characters. */
  readonly column: number;
  /** JSON pointer (RFC 6901) of the property: `/linux/namespaces/0/type`; empty for the document as a whole. */
  readonly pointer: string;
  /** The same for people: `linux.namespaces[0].type`. */
  readonly property: string;
  /** What is wrong, the value found, and what to do, in one line without the place. */
  readonly message: string;
}

/** A configuration that cannot be used. Its message is the first diagnostic in one line; `diagnostics` has all of them, errors first. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    const [first] = diagnostics;
    super(first === undefined ? 'invalid configuration' : formatDiagnostic(first));
    this.diagnostics = diagnostics;
  }
}

/** `<file>:<line>:<column>: <property>: <message>`, in one line whatever the strings of the configuration hold. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, property, message } = diagnostic;
  const place = `${escapeControls(file)}:${line}:${column}`;
  return property === '' ? `${place}: ${message}` : `${place}: ${property}: ${message}`;
}

/** Words a finding. `text` is the file's text and `value` its value, which the finding's path leads into. */
export function wordFinding(finding: Finding, file: string, text: string, value: unknown): Diagnostic {
  const { offset, source } = locate(text, finding.path);
  const got = finding.showsValue ? `: got ${showValue(valueAt(value, finding.path), source)}` : '';
  const hint = finding.hint === undefined ? '' : `; ${escapeControls(finding.hint)}`;
  return {
    severity: finding.severity,
    file,
    ...positionOf(text, offset),
    pointer: pointerOf(finding.path),
    property: propertyOf(finding.path),
    message: `${finding.problem}${got}${hint}`,
  };
}

/** JSON pointer of a path (RFC 6901). */
export function pointerOf(path: Path): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** A path for people: `linux.namespaces[0].type`, `annotations["a b"]`. */
export function propertyOf(path: Path): string {
  let property = '';
  for (const step of path) {
    if (typeof step === 'number') property += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(step)) property += property === '' ? step : `.${step}`;
    else property += `[${quote(step)}]`;
  }
  return property;
}

/** How much of a value is shown, in bytes of UTF-8. */
const MAX_SHOWN = 64;

/** A value for a message: short, on one line, without anything that a terminal would obey. */
function showValue(value: unknown, source: string | undefined): string {
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return value.length === 0 ? '[]' : 'an array';
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0 ? '{}' : 'an object';
  // Numbers as they are written: 1e3 and 1.0 have no value of their own.
  return cut(source ?? String(value));
}

function quote(text: string): string {
  const short = cut(text);
  return `"${escapeControls(short.replaceAll('\\', '\\\\').replaceAll('"', '\\"'))}"`;
}

function cut(text: string): string {
  // A character takes at most four bytes, so that most values need no counting.
  if (text.length * 3 <= MAX_SHOWN) return text;
  let bytes = 0;
  let short = '';
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (bytes > MAX_SHOWN) return `${short}…`;
    short += character;
  }
  return short;
}

/** Control characters, and those that change the direction of text or cannot be seen. */
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function escapeControls(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const simple = character === '\n' ? '\\n' : character === '\t' ? '\\t' : undefined;
    return simple ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return undefined;
    current = (current as Record<string | number, unknown>)[step];
  }
  return current;
}
