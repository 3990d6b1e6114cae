/** The table that ps(1) prints, reduced to some of its processes. Pure. */

/** The words of a line, with where each ends. */
function wordsOf(line: string): { text: string; end: number }[] {
  return Array.from(line.matchAll(/\S+/g), (match) => ({ text: match[0], end: match.index + match[0].length }));
}

/** Where the pids stand in a table with this heading. */
class PidColumn {
  readonly #index: number;
  readonly #end: number;

  constructor(index: number, end: number) {
    this.#index = index;
    this.#end = end;
  }

  /** The pid of a row, or undefined where there is none. */
  of(line: string): number | undefined {
    const words = wordsOf(line);
    // Numbers are aligned to the end of their heading; a column before them may hold blanks (a command's name). Where a
    // ps aligns otherwise, its columns are counted.
    const aligned = words.find(({ text, end }) => end === this.#end && isPid(text));
    const text = aligned?.text ?? words[this.#index]?.text ?? '';
    return isPid(text) ? Number(text) : undefined;
  }
}

function isPid(text: string): boolean {
  return /^[0-9]{1,10}$/.test(text);
}

/**
 * The heading, and the rows of the given pids, each with its newline; undefined where the table has no column of pids.
 */
export function selectProcesses(table: string, pids: readonly number[]): string | undefined {
  const [heading = '', ...rows] = table.split('\n');
  const words = wordsOf(heading);
  const index = words.findIndex(({ text }) => text === 'PID');
  const word = words[index];
  if (word === undefined) return undefined;
  const column = new PidColumn(index, word.end);
  const wanted = new Set(pids);
  const kept = rows.filter((row) => {
    const pid = column.of(row);
    return pid !== undefined && wanted.has(pid);
  });
  return [heading, ...kept].map((line) => `${line}\n`).join('');
}
