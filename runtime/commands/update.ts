/** `update`: changes the limits of a container, all of them or none. */
import type { Resources } from '../../spec/config.ts';
import { ConfigError, formatDiagnostic } from '../../spec/diagnostic.ts';
import { loadResources } from '../../spec/load.ts';
import { addon } from '../addon.ts';
import { configError } from '../bundle.ts';
import { refuseWhereGone, refuseWithoutCgroup } from '../cgroup/absent.ts';
import { updateCgroup } from '../cgroup/update.ts';
import { limitFlagsOf, resourcesOfFlags, schemataOfFlags } from '../cgroup/update-request.ts';
import type { RequestOf } from '../cli/parse.ts';
import { O } from '../constants.ts';
import { absolute, type Context, containerOf, lock } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { readToEnd, STDIN } from '../input.ts';
import { changeSchemata, type StoredRdt } from '../rdt.ts';
import { statusOf } from '../status.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';

function readResourcesFile(file: string): Uint8Array {
  if (file === '-') return readToEnd(STDIN, '--resources', 'standard input');
  const path = absolute(file);
  const fd = addon.open(path, O.RDONLY | O.NOCTTY, 0);
  if (fd < 0) throw new TsrunError('usage', `--resources: open ${quote(path)}`, { cause: new SysError(-fd, 'open') });
  try {
    return readToEnd(fd, '--resources', quote(path));
  } finally {
    addon.close(fd);
  }
}

interface Requested {
  readonly resources: Resources;
  /** What is questionable about the file that they are from. */
  readonly warnings: readonly string[];
}

/** The limits that are asked for: those of the file where there is one, else those of the flags. @throws {TsrunError} */
function requestedResources(request: RequestOf<'update'>, warn: (message: string) => void): Requested {
  const { resources: file } = request;
  if (file === undefined) return { resources: resourcesOfFlags(request), warnings: [] };
  const ignored = limitFlagsOf(request);
  if (ignored.length > 0) warn(`update: --resources replaces ${ignored.join(', ')}`);
  try {
    const { value, warnings } = loadResources(readResourcesFile(file), file === '-' ? 'standard input' : file);
    const worded = warnings.map(formatDiagnostic);
    for (const warning of worded) warn(warning);
    return { resources: value, warnings: worded };
  } catch (error) {
    throw error instanceof ConfigError ? configError(error) : error;
  }
}

/** Changes the class of service of Intel RDT; what takes that back. @throws {TsrunError} */
function changeClass(name: string, rdt: StoredRdt | undefined, lines: readonly string[]): () => void {
  if (lines.length === 0) return () => undefined;
  if (!rdt)
    throw new TsrunError(
      'wrong-status',
      `update ${name}: the container has no class of service of Intel RDT to change: it was made without linux.intelRdt`,
    );
  return changeSchemata(rdt, lines);
}

export function update(context: Context, request: RequestOf<'update'>): number {
  const schemata = schemataOfFlags(request);
  const { resources, warnings } = requestedResources(request, (message) => context.log.warn(message));
  const isEmpty = Object.keys(resources).length === 0;
  if (isEmpty && schemata.length === 0)
    throw new TsrunError('usage', 'update: nothing to change: --resources holds no property of linux.resources');
  const container = containerOf(context, request.id);
  lock(context, container);
  const state = container.readState();
  const status = statusOf(container, state);
  const name = quote(request.id);
  if (!state || status === 'stopped')
    throw new TsrunError('not-running', `update ${name}: container not running: it is ${status}`);
  if (!isEmpty) {
    refuseWithoutCgroup(state.cgroup, `update ${name}`, 'to limit it by');
    refuseWhereGone(state.cgroup, `update ${name}`);
  }
  const takeBack = changeClass(name, state.rdt, schemata);
  if (isEmpty) return 0;
  let changed: boolean;
  try {
    changed = updateCgroup({
      cgroup: state.cgroup,
      resources,
      devicePaths: state.devicePaths,
      warn: (message) => context.log.warn(message),
      keep: (cgroup) => {
        const { bundle, process, rdt } = state;
        container.writeIntent({ bundle, cgroup, cgroupMade: true, process, ...(rdt ? { rdt } : {}) });
        container.writeState({ ...state, cgroup });
      },
    });
  } catch (error) {
    takeBack();
    throw error;
  }
  const [warning] = warnings;
  // Half understood is a warning, for newer callers send newer properties; but then something must be left of it.
  if (!changed && schemata.length === 0 && warning !== undefined)
    throw new TsrunError('config-invalid', `update ${name}: nothing to change: ${warning}`);
  return 0;
}
