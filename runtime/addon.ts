/**
 * The native addon, loaded from the one place where the installation has it; no variable and no search path has a say.
 *
 * The compiled engine keeps it beside itself in libexec. Under Node, the bundles in dist/lib and dist/node find it in
 * dist/libexec, and so do the sources when they run as they are.
 */

import type { Addon } from './native.ts';

function addonPath(): string {
  const { execPath, versions } = process;
  if (versions.bun !== undefined) return `${execPath.slice(0, execPath.lastIndexOf('/'))}/tsrun.node`;
  const fromSource = import.meta.url.endsWith('/runtime/addon.ts');
  const relative = fromSource ? '../dist/libexec/tsrun/tsrun.node' : '../libexec/tsrun/tsrun.node';
  return decodeURIComponent(new URL(relative, import.meta.url).pathname);
}

function load(): Addon {
  const module: { exports: Partial<Addon> } = { exports: {} };
  process.dlopen(module, addonPath());
  return module.exports as Addon;
}

/** The functions of `tsrun.node`; see {@link Addon}. */
export const addon: Addon = load();
