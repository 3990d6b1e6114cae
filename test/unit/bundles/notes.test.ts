import { expect, test } from 'vitest';
import { Notes } from '../../../bundles/unpack/notes.ts';

/** All that is known, in the order in which it is visited. */
function visited(notes: Notes<number>): string[] {
  const found: string[] = [];
  notes.visit((components, value) => found.push(`${components.join('/')}=${value}`));
  return found;
}

test('what is below a directory is visited before it, the root last', () => {
  const notes = new Notes<number>();
  notes.set([], 1);
  notes.set(['a'], 2);
  notes.set(['a', 'b', 'c'], 3);
  notes.set(['d'], 4);
  expect(visited(notes)).toEqual(['a/b/c=3', 'a=2', 'd=4', '=1']);
});

test('the last value counts', () => {
  const notes = new Notes<number>();
  notes.set(['a'], 1);
  notes.set(['a'], 2);
  expect(visited(notes)).toEqual(['a=2']);
});

test('what is forgotten goes with all below it, and nothing else', () => {
  const notes = new Notes<number>();
  notes.set(['a'], 1);
  notes.set(['a', 'b'], 2);
  notes.set(['ab'], 3);
  notes.forget(['a']);
  notes.forget(['none', 'at', 'all']);
  expect(visited(notes)).toEqual(['ab=3']);
  notes.set(['a', 'c'], 4);
  expect(visited(notes)).toEqual(['ab=3', 'a/c=4']);
});
