/**
 * Whose a bundle's files are where the caller is not root. As far as he has ids of his own beside his user's (/etc/subuid), tsrun runs a
 * second time to unpack them: as root of a user namespace that maps them all, like the container's will.
 */
import type { IdMapping } from '../spec/config.ts';
import { addon } from './addon.ts';
import type { RequestOf } from './cli/parse.ts';
import type { Context } from './context.ts';
import { TsrunError } from './errors.ts';
import { openSignals, waitInForeground } from './foreground.ts';
import { POINT } from './generated/wire.ts';
import { readText } from './host.ts';
import { launcherPath } from './install.ts';
import { writeMaps } from './launch/points.ts';
import type { IdMaps, Step } from './plan/types.ts';
import { startTool } from './tool.ts';

const CLONE_NEWUSER = 0x10000000;

function mapOf(file: string): IdMapping[] {
  const mappings: IdMapping[] = [];
  for (const line of readText(file).split('\n')) {
    const [containerID = 0, hostID = 0, size = 0] = line.trim().split(/\s+/).map(Number);
    if (size > 0) mappings.push({ containerID, hostID, size });
  }
  return mappings;
}

/** The ids of the user namespace that tsrun runs in. */
export function ownIds(): { uid: IdMapping[]; gid: IdMapping[] } {
  return { uid: mapOf('/proc/self/uid_map'), gid: mapOf('/proc/self/gid_map') };
}

/** The command line that does the same in another user namespace. */
function againAs({ global, ...request }: RequestOf<'bundle'>, launcher: string, directory: string): string[] {
  const { file, format, level } = global.log;
  const args = [launcher, '--log-format', format, '--log-level', level];
  if (file !== undefined) args.push('--log', file);
  args.push('bundle', '--map-ids');
  if (request.platform !== undefined) args.push('--platform', request.platform);
  for (const [flag, value] of [
    ['max-size', request.maxSize],
    ['max-entries', request.maxEntries],
    ['max-ratio', request.maxRatio],
  ] as const)
    if (value !== undefined) args.push(`--${flag}=${value}`);
  if (request.quiet) args.push('--quiet');
  return [...args, '--', request.source, directory];
}

function stepsOf(args: readonly string[], env: readonly string[]): Step[] {
  const from = 'the ids of the files in the bundle';
  return [
    { operation: { op: 'unshare', flags: CLONE_NEWUSER }, from },
    { operation: { op: 'sync', point: POINT.MAPS }, from },
    { operation: { op: 'becomeRoot' }, from },
    { operation: { op: 'args', args }, from },
    { operation: { op: 'env', env }, from },
    { operation: { op: 'findExecutable' }, from },
    { operation: { op: 'descriptors' }, from },
    { operation: { op: 'exec' }, from },
  ];
}

/**
 * Makes the bundle as root of a user namespace with these maps, and returns the exit status. What goes wrong there is told there.
 *
 * @param directory absolute path of the bundle to be
 */
export function bundleInUserNamespace(
  context: Context,
  request: RequestOf<'bundle'>,
  directory: string,
  maps: IdMaps,
): number {
  const launcher = launcherPath();
  if (launcher === undefined)
    throw new TsrunError('system', 'bundle: this tsrun is not installed as a whole: its launcher is missing');
  const { caller } = context;
  const args = againAs(request, launcher, directory);
  const signals = openSignals();
  const pid = startTool({
    steps: stepsOf(args, caller.env),
    inherited: [],
    stdio: [0, 1, 2],
    caller,
    args,
    writeMaps: (first) => writeMaps(first, maps, caller),
  });
  context.log.succeed();
  return waitInForeground(context, { pid, signals, style: { sharesTerminal: addon.isatty(0) } });
}
