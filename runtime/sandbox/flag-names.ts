/**
 * What goes wrong with a sandbox's configuration is told by property, as with any other; but its caller gave flags, and the
 * config.json is gone when he reads the error. So each property that came of a flag is told by that flag. Pure.
 */
import type { Config, Mount, NamespaceType } from '../../spec/config.ts';
import { ConfigError } from '../../spec/diagnostic.ts';
import { configError } from '../bundle.ts';
import type { RequestOf } from '../cli/parse.ts';
import { TsrunError } from '../errors.ts';
import { show } from '../text.ts';
import type { SandboxRequest } from './request.ts';

/** Properties and the flags that they came of, as these were given. An empty flag: the property goes without saying. */
export type FlagNames = ReadonlyMap<string, string>;

/** The flags that have one value, or none, and the properties that come of them. */
const single = [
  ['cwd', 'process.cwd'],
  ['hostname', 'hostname'],
  ['rootfs', 'root.path'],
  ['upper', 'root.path'],
  ['memory', 'linux.resources.memory'],
  ['cpus', 'linux.resources.cpu'],
  ['pids', 'linux.resources.pids'],
  ['seccomp', 'linux.seccomp'],
] as const;

function flagOfNamespace(type: NamespaceType): string {
  return type === 'network' ? 'net' : type;
}

/** What was asked for as a whole: the texts of the flags. */
export type FlagTexts = Pick<SandboxRequest, 'map'> & { readonly given: ReadonlyMap<string, string> };

/** The texts of flags that name one thing. */
export function givenFlags(request: RequestOf<'sandbox'>): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  const add = (flag: string, value: unknown): void => {
    if (value !== undefined) given.set(flag, `--${flag} ${show(String(value))}`);
  };
  for (const [flag] of single) add(flag, request[flag]);
  for (const flag of ['net', 'pid', 'uts', 'ipc', 'mount', 'cgroup', 'time'] as const) add(flag, request[flag]);
  for (const text of request.user) add(/^[0-9]/.test(text) ? 'identity' : 'user', text);
  const identity = given.get('identity');
  if (identity !== undefined) given.set('identity', identity.replace('--identity', '--user'));
  for (const text of request.capAdd) add('cap-add', text);
  return given;
}

/**
 * Finds the flags of properties.
 *
 * @param ofMounts The flags that mounts came of.
 */
export function flagNames({ map, given }: FlagTexts, config: Config, ofMounts: ReadonlyMap<Mount, string>): FlagNames {
  const names = new Map<string, string>([['process.args', '']]);
  const add = (property: string, flag: string | undefined): void => {
    if (flag !== undefined) names.set(property, flag);
  };
  for (const [flag, property] of single) add(property, given.get(flag));
  add('process.user', given.get('identity'));
  add('process.capabilities', given.get('cap-add'));
  for (const [index, mount] of config.mounts?.entries() ?? []) add(`mounts[${index}]`, ofMounts.get(mount));
  for (const [index, { type }] of config.linux?.namespaces?.entries() ?? [])
    add(`linux.namespaces[${index}]`, given.get(flagOfNamespace(type)));
  // Of the list as a whole it is told that none of it is a user namespace.
  if (given.get('user') === '--user host') add(NAMESPACES, '--user host');
  for (const property of ['linux.uidMappings', 'linux.gidMappings'])
    add(property, map === undefined ? given.get('user') : `--map-${map}`);
  return names;
}

const NAMESPACES = 'linux.namespaces';

const PROPERTY = /^[A-Za-z]\w*(?:\.\w+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])*(?=[:,] )/;

/** The flag of a property, or of the nearest around it. */
function flagOf(property: string, names: FlagNames): string | undefined {
  for (let around = property; around !== ''; around = around.replace(/(?:^|[.[])[^.[]*$/, '')) {
    const flag = names.get(around);
    if (flag !== undefined && (around !== NAMESPACES || around === property)) return flag;
  }
  return undefined;
}

/** Sentences that are not about the property that they begin with, but say what to do with it, and the same for a flag. */
const cures: readonly [words: string, other: string][] = [
  ['remove uidMappings and gidMappings, or run tsrun as root', 'leave :idmap= out, or run tsrun as root'],
  [
    'make config.json with `tsrun spec --rootless`, or add {"type": "user"} with uidMappings and gidMappings, or run tsrun as root',
    'leave it out, or run tsrun as root',
  ],
  [': root.path is relative to the bundle', ''],
  ['it is missing, and could not be made', 'it is missing in the sandbox: make it first, or bind a directory there'],
];

/** The controllers of limits, in sentences about cgroups, which begin with no property. */
const CONTROLLER = /^make the cgroup .* of the (memory|cpu|pids) controller: /;

function rename(message: string, file: string, names: FlagNames): string {
  const place = message.startsWith(`${file}:`) ? (/^:\d+:\d+: /.exec(message.slice(file.length))?.[0] ?? '') : '';
  let sentence = place === '' ? message : message.slice(file.length + place.length);
  const controller = CONTROLLER.exec(sentence)?.[1];
  if (controller !== undefined) {
    const flag = names.get(`linux.resources.${controller}`);
    if (flag === undefined) return sentence;
    return `${flag}: ${sentence.replace('remove the limit from linux.resources', `leave ${flag} out`)}`;
  }
  const property = PROPERTY.exec(sentence)?.[0];
  const flag = property === undefined ? undefined : flagOf(property, names);
  if (property === undefined || flag === undefined) return sentence;
  for (const [words, other] of cures) sentence = sentence.replace(words, other);
  return flag === '' ? sentence.slice(property.length).replace(/^[:,] /, '') : flag + sentence.slice(property.length);
}

/**
 * The same error, of flags in place of properties.
 *
 * @param file The config.json, whose lines nobody will see.
 */
export function ofFlags(error: unknown, file: string, names: FlagNames): unknown {
  const known = error instanceof ConfigError ? configError(error) : error;
  if (!(known instanceof TsrunError)) return known;
  const message = rename(known.message, file, names);
  if (message === known.message) return known;
  const { code, exitCode, cause } = known;
  const renamed = new TsrunError(code, message, { exitCode, ...(cause === undefined ? {} : { cause }) });
  for (const failure of known.undoFailures) renamed.attach(failure);
  return renamed;
}
