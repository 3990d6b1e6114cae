/**
 * Text from outside (arguments, configuration, what a program printed) made fit for one line of an error or a table:
 * nothing in it can end the line, move a terminal's cursor or reverse the reading direction.
 */

import { once } from './once.ts';

// Making a decoder takes longer than decoding most texts, so there is one for all.
const decoder = once(() => new TextDecoder('utf-8', { ignoreBOM: true }));

/** The text of UTF-8; what is not becomes U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return decoder().decode(bytes);
}

// Controls (C0, DEL, C1), line and paragraph separators, zero-width and bidirectional controls, byte order mark,
// surrogates that are not a pair (the u flag makes a pair one character), and the tag characters no screen shows.
const unprintable = once(
  () =>
    /[\0-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{d800}-\u{dfff}\u{e0000}-\u{e007f}]/gu,
);

function escapeOne(character: string): string {
  switch (character) {
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
  }
  const point = character.codePointAt(0) ?? 0;
  return point <= 0xff ? `\\x${point.toString(16).padStart(2, '0')}` : `\\u{${point.toString(16)}}`;
}

/** `text` with every character that does not show as itself written as an escape (`\n`, `\x1b`, `\u{202e}`). */
export function escapeControls(text: string): string {
  return text.replace(unprintable(), escapeOne);
}

/** The most bytes of a foreign value that an error shows. */
const quotedBytes = 64;

/** Longest prefix of `text` that takes at most `limit` bytes of UTF-8, never half a character. */
function prefixOfBytes(text: string, limit: number): string {
  let bytes = 0;
  let end = 0;
  // A UTF-16 unit takes at least one byte, so the rest of a long text need not be looked at.
  for (const character of text.slice(0, limit + 1)) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (bytes > limit) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** A foreign value as an error shows it: in double quotes, escaped, cut (with `…`) to `limit` bytes. */
export function quote(value: string, limit = quotedBytes): string {
  const head = prefixOfBytes(value, limit);
  const shown = escapeControls(head.replaceAll('\\', '\\\\').replaceAll('"', '\\"'));
  return head.length < value.length ? `"${shown}…"` : `"${shown}"`;
}

/** The most bytes of a path that an error shows: those of a storage driver are long, and useless when cut. */
const shownBytes = 256;

/** A path or name within a sentence: as it stands where that leaves no doubt, else as {@link quote} shows it. */
export function show(value: string): string {
  return value.length <= shownBytes && /^[\w@%+=:.,/~-]+$/.test(value) ? value : quote(value, shownBytes);
}
