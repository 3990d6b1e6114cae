import type { Config, HookKind } from '../config.ts';
import type { Findings } from '../finding.ts';
import { checkAbsolute } from './text.ts';

/** The kinds of hooks, in the order in which they run. config.md, "POSIX-platform Hooks" */
export const HOOK_KINDS: readonly HookKind[] = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
];

/** config.md, "POSIX-platform Hooks" */
export function hookPathsAreAbsolute({ hooks }: Config, findings: Findings): void {
  if (hooks === undefined) return;
  for (const kind of HOOK_KINDS) {
    for (const [index, { path }] of hooks[kind]?.entries() ?? [])
      checkAbsolute(path, findings, ['hooks', kind, index, 'path']);
  }
}
