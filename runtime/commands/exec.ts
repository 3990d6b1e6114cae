/** `exec`: another process in a container that is there. */
import type { Config, Process } from '../../spec/config.ts';
import { ConfigError, formatDiagnostic } from '../../spec/diagnostic.ts';
import { loadProcess } from '../../spec/load.ts';
import type { Status } from '../../spec/state.ts';
import { addon } from '../addon.ts';
import { configError, readConfigFile } from '../bundle.ts';
import type { RequestOf } from '../cli/parse.ts';
import { absolute, type Context, containerOf, stateRoot } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { ExecCgroup } from '../exec/cgroup.ts';
import { type Entered, endChild, endedMeanwhile, enter, hasEnded, ONE_BY_ONE_MS } from '../exec/enter.ts';
import { type OpenNamespaces, openNamespaces } from '../exec/namespaces.ts';
import { openSignals, waitInForeground } from '../foreground.ts';
import { capabilities, probeSecurity } from '../host.ts';
import { preservedDescriptors } from '../launch/descriptors.ts';
import { checkPidFile, writePidFile } from '../launch/pid-file.ts';
import { connectConsole, connectPidfdSocket } from '../launch/sockets.ts';
import type { Log } from '../log.ts';
import { planExec } from '../plan/exec.ts';
import { processOfFile, processOfFlags } from '../plan/exec-process.ts';
import { attachesRoot } from '../plan/foreign-mounts.ts';
import { openProcess } from '../process.ts';
import { filterOf } from '../seccomp/filter.ts';
import { statusOf } from '../status.ts';
import type { Container, StoredState } from '../store.ts';
import { quote } from '../text.ts';

type Request = RequestOf<'exec'>;

/** The container's state, and a pidfd of its process. @throws {TsrunError} where nothing can be run in it. */
function find(container: Container, ignorePaused: boolean): { state: StoredState; status: Status; pidfd: number } {
  const state = container.readState();
  const pidfd = state && openProcess(state.process);
  if (!state || pidfd === undefined)
    throw new TsrunError(
      'not-running',
      `container ${quote(container.id)}: container not running: it is ${statusOf(container, state)}`,
    );
  const status = statusOf(container, state);
  if (!ignorePaused && status === 'paused')
    throw new TsrunError(
      'wrong-status',
      `container ${quote(container.id)}: cannot exec in a paused container: resume it first, or use --ignore-paused`,
    );
  return { state, status, pidfd };
}

function readProcess(path: string, own: Process, tty: boolean, log: Log): Process {
  const file = absolute(path);
  try {
    const loaded = loadProcess(readConfigFile(file), file);
    log.warnLater(() => loaded.warnings.map(formatDiagnostic));
    const process = processOfFile(own, loaded.value);
    // conmon says it by both.
    return tty ? { ...process, terminal: true } : process;
  } catch (error) {
    throw error instanceof ConfigError ? configError(error) : error;
  }
}

function processOf(request: Request, { process: own }: Config, log: Log): Process {
  const process =
    request.process === undefined ? processOfFlags(own, request) : readProcess(request.process, own, request.tty, log);
  const { terminal = false } = process;
  if (terminal && request.detach && request.consoleSocket === undefined)
    throw new TsrunError('console', 'a terminal needs --console-socket with --detach: its master is sent there');
  if (!terminal && request.consoleSocket !== undefined)
    throw new TsrunError('console', '--console-socket: the process has no terminal to send; use --tty');
  return process;
}

/** The namespaces of the container's process, and of no other. @throws {TsrunError} `not-running` */
function joinable(state: StoredState, pidfd: number, config: Config): OpenNamespaces {
  let namespaces: OpenNamespaces;
  try {
    namespaces = openNamespaces(state.process.pid, config);
  } catch (error) {
    // A process that is ending has none any more.
    throw hasEnded(pidfd, ONE_BY_ONE_MS) ? endedMeanwhile(state.id) : error;
  }
  // Only now is it known whose they are.
  if (hasEnded(pidfd)) throw endedMeanwhile(state.id);
  return namespaces;
}

/** Makes the process. */
function start(context: Context, request: Request): Entered {
  const { caller, log } = context;
  const container = containerOf(context, request.id);
  const { state, status, pidfd } = find(container, request.ignorePaused);
  const config = container.readConfig(state);
  const seccomp = config.linux?.seccomp;
  const process = processOf(request, config, log);
  const preserved = preservedDescriptors(caller, request.preserveFds);
  const pidFile = request.pidFile === undefined ? undefined : checkPidFile(request.pidFile);
  const cgroup = new ExecCgroup(state.cgroup, request.cgroup);
  const { fds, ...found } = joinable(state, pidfd, config);
  const plan = planExec(
    {
      process,
      config,
      root: attachesRoot(config) ? container.mountPoint : state.rootfs,
      ...(state.keyring === undefined ? {} : { keyring: state.keyring }),
      preservedFds: preserved.count,
      listenFds: preserved.listening,
      seccompProgram: seccomp && filterOf(seccomp, stateRoot(context)),
    },
    {
      ...found,
      security: probeSecurity({ ...config, process }),
      capabilities: capabilities(),
      isPlaced: cgroup.isPlaced,
    },
  );
  for (const warning of plan.warnings) log.warn(warning);
  const entered = enter({
    state,
    plan,
    joins: fds,
    pidfd,
    cgroup,
    config,
    status,
    args: process.args,
    caller,
    consoleSocket: request.consoleSocket === undefined ? undefined : connectConsole(request.consoleSocket),
    pidfdSocket: request.pidfdSocket === undefined ? undefined : connectPidfdSocket(request.pidfdSocket),
  });
  for (const fd of [...fds, pidfd]) addon.close(fd);
  if (pidFile === undefined) return entered;
  try {
    writePidFile(pidFile, entered.pid);
  } catch (error) {
    endChild(entered.pid);
    throw error;
  }
  return entered;
}

export function exec(context: Context, request: Request): number {
  // Before there is anything to forward to: a signal that comes early ends what is only being made, or waits, and is not lost.
  const signals = request.detach ? -1 : openSignals();
  const { pid, terminal } = start(context, request);
  if (request.detach) return 0;
  context.log.succeed();
  try {
    return waitInForeground(context, { pid, signals, terminal });
  } catch (error) {
    endChild(pid);
    throw error;
  }
}
