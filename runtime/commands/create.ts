/** `create`, and the first half of `run`. */
import { addon } from '../addon.ts';
import { readBundle } from '../bundle.ts';
import { envOf } from '../caller.ts';
import type { RequestOf } from '../cli/parse.ts';
import { absolute, type Context, stateRoot } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { probeHost } from '../host.ts';
import { type Launched, launch } from '../launch.ts';
import { plan } from '../plan.ts';
import { Container } from '../store.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';

const ENOENT = 2;

/** What `create` and `run` are asked for. */
type Request = RequestOf<'create'> | RequestOf<'run'>;

function connectConsole(path: string): number {
  const fd = addon.connectUnix(absolute(path));
  if (fd < 0)
    throw new TsrunError('console', `--console-socket: connect to ${quote(path)}`, {
      cause: new SysError(-fd, 'connect'),
    });
  return fd;
}

/** Descriptors 3 to 2+n, which must be there. */
function checkPreserved(context: Context, count: number): void {
  for (let fd = 3; fd < 3 + count; fd++)
    if (!context.caller.openFds.includes(fd))
      throw new TsrunError('usage', `--preserve-fds ${count}: descriptor ${fd} is not open`);
}

/** How many sockets the caller activates us with: LISTEN_FDS counts where LISTEN_PID is our own pid; sd_listen_fds(3). */
function listenFds({ caller }: Context): number {
  const count = envOf(caller, 'LISTEN_FDS') ?? '';
  return envOf(caller, 'LISTEN_PID') === String(addon.getpid()) && /^[1-9][0-9]{0,5}$/.test(count) ? Number(count) : 0;
}

/** The directory that a file is to be written to must be there before anything is made. */
function checkPidFile(path: string): string {
  const file = absolute(path);
  const directory = file.slice(0, file.lastIndexOf('/')) || '/';
  const writable = addon.access(directory, 2);
  if (writable === -ENOENT)
    throw new TsrunError('usage', `--pid-file: the directory ${quote(directory)} does not exist`);
  if (writable < 0)
    throw new TsrunError('usage', `--pid-file: write to the directory ${quote(directory)}`, {
      cause: new SysError(-writable, 'access'),
    });
  return file;
}

/** How the container's terminal reaches somebody. */
export type TerminalUse = 'socket' | 'caller';

/** Makes the container, up to where it waits for `start`. The container stays locked. */
export function createContainer(
  context: Context,
  request: Request,
  terminalUse: TerminalUse,
): Launched & { container: Container } {
  const { log, caller, global } = context;
  const bundle = readBundle(request.bundle, request.config);
  const terminal = bundle.config.process?.terminal ?? false;
  if (terminal && terminalUse === 'socket' && request.consoleSocket === undefined)
    throw new TsrunError('console', 'process.terminal: a terminal needs --console-socket, where its master is sent');
  if (!terminal && request.consoleSocket !== undefined)
    throw new TsrunError('console', '--console-socket: process.terminal is false, so there is no terminal to send');
  const listening = listenFds(context);
  const preservedFds = listening + request.preserveFds;
  checkPreserved(context, preservedFds);
  const pidFile = request.pidFile === undefined ? undefined : checkPidFile(request.pidFile);
  log.warnLater(bundle.warnings);

  const root = stateRoot(context);
  const container = new Container(root, request.id);
  const planned = plan(
    {
      id: request.id,
      bundle: bundle.directory,
      config: bundle.config,
      cgroupDriver: global.cgroupManager,
      noPivot: request.noPivot,
      newKeyring: !request.noNewKeyring,
      preservedFds,
      listenFds: listening,
    },
    probeHost(bundle.config),
  );
  const consoleSocket = request.consoleSocket === undefined ? undefined : connectConsole(request.consoleSocket);
  const launched = launch({
    container,
    root,
    bundle: bundle.directory,
    rootfs: bundle.rootfs,
    config: bundle.config,
    plan: planned,
    caller,
    ...(pidFile === undefined ? {} : { pidFile }),
    ...(consoleSocket === undefined ? {} : { consoleSocket }),
    warn: (message) => log.warn(message),
  });
  if (consoleSocket !== undefined) addon.close(consoleSocket);
  return { ...launched, container };
}

export function create(context: Context, request: RequestOf<'create'>): number {
  createContainer(context, request, 'socket');
  return 0;
}
