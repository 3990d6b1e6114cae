/** A bundle of the host's own root: the configuration of a sandbox of it, made to be kept. */
import type { HostRoot } from '../bundles/make.ts';
import { parse } from './cli/parse.ts';
import type { Context } from './context.ts';
import { TsrunError } from './errors.ts';
import { sandboxConfig } from './sandbox/config.ts';
import { probeSandbox } from './sandbox/probe.ts';
import { sandboxRequest } from './sandbox/request.ts';

/** What every container of it begins with; the caller's environment is not for a file that is kept. */
const env = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm', 'HOME=/'];

/**
 * The host's root, read-only, in namespaces of its own; for a caller who is not root in a user namespace whose one user he is.
 *
 * @param directory absolute path of the bundle to be
 */
export function hostRoot(context: Context, directory: string): HostRoot {
  const request = parse(['sandbox', 'sh']);
  if (request.command !== 'sandbox') throw new TsrunError('internal', 'sandbox is no command');
  const wish = sandboxRequest(request, '/');
  const facts = { ...probeSandbox(context, wish), cwd: '/', env, terminal: true };
  const { config, tree } = sandboxConfig(wish, facts, { id: 'tsrun', bundle: directory });
  const links = tree?.entries.map(({ path, target = '' }) => ({ path, target })) ?? [];
  return { kind: 'host', config, links };
}
