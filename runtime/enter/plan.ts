/** The plan of `enter`: which namespaces are joined in which order, and who the command is. Pure. */
import { NAMESPACES } from '../../spec/tables.ts';
import { TsrunError } from '../errors.ts';
import type { Step } from '../plan/types.ts';
import { quote } from '../text.ts';

/** A namespace of the process that is entered. */
export interface EnteredNamespace {
  /** As the specification calls it. */
  readonly type: string;
  /** Whether the caller is in this one already. */
  readonly isOwn: boolean;
  /** Whether it belongs to the user namespace of the process: joined after that. */
  readonly isInner: boolean;
}

/** What is known of the process that is entered. */
export interface EnterFacts {
  readonly namespaces: readonly EnteredNamespace[];
  /** Whether its user namespace has an id 0. */
  readonly mapsRoot: boolean;
  /** Whether groups can be set in it. */
  readonly setsGroups: boolean;
}

/** What `enter` is asked for, understood. */
export interface EnterRequest {
  /** The types asked for by name, or undefined for all. */
  readonly types: readonly string[] | undefined;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly preserveCredentials: boolean;
  readonly cwd: string | undefined;
  readonly env: readonly string[];
  readonly words: readonly string[];
}

/** What enters, and which namespaces init needs descriptors of, in this order. */
export interface EnterPlan {
  readonly types: readonly string[];
  readonly steps: readonly Step[];
}

/** The names that people use for namespaces, and the specification's. */
const names: ReadonlyMap<string, string> = new Map([
  ['net', 'network'],
  ['network', 'network'],
  ['pid', 'pid'],
  ['uts', 'uts'],
  ['ipc', 'ipc'],
  ['mount', 'mount'],
  ['mnt', 'mount'],
  ['user', 'user'],
  ['cgroup', 'cgroup'],
  ['time', 'time'],
]);

/** The types in a list such as `net,uts`. @throws {TsrunError} `usage` */
export function namespaceList(text: string): string[] {
  const types: string[] = [];
  for (const name of text.split(',')) {
    const type = names.get(name);
    if (type === undefined)
      throw new TsrunError(
        'usage',
        `enter: --ns: no namespace: got ${quote(name)}; give net, pid, uts, ipc, mount, user, cgroup or time, with commas between`,
      );
    if (!types.includes(type)) types.push(type);
  }
  return types;
}

/** The mount namespace comes last, for the others are opened by paths of the one before; the pid namespace is for children. */
function rank({ type, isInner }: EnteredNamespace): number {
  if (type === 'user') return 1;
  return (isInner ? 2 : 0) + (type === 'mount' ? 0.5 : 0);
}

/** Who the command is, once it is in the user namespace. */
function identitySteps(request: EnterRequest, facts: EnterFacts, entersUser: boolean): Step[] {
  const { user, preserveCredentials } = request;
  if (preserveCredentials) return [];
  const from = user ? '--user' : 'root of the user namespace';
  const groups: Step[] =
    user || entersUser ? (facts.setsGroups ? [{ operation: { op: 'groups', gids: [] }, from }] : []) : [];
  const steps: Step[] = [];
  if (entersUser && facts.mapsRoot) steps.push({ operation: { op: 'becomeRoot' }, from });
  steps.push(...groups);
  if (user) steps.push({ operation: { op: 'user', uid: user.uid, gid: user.gid }, from });
  return steps;
}

/** Decides what is done. @throws {TsrunError} `usage`: there is nothing to enter. */
export function planEnter(request: EnterRequest, facts: EnterFacts): EnterPlan {
  const wanted = facts.namespaces.filter(
    ({ type, isOwn }) => !isOwn && (request.types === undefined || request.types.includes(type)),
  );
  wanted.sort((a, b) => rank(a) - rank(b));
  const has = (type: string): boolean => wanted.some((namespace) => namespace.type === type);
  const joins: Step[] = wanted.map(({ type }, fd) => ({
    operation: { op: 'join', fd, type: NAMESPACES.get(type)?.flag ?? 0 },
    from: '--ns',
  }));
  const cwd = request.cwd ?? (has('mount') ? '/' : undefined);
  const steps: Step[] = [
    ...joins,
    // A process is in a pid or time namespace from its birth.
    ...(has('pid') || has('time') ? [{ operation: { op: 'fork', flags: 0 }, from: '--ns' } satisfies Step] : []),
    ...identitySteps(request, facts, has('user')),
    { operation: { op: 'args', args: request.words }, from: 'COMMAND' },
    { operation: { op: 'env', env: request.env }, from: '--env' },
    { operation: { op: 'rootDirectory', path: '/' }, from: 'the root of the mount namespace' },
    ...(cwd === undefined ? [] : [{ operation: { op: 'chdir', path: cwd }, from: '--cwd' } satisfies Step]),
    { operation: { op: 'findExecutable' }, from: 'COMMAND' },
    { operation: { op: 'descriptors' }, from: 'nothing else is passed on' },
    { operation: { op: 'exec' }, from: 'COMMAND' },
  ];
  return { types: wanted.map(({ type }) => type), steps };
}
