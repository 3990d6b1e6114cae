/** `create`, and the first half of `run`. */
import { addon } from '../addon.ts';
import { readBundle } from '../bundle.ts';
import { envOf } from '../caller.ts';
import type { RequestOf } from '../cli/parse.ts';
import { type Context, stateRoot } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { probeHost } from '../host.ts';
import { preservedDescriptors } from '../launch/descriptors.ts';
import { checkPidFile } from '../launch/pid-file.ts';
import { connectConsole, connectPidfdSocket } from '../launch/sockets.ts';
import { type Launched, launch } from '../launch.ts';
import { placing } from '../placed.ts';
import { withNotifySocket } from '../plan/notify.ts';
import { plan } from '../plan.ts';
import { filterOf } from '../seccomp/filter.ts';
import { Container } from '../store.ts';

/** What `create` and `run` are asked for. */
type Request = RequestOf<'create'> | RequestOf<'run'>;

/** A container whose id is taken: a sandbox's. */
export interface Claimed {
  readonly container: Container;
  /** Whether a working directory that is missing is refused, and not made. */
  readonly needsCwd: boolean;
}

/** How the container's terminal reaches somebody. */
export type TerminalUse = 'socket' | 'caller';

/**
 * Makes the container, up to where it waits for `start`. The container stays locked.
 *
 * @param claimed Where its id is taken already.
 */
export function createContainer(
  context: Context,
  request: Request,
  terminalUse: TerminalUse,
  claimed?: Claimed,
): Launched & { container: Container } {
  const { log, caller, global } = context;
  const bundle = readBundle(request.bundle, request.config);
  const terminal = bundle.config.process?.terminal ?? false;
  if (terminal && terminalUse === 'socket' && request.consoleSocket === undefined)
    throw new TsrunError('console', 'process.terminal: a terminal needs --console-socket, where its master is sent');
  if (!terminal && request.consoleSocket !== undefined)
    throw new TsrunError('console', '--console-socket: process.terminal is false, so there is no terminal to send');
  const preserved = preservedDescriptors(caller, request.preserveFds);
  const pidFile = request.pidFile === undefined ? undefined : checkPidFile(request.pidFile);
  log.warnLater(bundle.warnings);

  const root = stateRoot(context);
  const container = claimed?.container ?? new Container(root, request.id);
  // A sandbox, which brings its container along, is nobody's service.
  const notifies = !claimed && Boolean(envOf(caller, 'NOTIFY_SOCKET'));
  const config = notifies ? withNotifySocket(bundle.config, container.notifyDirectory) : bundle.config;
  const seccomp = config.linux?.seccomp;
  const planned = placing(bundle, () =>
    plan(
      {
        id: request.id,
        bundle: bundle.directory,
        config,
        cgroupDriver: global.cgroupManager,
        mountPoint: container.mountPoint,
        noPivot: request.noPivot,
        needsCwd: claimed?.needsCwd ?? false,
        newKeyring: !request.noNewKeyring,
        preservedFds: preserved.count,
        listenFds: preserved.listening,
        seccompProgram: seccomp && filterOf(seccomp, root),
      },
      probeHost(bundle.config, {
        rootless: global.rootless,
        cgroupDriver: global.cgroupManager,
        environment: (name) => envOf(caller, name),
      }),
    ),
  );
  const consoleSocket = request.consoleSocket === undefined ? undefined : connectConsole(request.consoleSocket);
  const pidfdSocket = request.pidfdSocket === undefined ? undefined : connectPidfdSocket(request.pidfdSocket);
  const launched = launch({
    container,
    root,
    bundle: bundle.directory,
    rootfs: bundle.rootfs,
    config,
    notifies,
    configBytes: bundle.bytes,
    plan: planned,
    caller,
    ...(pidFile === undefined ? {} : { pidFile }),
    ...(consoleSocket === undefined ? {} : { consoleSocket }),
    ...(pidfdSocket === undefined ? {} : { pidfdSocket }),
    warn: (message) => log.warn(message),
  });
  if (consoleSocket !== undefined) addon.close(consoleSocket);
  if (pidfdSocket !== undefined) addon.close(pidfdSocket);
  return { ...launched, container };
}

export function create(context: Context, request: RequestOf<'create'>): number {
  createContainer(context, request, 'socket');
  return 0;
}
