/** Reads `/proc/<pid>/mountinfo`; see proc_pid_mountinfo(5). */

export interface Mount {
  id: number;
  parent: number;
  device: string;
  /** The directory of the file system that is the root of this mount. */
  root: string;
  target: string;
  /** Per-mount options: `ro`, `nosuid` … */
  options: string[];
  /** `shared:1`, `master:2`, `propagate_from:3`, `unbindable`. */
  propagation: string[];
  type: string;
  source: string;
  /** Options of the file system. */
  superOptions: string[];
}

const unescapeField = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

export function parseMountinfo(text: string): Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ');
      const dash = fields.indexOf('-');
      const field = (index: number): string => unescapeField(fields[index] ?? '');
      return {
        id: Number(field(0)),
        parent: Number(field(1)),
        device: field(2),
        root: field(3),
        target: field(4),
        options: field(5).split(','),
        propagation: fields.slice(6, dash),
        type: field(dash + 1),
        source: field(dash + 2),
        superOptions: field(dash + 3).split(','),
      };
    });
}

/** The topmost mount at a target. */
export function mountAt(mounts: readonly Mount[], target: string): Mount {
  const found = mounts.filter((mount) => mount.target === target).at(-1);
  if (found === undefined)
    throw new Error(`nothing is mounted on ${target}:\n${mounts.map((m) => m.target).join('\n')}`);
  return found;
}
