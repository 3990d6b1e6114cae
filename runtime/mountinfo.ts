/** Reads proc_pid_mountinfo(5). Pure. */

/** One mount, as its process sees it. */
export interface MountInfo {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  /** The directory of the file system that is mounted; `/` is all of it. */
  readonly root: string;
  /** Of the mount, then of its file system; each once. */
  readonly options: readonly string[];
}

function unescapeField(text = ''): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The mounts in their order; what is mounted later at the same place covers what is earlier. */
export function parseMountInfo(text: string): MountInfo[] {
  const mounts: MountInfo[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    if (dash < 0) continue;
    mounts.push({
      destination: unescapeField(fields[4]),
      type: unescapeField(fields[dash + 1]),
      source: unescapeField(fields[dash + 2]),
      root: unescapeField(fields[3]),
      options: [
        ...new Set([fields[5] ?? '', fields[dash + 3] ?? ''].flatMap((list) => unescapeField(list).split(','))),
      ],
    });
  }
  return mounts;
}
