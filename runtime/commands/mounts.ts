/** `mounts`: what is mounted in a container that runs; more of it, and less. */
import type { Config } from '../../spec/config.ts';
import { ConfigError } from '../../spec/diagnostic.ts';
import { loadMounts } from '../../spec/load.ts';
import { addon } from '../addon.ts';
import { configError, readConfigFile } from '../bundle.ts';
import { cgroupDirectory } from '../cgroup/cgroupfs.ts';
import type { RequestOf } from '../cli/parse.ts';
import { absolute, type Context, containerOf, lock } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { endedMeanwhile, hasEnded } from '../exec/enter.ts';
import { openNamespaces } from '../exec/namespaces.ts';
import { clonesMounts, readText } from '../host.ts';
import { readToEnd, STDIN } from '../input.ts';
import { carryOut, LiveMountError } from '../live-mounts.ts';
import { parseMountInfo } from '../mountinfo.ts';
import { print } from '../output.ts';
import { joinSteps } from '../plan/exec.ts';
import { sharesMounts } from '../plan/foreign-mounts.ts';
import { type LivePlan, type LiveRequest, planAdd, planRemove } from '../plan/live-mounts.ts';
import type { Step } from '../plan/types.ts';
import { openProcess } from '../process.ts';
import { renderMounts } from '../render.ts';
import type { StoredState } from '../store.ts';
import { quote } from '../text.ts';

type Request = RequestOf<'mounts'>;

interface Found {
  readonly state: StoredState;
  readonly config: Config;
  readonly pidfd: number;
}

/** A container whose process is there, and which has mounts of its own. @throws {TsrunError} */
function find(context: Context, { id, action }: Request): Found {
  const container = containerOf(context, id);
  // Others that change the mounts, or remove the container, wait.
  if (action !== 'list') lock(context, container);
  const state = container.readState();
  const pidfd = state && openProcess(state.process);
  if (!state || pidfd === undefined) throw new TsrunError('not-running', `mounts ${quote(id)}: container not running`);
  const config = container.readConfig(state);
  if (sharesMounts(config))
    throw new TsrunError('wrong-status', `mounts ${quote(id)}: the container has no mount namespace of its own`);
  return { state, config, pidfd };
}

function list(request: Request, { state, pidfd }: Found): void {
  const text = readText(`/proc/${state.process.pid}/mountinfo`, 16 * 1024 * 1024);
  if (hasEnded(pidfd)) throw endedMeanwhile(state.id);
  print(renderMounts(parseMountInfo(text), request.format));
}

const ownRoot: Step = { operation: { op: 'rootDirectory', path: '/' }, from: 'the root of the mount namespace' };

/** The mount namespace and the user namespace that it belongs to; what is not joined is not seen by the container. */
function join({ state, config, pidfd }: Found): { fds: readonly number[]; joins: Step[] } {
  const namespaces = config.linux?.namespaces?.filter(({ type }) => type === 'mount' || type === 'user') ?? [];
  const opened = openNamespaces(state.process.pid, { ...config, linux: { namespaces } });
  if (hasEnded(pidfd)) throw endedMeanwhile(state.id);
  return { fds: opened.fds, joins: [...joinSteps(opened), ownRoot] };
}

function mountsOf(file: string, action: Request['action']): ReturnType<typeof loadMounts> {
  const name = file === '-' ? 'standard input' : absolute(file);
  try {
    const bytes = file === '-' ? readToEnd(STDIN, 'FILE', name) : readConfigFile(name);
    return loadMounts(bytes, name, action === 'add' ? 'mounted' : 'named');
  } catch (error) {
    throw error instanceof ConfigError ? configError(error) : error;
  }
}

export function mounts(context: Context, request: Request): number {
  const wanted = request.file === undefined ? [] : mountsOf(request.file, request.action);
  const found = find(context, request);
  if (request.action === 'list') {
    list(request, found);
    return 0;
  }
  const { fds, joins } = join(found);
  const { cgroup } = found.state;
  const live: LiveRequest = {
    config: found.config,
    joins,
    directory: absolute('.'),
    cgroupDirectory: cgroup.driver === 'disabled' ? undefined : cgroupDirectory(cgroup),
    clonesMounts: clonesMounts(),
  };
  const run = (plan: LivePlan): void => carryOut(plan, fds, context.caller);
  const destinations = wanted.map(({ destination }) => destination);
  try {
    run(request.action === 'add' ? planAdd(wanted, live) : planRemove(destinations, live));
  } catch (error) {
    if (request.action === 'add' && error instanceof LiveMountError && error.done > 0) {
      try {
        run(planRemove(destinations.slice(0, error.done), live));
      } catch (failure) {
        error.attach(failure);
      }
    }
    throw error;
  }
  for (const fd of fds) addon.close(fd);
  return 0;
}
