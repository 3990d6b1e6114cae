/** `update`: changes the limits of a container, all of them or none. */
import type { Resources } from '../../spec/config.ts';
import { ConfigError, formatDiagnostic } from '../../spec/diagnostic.ts';
import { loadResources } from '../../spec/load.ts';
import { addon } from '../addon.ts';
import { configError } from '../bundle.ts';
import { updateCgroup } from '../cgroup/update.ts';
import { limitFlagsOf, resourcesOfFlags } from '../cgroup/update-request.ts';
import type { RequestOf } from '../cli/parse.ts';
import { O } from '../constants.ts';
import { absolute, type Context, containerOf } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { statusOf } from '../status.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';

const STDIN = 0;
const CHUNK = 64 * 1024;
const MAX_RESOURCES = 16 * 1024 * 1024;

/** All that a file, a pipe or a terminal has to say. */
function readToEnd(fd: number, name: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = new Uint8Array(CHUNK);
    const count = addon.read(fd, chunk);
    if (count < 0) throw new TsrunError('usage', `--resources: read ${name}`, { cause: new SysError(-count, 'read') });
    if (count === 0) break;
    size += count;
    if (size > MAX_RESOURCES)
      throw new TsrunError('usage', `--resources: ${name} is longer than ${MAX_RESOURCES} bytes`);
    chunks.push(chunk.subarray(0, count));
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function readResourcesFile(file: string): Uint8Array {
  if (file === '-') return readToEnd(STDIN, 'standard input');
  const path = absolute(file);
  const fd = addon.open(path, O.RDONLY | O.NOCTTY, 0);
  if (fd < 0) throw new TsrunError('usage', `--resources: open ${quote(path)}`, { cause: new SysError(-fd, 'open') });
  try {
    return readToEnd(fd, quote(path));
  } finally {
    addon.close(fd);
  }
}

/** The limits that are asked for: those of the file where there is one, else those of the flags. @throws {TsrunError} */
function requestedResources(request: RequestOf<'update'>, warn: (message: string) => void): Resources {
  const { resources: file } = request;
  if (file === undefined) return resourcesOfFlags(request);
  const ignored = limitFlagsOf(request);
  if (ignored.length > 0) warn(`update: --resources replaces ${ignored.join(', ')}`);
  try {
    const { value, warnings } = loadResources(readResourcesFile(file), file === '-' ? 'standard input' : file);
    for (const warning of warnings) warn(formatDiagnostic(warning));
    return value;
  } catch (error) {
    throw error instanceof ConfigError ? configError(error) : error;
  }
}

export function update(context: Context, request: RequestOf<'update'>): number {
  const resources = requestedResources(request, (message) => context.log.warn(message));
  if (Object.keys(resources).length === 0)
    throw new TsrunError('usage', 'update: nothing to change: --resources holds no property of linux.resources');
  const container = containerOf(context, request.id);
  container.lock();
  const state = container.readState();
  const status = statusOf(container, state);
  const name = quote(request.id);
  if (!state || status === 'stopped')
    throw new TsrunError('not-running', `update ${name}: container not running: it is ${status}`);
  if (state.cgroup.driver === 'disabled')
    throw new TsrunError('cgroup', `update ${name}: the container was made without a cgroup to limit it by`);
  updateCgroup({
    cgroup: state.cgroup,
    resources,
    devicePaths: state.devicePaths,
    warn: (message) => context.log.warn(message),
    keep: (cgroup) => {
      container.writeIntent({ bundle: state.bundle, cgroup, cgroupMade: true, process: state.process });
      container.writeState({ ...state, cgroup });
    },
  });
  return 0;
}
