/** Where the parts of an installation are: all in one directory, and no variable or search path has a say. */

/** The directory of the engine, the addon and init. */
function libexecDirectory(): string {
  const { execPath, versions } = process;
  if (versions.bun !== undefined) return execPath.slice(0, execPath.lastIndexOf('/'));
  const fromSource = import.meta.url.endsWith('/runtime/install.ts');
  const here = decodeURIComponent(new URL('.', import.meta.url).pathname).replace(/\/$/, '');
  if (fromSource) return `${here}/../dist/libexec/tsrun`;
  // dist/lib/index.js has its parts in dist/libexec; dist/node/libexec/tsrun/main.mjs has them beside itself.
  return here.endsWith('/libexec/tsrun') ? here : `${here}/../libexec/tsrun`;
}

/** The static program that becomes the container. */
export function initPath(): string {
  return `${libexecDirectory()}/init`;
}
