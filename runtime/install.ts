/** Where the parts of an installation are: all in one directory, and no variable or search path has a say. */

import { addon } from './addon.ts';
import { ACCESS } from './constants.ts';

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

/** The static program that waits in the foreground. */
export function supervisePath(): string {
  return `${libexecDirectory()}/supervise`;
}

/** The program that this is. */
export function enginePath(): string {
  return `${libexecDirectory()}/engine`;
}

/** The program that people call, which a process of tsrun's own may have to call again; undefined where it is not where it was built. */
export function launcherPath(): string | undefined {
  const prefix = libexecDirectory().replace(/\/libexec\/tsrun$/, '');
  for (const path of [`${prefix}/bin/tsrun`, `${prefix}/tsrun`])
    if (addon.access(path, ACCESS.EXECUTE) === 0) return path;
  return undefined;
}

/** The addon that unpacks archives. */
export function archivePath(): string {
  return `${libexecDirectory()}/archive.node`;
}

/** The addon that holds libseccomp. */
export function seccompPath(): string {
  return `${libexecDirectory()}/seccomp.node`;
}
