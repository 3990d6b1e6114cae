/** The text of uid_map and gid_map; user_namespaces(7). */

/** The kernel takes less than a page in its one write; no machine has smaller ones. */
const PAGE = 4096;

/** Why the kernel refuses a map, if its text is too long for it. */
export function tooLong(text: string): string | undefined {
  return text.length < PAGE
    ? undefined
    : `its lines have ${text.length} bytes, and the kernel takes less than a page (${PAGE}): map fewer ranges, or make one of those that follow each other`;
}
