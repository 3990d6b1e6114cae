/** Paths as text: nothing here looks at a file system. */

/** Removes empty and `.` components and resolves `..` against `/`; the result is absolute. */
export function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** `path` as an absolute path, seen from the directory `base`. */
export function resolve(base: string, path: string): string {
  return normalize(path.startsWith('/') ? path : `${base}/${path}`);
}
