/**
 * Configurations, made of small parts: `bundle(args('hostname'), namespaces('uts'), hostname('x'))`.
 *
 * The types here are the tests' own and loose on purpose: a test must be able to say what no valid config says, and must
 * not share a mistake with the code under test.
 */
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Namespace {
  type: string;
  path?: string;
}

export interface MountEntry {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
}

export interface Device {
  type: string;
  path: string;
  major?: number;
  minor?: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface Hook {
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}

export const hookKinds = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;
export type HookKind = (typeof hookKinds)[number];

export const capabilitySets = ['bounding', 'effective', 'inheritable', 'permitted', 'ambient'] as const;
export type CapabilitySet = (typeof capabilitySets)[number];

export interface Config {
  ociVersion: string;
  hostname?: string;
  domainname?: string;
  root: { path: string; readonly?: boolean };
  process: {
    terminal?: boolean;
    consoleSize?: { height: number; width: number };
    user: { uid: number; gid: number; additionalGids?: number[]; umask?: number };
    args: string[];
    env: string[];
    cwd: string;
    capabilities?: Partial<Record<CapabilitySet, string[]>>;
    rlimits?: { type: string; soft: number | string; hard: number | string }[];
    noNewPrivileges?: boolean;
    oomScoreAdj?: number;
    apparmorProfile?: string;
    selinuxLabel?: string;
  };
  mounts: MountEntry[];
  hooks?: Partial<Record<HookKind, Hook[]>>;
  annotations?: Record<string, string>;
  linux: {
    namespaces: Namespace[];
    uidMappings?: IdMapping[];
    gidMappings?: IdMapping[];
    timeOffsets?: Record<string, { secs?: number; nanosecs?: number }>;
    devices?: Device[];
    cgroupsPath?: string;
    rootfsPropagation?: string;
    maskedPaths?: string[];
    readonlyPaths?: string[];
    sysctl?: Record<string, string>;
    resources?: { devices?: { allow: boolean; type?: string; major?: number; minor?: number; access?: string }[] };
    seccomp?: object;
    mountLabel?: string;
  };
}

/** What a part may change: the configuration, the root file system, and at last the text itself. */
export interface Draft {
  config: Config;
  /** The bundle's directory. */
  dir: string;
  rootfs: string;
  /** Replaces the text of config.json. */
  text?: string | Buffer;
  /** Changes of the text of config.json, made when all parts are done. */
  edits: ((json: string) => string)[];
}

export type Part = (draft: Draft) => void;

/** The capabilities that engines give by default. */
export const defaultCapabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

export function baseConfig(): Config {
  return {
    ociVersion: '1.0.2',
    root: { path: 'rootfs' },
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/guest'],
      env: ['PATH=/usr/bin:/bin:/'],
      cwd: '/',
      capabilities: {
        bounding: [...defaultCapabilities],
        effective: [...defaultCapabilities],
        permitted: [...defaultCapabilities],
      },
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
    ],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })) },
  };
}

// --- the process ---------------------------------------------------------------------------------------------------

/** Runs the guest with these verbs. */
export const args =
  (...verbs: string[]): Part =>
  ({ config }) => {
    config.process.args = ['/guest', ...verbs];
  };

/** Runs this command line as it is. */
export const command =
  (...argv: string[]): Part =>
  ({ config }) => {
    config.process.args = argv;
  };

export const user =
  (uid: number, gid: number, more: { additionalGids?: number[]; umask?: number } = {}): Part =>
  ({ config }) => {
    config.process.user = { uid, gid, ...more };
  };

export const env =
  (...entries: string[]): Part =>
  ({ config }) => {
    config.process.env = entries;
  };

export const cwd =
  (path: string): Part =>
  ({ config }) => {
    config.process.cwd = path;
  };

/** Gives the named sets; sets that are not named are absent. */
export const capabilities =
  (sets: Partial<Record<CapabilitySet, string[]>>): Part =>
  ({ config }) => {
    config.process.capabilities = sets;
  };

/** Adds to the bounding, effective and permitted sets. */
export const withCapabilities =
  (...names: string[]): Part =>
  ({ config }) => {
    for (const set of ['bounding', 'effective', 'permitted'] as const) {
      config.process.capabilities = {
        ...config.process.capabilities,
        [set]: [...(config.process.capabilities?.[set] ?? []), ...names],
      };
    }
  };

export const rlimit =
  (type: string, soft: number | string, hard: number | string): Part =>
  ({ config }) => {
    config.process.rlimits = [...(config.process.rlimits ?? []), { type, soft, hard }];
  };

export const terminal =
  (size?: { height: number; width: number }): Part =>
  ({ config }) => {
    config.process.terminal = true;
    if (size !== undefined) config.process.consoleSize = size;
  };

// --- namespaces ------------------------------------------------------------------------------------------------------

/** Exactly these new namespaces. */
export const namespaces =
  (...types: string[]): Part =>
  ({ config }) => {
    config.linux.namespaces = types.map((type) => ({ type }));
  };

/** One more namespace, new or joined; replaces an entry of the same type. */
export const namespace =
  (type: string, path?: string): Part =>
  ({ config }) => {
    config.linux.namespaces = config.linux.namespaces.filter((entry) => entry.type !== type);
    config.linux.namespaces.push(path === undefined ? { type } : { type, path });
  };

export const withoutNamespace =
  (type: string): Part =>
  ({ config }) => {
    config.linux.namespaces = config.linux.namespaces.filter((entry) => entry.type !== type);
  };

/** A new user namespace with one range for both kinds of ids. */
export const userNamespace =
  (hostID = 100_000, size = 65_536): Part =>
  (draft) => {
    namespace('user')(draft);
    draft.config.linux.uidMappings = [{ containerID: 0, hostID, size }];
    draft.config.linux.gidMappings = [{ containerID: 0, hostID, size }];
    chownSync(draft.rootfs, hostID, hostID);
    chmodSync(draft.dir, 0o755);
  };

// --- file systems ------------------------------------------------------------------------------------------------------

export const mount =
  (entry: MountEntry): Part =>
  ({ config }) => {
    config.mounts.push(entry);
  };

export const tmpfs = (destination: string, ...options: string[]): Part =>
  mount({ destination, type: 'tmpfs', source: 'tmpfs', options });

export const bind = (source: string, destination: string, ...options: string[]): Part =>
  mount({ destination, type: 'bind', source, options: ['rbind', ...options] });

export const withoutMount =
  (destination: string): Part =>
  ({ config }) => {
    config.mounts = config.mounts.filter((entry) => entry.destination !== destination);
  };

/** A file of the root file system, with its directories. */
export const file =
  (path: string, content: string | Buffer = '', mode = 0o644, owner = 0): Part =>
  ({ rootfs }) => {
    const at = join(rootfs, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, content);
    chownSync(at, owner, owner);
    chmodSync(at, mode);
  };

export const directory =
  (path: string, mode = 0o755): Part =>
  ({ rootfs }) => {
    const at = join(rootfs, path);
    mkdirSync(at, { recursive: true });
    chmodSync(at, mode);
  };

export const link =
  (path: string, target: string): Part =>
  ({ rootfs }) => {
    const at = join(rootfs, path);
    mkdirSync(dirname(at), { recursive: true });
    symlinkSync(target, at);
  };

// --- the rest -----------------------------------------------------------------------------------------------------------

export const linux =
  (properties: Partial<Config['linux']>): Part =>
  ({ config }) => {
    Object.assign(config.linux, properties);
  };

export const processProperties =
  (properties: Partial<Config['process']>): Part =>
  ({ config }) => {
    Object.assign(config.process, properties);
  };

export const hook =
  (kind: HookKind, ...hooks: Hook[]): Part =>
  ({ config }) => {
    config.hooks = { ...config.hooks, [kind]: [...(config.hooks?.[kind] ?? []), ...hooks] };
  };

/** Anything at all: a change of the configuration by hand. */
export const change =
  (edit: (config: Config) => void): Part =>
  ({ config }) =>
    edit(config);

/**
 * Sets the value at a path such as `process.user.uid` or `mounts[1].options[0]`, whatever its type; `undefined` removes
 * the property.
 */
export const set =
  (path: string, value: unknown): Part =>
  ({ config }) => {
    const keys = path.split(/[.[\]]+/).filter((key) => key !== '');
    const last = keys.pop() ?? '';
    let at = config as unknown as Record<string, unknown>;
    for (const key of keys) {
      at[key] ??= {};
      at = at[key] as Record<string, unknown>;
    }
    if (value === undefined) delete at[last];
    else at[last] = value;
  };

/** The text of config.json, instead of the configuration. */
export const text =
  (content: string | Buffer): Part =>
  (draft) => {
    draft.text = content;
  };

/** A change of the text of config.json; for what JSON.stringify cannot say. */
export const editText =
  (edit: (json: string) => string): Part =>
  ({ edits }) => {
    edits.push(edit);
  };
