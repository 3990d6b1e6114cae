/** Processes that join containers, whose plans are kept, each for one concern. */
import type { ExecFacts, ExecNamespace, ExecRequest } from '../../runtime/plan/exec.ts';
import { type ProcessFlags, processOfFile, processOfFlags } from '../../runtime/plan/exec-process.ts';
import type { Config, NamespaceType, Process } from '../../spec/config.ts';
import { NAMESPACES } from '../../spec/tables.ts';
import { smallConfig } from './cases.ts';

/** A process that is planned. */
export interface ExecCase {
  readonly name: string;
  readonly request: ExecRequest;
  readonly facts: ExecFacts;
}

const nothing: ProcessFlags = {
  program: ['/bin/sh', '-c', 'true'],
  cwd: undefined,
  env: [],
  tty: false,
  user: undefined,
  additionalGids: [],
  cap: [],
  noNewPrivs: false,
  processLabel: undefined,
  apparmor: undefined,
};

const own: Process = {
  args: ['/sbin/init'],
  cwd: '/srv',
  terminal: true,
  consoleSize: { height: 24, width: 80 },
  env: ['PATH=/bin', 'A=1'],
  user: { uid: 1, gid: 2, additionalGids: [3], umask: 0o27 },
  capabilities: {
    bounding: ['CAP_CHOWN', 'CAP_KILL'],
    effective: ['CAP_CHOWN'],
    permitted: ['CAP_CHOWN'],
    inheritable: ['CAP_KILL'],
    ambient: [],
  },
  rlimits: [{ type: 'RLIMIT_NOFILE', soft: 64, hard: 128 }],
  noNewPrivileges: true,
  oomScoreAdj: 100,
};

function joined(type: NamespaceType, inner = false): ExecNamespace {
  return { type, flag: NAMESPACES.get(type)?.flag ?? 0, inner };
}

const rootFacts: ExecFacts = {
  namespaces: [],
  mapsRoot: false,
  setsGroups: true,
  security: { apparmor: false, selinux: false },
  capabilities: (1n << 41n) - 1n,
  isPlaced: false,
};

function execCase(
  name: string,
  config: Config,
  facts: Partial<ExecFacts>,
  more: Partial<ExecRequest> & { flags?: Partial<ProcessFlags> } = {},
): ExecCase {
  const { flags, ...request } = more;
  return {
    name,
    request: {
      process: processOfFlags(config.process, { ...nothing, ...flags }),
      config,
      root: '/srv/bundle/rootfs',
      seccompProgram: undefined,
      preservedFds: 0,
      listenFds: 0,
      ...request,
    },
    facts: { ...rootFacts, ...facts },
  };
}

const usual: readonly NamespaceType[] = ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'];
const withOwn: Config = { ...smallConfig(usual), process: own };
const mappings = [{ containerID: 0, hostID: 100000, size: 65536 }];

export const execCases: readonly ExecCase[] = [
  execCase('usual', smallConfig(usual), { namespaces: usual.map((type) => joined(type)) }, { keyring: '_ses.golden' }),
  execCase('nothing-to-join', smallConfig([]), {}),
  execCase('of-the-container', withOwn, { namespaces: [joined('mount'), joined('pid')] }),
  execCase(
    'changed',
    withOwn,
    { namespaces: [joined('mount')] },
    {
      flags: {
        cwd: '/tmp',
        env: ['A=2', 'B=3'],
        user: { uid: 5, gid: 0 },
        additionalGids: [6],
        cap: ['CAP_NET_RAW'],
        tty: true,
      },
    },
  ),
  execCase(
    'from-a-file',
    withOwn,
    { namespaces: [joined('mount')] },
    {
      process: processOfFile(own, {
        args: ['/bin/id'],
        cwd: '/',
        user: { uid: 0, gid: 0 },
        terminal: true,
        consoleSize: { height: 30, width: 100 },
        noNewPrivileges: false,
        oomScoreAdj: -5,
      }),
    },
  ),
  execCase(
    'user-namespace',
    smallConfig(['user', ...usual, 'time'], { uidMappings: mappings, gidMappings: mappings }),
    {
      namespaces: [
        joined('user'),
        joined('pid', true),
        joined('network'),
        joined('ipc', true),
        joined('mount', true),
        joined('uts', true),
        joined('time', true),
      ],
      mapsRoot: true,
    },
  ),
  execCase(
    'user-namespace-without-root',
    smallConfig(['user', 'mount'], { uidMappings: mappings, gidMappings: mappings }),
    {
      namespaces: [joined('mount', true), joined('user')],
      setsGroups: false,
    },
  ),
  execCase('no-mount-namespace', smallConfig(['pid']), { namespaces: [joined('pid')] }),
  execCase('placed', smallConfig(['mount']), { namespaces: [joined('mount')], isPlaced: true }),
  execCase('descriptors', smallConfig(['mount']), { namespaces: [joined('mount')] }, { preservedFds: 3, listenFds: 2 }),
];
