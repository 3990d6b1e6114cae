/** Longer words are not compared: nobody mistypes them, and the comparison takes quadratic time. */
const MAX_LENGTH = 64;

/** The candidate that a word was probably meant to be: equal but for case, or a few slips of the keyboard away. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate.length > MAX_LENGTH) continue;
    const far = candidate.toLowerCase() === word.toLowerCase() ? 0 : distance(word, candidate);
    if (far < least && far <= slips(word, candidate)) {
      least = far;
      best = candidate;
    }
  }
  return best;
}

/** How many slips a word may have: one for three letters, not counting what all words of its kind begin with (`RLIMIT_`). */
function slips(word: string, candidate: string): number {
  let same = 0;
  while (same < word.length && word[same] === candidate[same]) same++;
  const prefix = word.slice(0, same).lastIndexOf('_') + 1;
  return Math.min(3, Math.floor((word.length - prefix) / 3));
}

/** The number of characters to insert, remove, change or swap with their neighbour to make one word the other. */
function distance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let least = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (swapped) least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1);
      current.push(least);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length] ?? 0;
}
