/** `enter`: a command in namespaces that are there already. */
import { addon } from '../addon.ts';
import { envOf } from '../caller.ts';
import { isContainerId } from '../cli/id.ts';
import type { RequestOf } from '../cli/parse.ts';
import { type Context, containerOf } from '../context.ts';
import { type EnterRequest, namespaceList, planEnter } from '../enter/plan.ts';
import { openNamespaces } from '../enter/probe.ts';
import { TsrunError } from '../errors.ts';
import { openSignals, waitInForeground } from '../foreground.ts';
import { normalize } from '../plan/path.ts';
import { openProcess } from '../process.ts';
import { quote } from '../text.ts';
import { startTool } from '../tool.ts';

const maxPid = 4_194_304;
const maxId = 0xffff_fffe;

/** The process that a word names: that of a container, or the one with this number. */
function pidOf(context: Context, target: string): number {
  const container = isContainerId(target) ? containerOf(context, target) : undefined;
  if (container?.exists()) {
    const state = container.readState();
    const pidfd = state && openProcess(state.process);
    if (!state || pidfd === undefined)
      throw new TsrunError('not-running', `container ${quote(target)}: container not running`);
    addon.close(pidfd);
    return state.process.pid;
  }
  if (/^[1-9][0-9]{0,6}$/.test(target) && Number(target) <= maxPid) return Number(target);
  throw new TsrunError('not-found', `container ${quote(target)} does not exist, and it is no process id either`);
}

function userOf(text: string | undefined): EnterRequest['user'] {
  if (text === undefined) return undefined;
  const match = /^(0|[1-9][0-9]{0,9})(?::(0|[1-9][0-9]{0,9}))?$/.exec(text);
  const [uid, gid] = match ? [Number(match[1]), Number(match[2] ?? 0)] : [-1, -1];
  if (match && uid <= maxId && gid <= maxId) return { uid, gid };
  throw new TsrunError('usage', `enter: --user: not UID[:GID] in numbers: got ${quote(text)}`);
}

function absolute(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  if (path.startsWith('/')) return normalize(path);
  throw new TsrunError('usage', `enter: --cwd: not an absolute path: got ${quote(path)}`);
}

function variable(text: string): string {
  if (/^[^=]+=/.test(text)) return text;
  throw new TsrunError('usage', `enter: --env: not NAME=VALUE: got ${quote(text)}`);
}

export function enter(context: Context, request: RequestOf<'enter'>): number {
  const { caller } = context;
  const added = request.env.map(variable);
  const names = new Set(added.map((text) => text.slice(0, text.indexOf('='))));
  const user = userOf(request.user);
  if (user && request.preserveCredentials)
    throw new TsrunError('usage', 'enter: --user and --preserve-credentials contradict each other; give one of them');
  const wish: EnterRequest = {
    types: request.ns === undefined ? undefined : namespaceList(request.ns),
    user,
    preserveCredentials: request.preserveCredentials,
    cwd: absolute(request.cwd),
    env: [...caller.env.filter((text) => !names.has(text.slice(0, text.indexOf('=')))), ...added],
    words: request.words.length > 0 ? request.words : [envOf(caller, 'SHELL') || '/bin/sh'],
  };
  const pid = pidOf(context, request.target);
  const { facts, fds } = openNamespaces(pid);
  const { types, steps } = planEnter(wish, facts);
  const signals = openSignals();
  const entered = startTool({
    steps,
    inherited: types.map((type) => fds.get(type) ?? -1),
    stdio: [0, 1, 2],
    caller,
    args: wish.words,
  });
  context.log.succeed();
  return waitInForeground(context, { pid: entered, signals, style: { sharesTerminal: addon.isatty(0) } });
}
