/** Finds out what the configuration of a sandbox depends on. Reads, and changes nothing. */
import type { Seccomp } from '../../spec/config.ts';
import { addon } from '../addon.ts';
import { S } from '../constants.ts';
import { type Context, containerOf, currentDirectory } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { probeCgroups, readText } from '../host.ts';
import { parseMountInfo } from '../mountinfo.ts';
import { mapsRoot } from '../namespace-files.ts';
import { openProcess } from '../process.ts';
import { forContainer, readProfile } from '../seccomp/profile-file.ts';
import { checkValue } from '../sys.ts';
import { quote } from '../text.ts';
import { defaultProfile } from './default-profile.ts';
import { editedFiles } from './edited.ts';
import type { IdRange, RootEntry, SandboxFacts } from './facts.ts';
import { boundingSet } from './identity.ts';
import { hostLayers, type Layer } from './layers.ts';
import type { OverlayWish, SandboxRequest } from './request.ts';

const ACCESS_READ = 4;
const ACCESS_SEARCH = 1;

function entryOf(directory: string, name: string): RootEntry[] {
  const path = `${directory === '/' ? '' : directory}/${name}`;
  const stat = addon.stat(path, false);
  if (typeof stat === 'number') return [];
  const type = stat.mode & S.IFMT;
  if (type === S.IFDIR) return [{ name, kind: 'directory' }];
  if (type !== S.IFLNK) return [{ name, kind: 'file' }];
  const target = addon.readlink(path);
  return typeof target === 'string' ? [{ name, kind: 'link', target }] : [];
}

function entriesOf(directory: string): RootEntry[] {
  return namesIn(directory).flatMap((name) => entryOf(directory, name));
}

function namesIn(directory: string): string[] {
  return checkValue(addon.readdir(directory), 'readdir', directory).sort();
}

/** The pid of a container that runs. @throws {TsrunError} */
function pidOf(context: Context, id: string): number {
  const state = containerOf(context, id).readState();
  const pidfd = state && openProcess(state.process);
  if (!state || pidfd === undefined)
    throw new TsrunError('not-running', `container ${quote(id)}: has no process whose namespaces could be joined`);
  addon.close(pidfd);
  return state.process.pid;
}

/** The ranges of a user in /etc/subuid or /etc/subgid: by name or by number. subuid(5) */
function subordinateRanges(text: string, names: readonly string[]): IdRange[] {
  const ranges: IdRange[] = [];
  for (const line of text.split('\n')) {
    const [name = '', first = '', count = ''] = line.split(':');
    if (!names.includes(name) || !/^[0-9]{1,10}$/.test(first) || !/^[0-9]{1,10}$/.test(count)) continue;
    if (Number(count) > 0) ranges.push({ first: Number(first), count: Number(count) });
  }
  return ranges;
}

/** The name of a user in /etc/passwd. */
function userName(passwd: string, uid: number): string | undefined {
  for (const line of passwd.split('\n')) {
    const fields = line.split(':');
    if (fields[2] === String(uid)) return fields[0];
  }
  return undefined;
}

/** Where /etc/resolv.conf leads to below a directory that the sandbox has anew. */
function resolverFile(): string | undefined {
  const path = addon.realpath('/etc/resolv.conf');
  return typeof path === 'string' && /^\/(run|tmp)\//.test(path) ? path : undefined;
}

/** Only of a container is it known whose namespace it is. */
function joinsRoot({ namespaces }: SandboxRequest, containers: ReadonlyMap<string, number>): boolean {
  const wish = namespaces.get('user');
  const pid = wish?.kind === 'container' ? containers.get(wish.id) : undefined;
  return pid === undefined || mapsRoot(pid);
}

function layersFor({ upper }: OverlayWish): Layer[] {
  const tree = {
    list: entriesOf,
    canList: (path: string) => addon.access(path, ACCESS_READ | ACCESS_SEARCH) === 0,
    canSearch: (path: string) => addon.access(path, ACCESS_SEARCH) === 0,
  };
  return hostLayers(parseMountInfo(readText('/proc/self/mountinfo')), tree, upper === undefined ? [] : [upper]);
}

function seccompProfile(request: SandboxRequest): Seccomp | undefined {
  const { seccomp: wish } = request;
  if (wish.kind === 'none') return undefined;
  const capabilities = boundingSet(request);
  if (wish.kind !== 'file') return forContainer(defaultProfile, capabilities).seccomp;
  try {
    return readProfile(wish.path, capabilities).seccomp;
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    throw new TsrunError(error.code, `--seccomp: ${error.message}`, { cause: error.cause });
  }
}

/** Looks at the host for `request`. @throws {TsrunError} a container to join is missing or has ended. */
export function probeSandbox(context: Context, request: SandboxRequest): SandboxFacts {
  const uid = addon.geteuid();
  const containers = new Map<string, number>();
  for (const wish of request.namespaces.values())
    if (wish.kind === 'container') containers.set(wish.id, pidOf(context, wish.id));
  const needsRanges = request.map === 'auto';
  const names = needsRanges ? [String(uid), userName(readText('/etc/passwd'), uid) ?? ''] : [];
  const { layout } = probeCgroups(false);
  const layers = request.overlay ? layersFor(request.overlay) : [];
  return {
    uid,
    gid: addon.getegid(),
    cwd: currentDirectory(),
    env: context.caller.env,
    terminal: addon.isatty(0) && addon.isatty(1),
    root: request.rootfs === undefined ? entriesOf('/') : [],
    layers,
    edited: uid === 0 ? [] : editedFiles(layers),
    imageProcess: undefined,
    devices: request.privileged ? namesIn('/dev') : [],
    cgroups: context.global.cgroupManager !== 'disabled' && (layout === 'unified' || layout === 'hybrid'),
    containers,
    joinsRoot: joinsRoot(request, containers),
    subordinate: {
      uid: needsRanges ? subordinateRanges(readText('/etc/subuid'), names) : [],
      gid: needsRanges ? subordinateRanges(readText('/etc/subgid'), names) : [],
    },
    resolver: resolverFile(),
    seccomp: seccompProfile(request),
  };
}
