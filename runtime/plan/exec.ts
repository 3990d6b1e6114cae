/**
 * planExec(): how a process gets into a container that is there, as data; as pure as plan(). It joins what the container's
 * first process is in, and becomes its program by the same steps as that.
 */
import type { Config, NamespaceType, Process } from '../../spec/config.ts';
import { numbersOf } from '../../spec/scheduling.ts';
import type { SecurityFacts } from '../facts.ts';
import { POINT } from '../generated/wire.ts';
import { hasAny } from '../lists.ts';
import { keepsGroups } from './annotations.ts';
import { sharesMounts } from './foreign-mounts.ts';
import { refuseForeignLabels } from './labels.ts';
import { canTrace, planPayload } from './payload.ts';
import type { HostLimit, Step } from './types.ts';
import { refuseGroups } from './user.ts';

/** A namespace of the container that is not the caller's. */
export interface ExecNamespace {
  readonly type: NamespaceType;
  /** CLONE_NEW*. */
  readonly flag: number;
  /** Whether it belongs to the container's user namespace, so that it is joined from inside that one. */
  readonly inner: boolean;
}

/** What is looked up before the plan is made. */
export interface ExecFacts {
  /** In the order of their descriptors. */
  readonly namespaces: readonly ExecNamespace[];
  /** Whether the container's user namespace has an id 0 to become. */
  readonly mapsRoot: boolean;
  /** Whether processes of the container's user namespace may set their supplementary groups. */
  readonly setsGroups: boolean;
  /** The security modules of the host. */
  readonly security: SecurityFacts;
  /** The capabilities that a process without a user namespace of its own can be given: a bit mask. */
  readonly capabilities: bigint;
  /** Whether there are cgroups that a process cannot be born in. */
  readonly isPlaced: boolean;
}

/** What is asked for. */
export interface ExecRequest {
  readonly process: Process;
  /** The configuration that the container was made from. */
  readonly config: Config;
  /** The container's root, as an absolute path: for one without a mount namespace of its own. */
  readonly root: string;
  /** What `linux.seccomp` was compiled to. Needed where it is there. */
  readonly seccompProgram: Uint32Array | undefined;
  /** The container's session keyring, if it has one. */
  readonly keyring?: string;
  readonly preservedFds: number;
  /** How many of them are sockets of sd_listen_fds(3), which the process is told of. */
  readonly listenFds: number;
}

/** What will be done. */
export interface ExecPlan {
  readonly steps: readonly Step[];
  /** The limits that the host raises at POINT.LIMITS. */
  readonly limits: readonly HostLimit[];
  /** Where it is to run until it is in the container's cgroup; empty where nothing was said. */
  readonly initialCpus: readonly number[];
  readonly oomScoreAdj?: number;
  readonly terminal: boolean;
  readonly preservedFds: number;
  /** Said at log level `warning`. */
  readonly warnings: readonly string[];
}

const CONTAINER = 'the namespaces of the container';

/**
 * Those that are not the container's user namespace's can only be joined from outside of it, the others only from inside by a
 * caller who is nobody special out there. The mount namespace comes last of its sort.
 */
export function joinSteps({ namespaces, mapsRoot }: Pick<ExecFacts, 'namespaces' | 'mapsRoot'>): Step[] {
  const steps: Step[] = [];
  const join = (wanted: (namespace: ExecNamespace) => boolean): void => {
    for (const [fd, namespace] of namespaces.entries())
      if (wanted(namespace)) steps.push({ operation: { op: 'join', fd, type: namespace.flag }, from: CONTAINER });
  };
  const isOther = ({ type }: ExecNamespace): boolean => type !== 'user' && type !== 'mount';
  join((namespace) => !namespace.inner && isOther(namespace));
  join(({ inner, type }) => !inner && type === 'mount');
  join(({ type }) => type === 'user');
  if (mapsRoot) steps.push({ operation: { op: 'becomeRoot' }, from: CONTAINER });
  join((namespace) => namespace.inner && isOther(namespace));
  join(({ inner, type }) => inner && type === 'mount');
  return steps;
}

/** Where paths of the process are resolved, and where it is confined. */
function rootSteps({ config, root }: ExecRequest): Step[] {
  if (!sharesMounts(config))
    return [{ operation: { op: 'rootDirectory', path: '/' }, from: 'the root of the mount namespace' }];
  return [
    { operation: { op: 'rootDirectory', path: root }, from: 'root.path' },
    { operation: { op: 'chroot' }, from: 'root.path' },
  ];
}

/** Decides everything. @throws {TsrunError} where this version cannot do what is asked. */
export function planExec(request: ExecRequest, facts: ExecFacts): ExecPlan {
  const { process, config, keyring, listenFds } = request;
  refuseForeignLabels({ ...config, process }, facts.security);
  const own = facts.setsGroups ? 'set' : 'denied';
  const groups = keepsGroups(config) ? 'kept' : own;
  refuseGroups(process, groups);
  const warnings: string[] = [];
  const hasUser = hasAny(config.linux?.namespaces ?? [], ({ type }) => type === 'user');
  const payload = planPayload(process, {
    purpose: 'exec',
    linux: config.linux ?? {},
    grantable: hasUser ? ~0n : facts.capabilities,
    limitsByHost: hasUser,
    groups,
    addedEnv: listenFds > 0 ? [`LISTEN_FDS=${listenFds}`] : [],
    seccompProgram: request.seccompProgram,
    fetches: canTrace(facts.capabilities),
    hooksFollow: false,
    security: facts.security,
    warnings,
  });
  const score: Step[] =
    process.oomScoreAdj === undefined
      ? []
      : [{ operation: { op: 'sync', point: POINT.OOM_SCORE }, from: 'process.oomScoreAdj' }];
  const placed: Step[] = facts.isPlaced
    ? [{ operation: { op: 'sync', point: POINT.PLACED }, from: 'linux.resources' }]
    : [];
  // A pid namespace takes effect for children only. Nobody in there sees us before nothing of the host is held any more.
  const joined: Step = hasAny(facts.namespaces, ({ type }) => type === 'pid')
    ? { operation: { op: 'fork', flags: 0 }, from: CONTAINER }
    : { operation: { op: 'sync', point: POINT.JOINED }, from: CONTAINER };
  const terminal: Step[] = process.terminal
    ? [
        {
          operation: {
            op: 'console',
            ...(process.consoleSize ? { rows: process.consoleSize.height, columns: process.consoleSize.width } : {}),
            uid: process.user.uid,
          },
          from: 'process.terminal',
        },
        { operation: { op: 'sync', point: POINT.TERMINAL }, from: 'process.terminal' },
      ]
    : [];
  return {
    steps: [
      ...score,
      ...placed,
      ...joinSteps(facts),
      ...rootSteps(request),
      joined,
      { operation: { op: 'session' }, from: 'a terminal of its own' },
      ...(keyring === undefined
        ? []
        : [
            {
              operation: { op: 'keyring', name: keyring },
              from: 'the session keyring of the container',
            } satisfies Step,
          ]),
      ...terminal,
      ...payload.setUp,
      ...(listenFds > 0 ? [{ operation: { op: 'listenPid' }, from: 'LISTEN_FDS' } satisfies Step] : []),
      ...payload.filter,
      ...payload.last,
    ],
    limits: payload.hostLimits,
    initialCpus: process.execCPUAffinity?.initial ? numbersOf(process.execCPUAffinity.initial) : [],
    ...(process.oomScoreAdj === undefined ? {} : { oomScoreAdj: process.oomScoreAdj }),
    terminal: process.terminal ?? false,
    preservedFds: request.preservedFds,
    warnings,
  };
}
