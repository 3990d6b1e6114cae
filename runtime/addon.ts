/**
 * The native addon, loaded from the one place where the installation has it; no variable and no search path has a say.
 *
 * An engine has it beside itself in libexec: the compiled one, and the bundle that Node runs behind the launcher. The
 * library in dist/lib and the sources (where they run as they are) find it in dist/libexec.
 */

import type { Addon } from './native.ts';

function addonPath(): string {
  const { execPath, versions } = process;
  if (versions.bun !== undefined) return `${execPath.slice(0, execPath.lastIndexOf('/'))}/tsrun.node`;
  const module = import.meta.url;
  let relative = '../libexec/tsrun/tsrun.node';
  if (module.endsWith('/libexec/tsrun/main.mjs')) relative = './tsrun.node';
  if (module.endsWith('/runtime/addon.ts')) relative = '../dist/libexec/tsrun/tsrun.node';
  return decodeURIComponent(new URL(relative, module).pathname);
}

function load(): Addon {
  const module: { exports: Partial<Addon> } = { exports: {} };
  process.dlopen(module, addonPath());
  return module.exports as Addon;
}

/** The functions of `tsrun.node`; see {@link Addon}. */
export const addon: Addon = load();
