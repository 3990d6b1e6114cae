/** Everything that makes and removes a container, in one order: what the host does and what init does. */
import type { Hook, IdMapping } from '../../spec/config.ts';
import { describeDevicePolicy } from '../cgroup/device-policy.ts';
import { describe, enumerate, namespaceTypes } from '../describe.ts';
import { OPERATIONS, type Operation, POINT } from '../generated/wire.ts';
import type { IdMap, SourceMap } from '../plan/types.ts';
import { type IdMaps, type Plan, SOURCES_PER_MESSAGE, type Step } from '../plan.ts';
import { FILTER_FLAG } from '../seccomp/numbers.ts';
import { show } from '../text.ts';
import { limitDetail, operationDetails } from './details.ts';

/** One thing that is done. */
export interface ExplainedStep {
  /** The command that does it. */
  readonly phase: 'create' | 'start' | 'delete';
  /** `host`: tsrun, outside of the container. `init`: the process that becomes it. */
  readonly by: 'host' | 'init';
  /** In words. */
  readonly does: string;
  /** With what, in words; may be empty. */
  readonly details: readonly string[];
  /** The system call behind it. */
  readonly call: string;
  /** The property of config.json that asks for it (`mounts[1]`), or a reason in words. */
  readonly from: string;
  /** What init is told, where init does it. */
  readonly operation?: Operation;
}

/** What is explained, beside the plan. */
export interface ExplainRequest {
  readonly id: string;
  /** Absolute path of the bundle's directory. */
  readonly bundle: string;
}

type HostStep = Omit<ExplainedStep, 'phase' | 'by' | 'details'> & { details?: readonly string[] };

function host(phase: ExplainedStep['phase'], step: HostStep): ExplainedStep {
  return { phase, by: 'host', ...step, details: step.details ?? [] };
}

/** What the filter is made from, which its program does not tell. */
function filterDetails({ seccomp }: Plan): string[] {
  if (!seccomp) return [];
  const { rules, systemCalls, defaultAction } = seccomp;
  return [`${rules} rules for ${systemCalls} system calls`, `all else ${defaultAction}`];
}

function init(phase: ExplainedStep['phase'], { operation, from }: Step, plan: Plan): ExplainedStep {
  const { call } = OPERATIONS[operation.op];
  return {
    phase,
    by: 'init',
    does: describe({ operation, from }),
    details: [...(operation.op === 'seccomp' ? filterDetails(plan) : []), ...operationDetails(operation)],
    call,
    from,
    operation,
  };
}

function hookSteps(phase: ExplainedStep['phase'], kind: string, hooks: readonly Hook[]): ExplainedStep[] {
  return hooks.map((hook, index) =>
    host(phase, {
      does: `run the hook ${show(hook.path)}`,
      details: hook.timeout === undefined ? [] : [`at most ${hook.timeout} s`],
      call: 'execve',
      from: `hooks.${kind}[${index}]`,
    }),
  );
}

function cgroupSteps({ cgroup }: Plan): ExplainedStep[] {
  if (cgroup.driver === 'disabled') return [];
  const directory = show(cgroup.root + cgroup.path);
  const steps = [
    host('create', {
      does: `make the cgroup ${directory}, which must be new`,
      call: 'mkdir',
      from: 'linux.cgroupsPath',
    }),
    host('create', { does: 'note that the cgroup is ours to remove', call: 'rename', from: 'intent before object' }),
    ...cgroup.controllers.map((controller) =>
      host('create', {
        does: `enable the ${controller} controller from ${show(cgroup.root)} down, where it is not`,
        call: 'write',
        from: 'linux.resources',
      }),
    ),
  ];
  for (const { controller, root, path } of cgroup.v1)
    steps.push(
      host('create', {
        does: `make the cgroup ${show(root + path)} for the ${controller} controller, which is bound to cgroup v1`,
        call: 'mkdir',
        from: 'linux.resources',
      }),
    );
  for (const { file, value, from } of cgroup.writes)
    steps.push(host('create', { does: `write ${show(value)} to ${file}`, call: 'write', from }));
  if (cgroup.deviceProgram)
    steps.push(
      host('create', {
        does: 'attach the device policy to it',
        details: describeDevicePolicy(cgroup.deviceRules),
        call: 'bpf',
        from: 'linux.resources.devices',
      }),
    );
  if (cgroup.owner !== undefined)
    steps.push(
      host('create', {
        does: `give it to uid ${cgroup.owner}, who may divide it further`,
        call: 'chown',
        from: 'mounts: /sys/fs/cgroup is writable',
      }),
    );
  return steps;
}

function spawnStep({ cloneFlags, cgroup }: Plan): ExplainedStep {
  const types = namespaceTypes(cloneFlags);
  return host('create', {
    does: types.length === 0 ? 'start init' : `start init in new namespaces: ${enumerate(types)}`,
    details: cgroup.driver === 'disabled' ? [] : ['born in the cgroup'],
    call: 'clone3',
    from: types.length === 0 ? 'create' : 'linux.namespaces',
  });
}

/** What stands before init's first operation. */
function beforeInit({ id }: ExplainRequest, plan: Plan): ExplainedStep[] {
  return [
    host('create', { does: `claim the id ${show(id)}`, call: 'mkdir', from: 'create' }),
    host('create', { does: 'note what is about to be made', call: 'rename', from: 'intent before object' }),
    ...(plan.mountPoint === undefined
      ? []
      : [host('create', { does: `make the directory ${show(plan.mountPoint)}`, call: 'mkdir', from: 'root.path' })]),
    ...cgroupSteps(plan),
    ...plan.joins.map(({ type, path, from }) =>
      host('create', {
        does: `open the ${type} namespace ${show(path)}, and see that it is one`,
        call: 'open',
        from: `${from}.path`,
      }),
    ),
    host('create', { does: 'seal the plan and init in memory', call: 'memfd_create', from: 'create' }),
    host('create', { does: 'make the fifos go and reply', call: 'mkfifo', from: 'create' }),
    spawnStep(plan),
    host('create', { does: 'note its pid and start time', call: 'rename', from: 'intent before object' }),
  ];
}

function mapWords(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID}→${hostID}×${size}`).join(' ');
}

function mapSteps(maps: IdMaps): ExplainedStep[] {
  const step = (kind: 'uid' | 'gid', { mappings, by }: IdMap): ExplainedStep =>
    host('create', {
      does: by === 'write' ? `write ${kind}_map` : `have new${kind}map write ${kind}_map`,
      details: [mapWords(mappings)],
      call: by === 'write' ? 'write' : 'execve',
      from: `linux.${kind}Mappings`,
    });
  const deny = host('create', { does: 'deny setgroups', call: 'write', from: 'linux.gidMappings' });
  return [...(maps.denySetgroups ? [deny] : []), step('gid', maps.gid), step('uid', maps.uid)];
}

function sourceMapWords(idMap: SourceMap | undefined): string[] {
  if (!idMap) return [];
  const which = idMap.recursive ? 'all ids' : 'ids';
  if (!idMap.maps) return [`${which} mapped as in the container`];
  return [`${which} mapped: users ${mapWords(idMap.maps.uid)}, groups ${mapWords(idMap.maps.gid)}`];
}

/** What the host does while init waits at a point; `sent` says how many sources it sent before. */
function atPoint(point: number, plan: Plan, sent: number): ExplainedStep[] {
  switch (point) {
    case POINT.MAPS:
      return plan.idMaps ? mapSteps(plan.idMaps) : [];
    case POINT.PLACED:
      return plan.cgroup.v1.map(({ root, path }) =>
        host('create', { does: `put the process into ${show(root + path)}`, call: 'write', from: 'linux.resources' }),
      );
    case POINT.OFFSETS:
      return [
        host('create', {
          does: 'write timens_offsets',
          details: (plan.timeOffsets ?? '').trim().split('\n'),
          call: 'write',
          from: 'linux.timeOffsets',
        }),
      ];
    case POINT.SOURCES:
      return plan.sources.slice(sent, sent + SOURCES_PER_MESSAGE).map(({ path, recursive, from, idMap }) =>
        host('create', {
          does: `open ${show(path)} for init`,
          details: [...(recursive ? ['with the mounts below it'] : []), ...sourceMapWords(idMap)],
          call: 'open_tree',
          from,
        }),
      );
    case POINT.LIMITS:
      return plan.limits.map((limit) =>
        host('create', { does: `set ${limitDetail(limit)}`, call: 'prlimit', from: limit.from }),
      );
    case POINT.HOOKS:
      return [
        ...hookSteps('create', 'prestart', plan.hooks.prestart),
        ...hookSteps('create', 'createRuntime', plan.hooks.createRuntime),
      ];
    default:
      return [];
  }
}

/** The first stage ends, and the host goes on with the process that it made. */
function afterFork(): ExplainedStep[] {
  return [
    host('create', {
      does: 'note the new pid, and reap the first process',
      call: 'waitid',
      from: 'intent before object',
    }),
  ];
}

function rdtSteps({ group, missing, schemata, monitor }: NonNullable<Plan['rdt']>): ExplainedStep[] {
  const from = 'linux.intelRdt';
  const make = (directory: string): ExplainedStep =>
    host('create', { does: `make ${show(directory)} where it is missing`, call: 'mkdir', from });
  return [
    ...(missing === 'make' ? [make(group)] : []),
    ...schemata.map((line) => host('create', { does: `write ${show(line)} to its schemata`, call: 'write', from })),
    ...(monitor === undefined ? [] : [make(monitor)]),
    host('create', { does: 'move the process there', call: 'write', from }),
  ];
}

function atReady(plan: Plan): ExplainedStep[] {
  const steps: ExplainedStep[] = [];
  if (plan.oomScoreAdj !== undefined)
    steps.push(
      host('create', { does: `set oom_score_adj to ${plan.oomScoreAdj}`, call: 'write', from: 'process.oomScoreAdj' }),
    );
  if (plan.rdt) steps.push(...rdtSteps(plan.rdt));
  steps.push(
    host('create', { does: 'write the state', call: 'rename', from: 'create' }),
    host('create', { does: 'write the pid file, if one is asked for', call: 'rename', from: '--pid-file' }),
    host('create', { does: 'hand over to init', call: 'sendmsg', from: 'create' }),
  );
  return steps;
}

/** What the host does about `step` of init, after it was reached. */
function answers({ operation }: Step, plan: Plan, sent: number): ExplainedStep[] {
  switch (operation.op) {
    case 'sync':
      return atPoint(Number(operation.point), plan, sent);
    case 'fork':
      return afterFork();
    case 'console':
      return [
        host('create', {
          does: 'take the terminal, and pass it to the console socket',
          call: 'recvmsg',
          from: '--console-socket',
        }),
      ];
    case 'ready':
      return atReady(plan);
    case 'seccomp':
      return Number(operation.flags) & FILTER_FLAG.NEW_LISTENER
        ? [
            host('create', {
              does: `${operation.sends ? 'take' : 'fetch'} the descriptor that notifies, and send it to the listener`,
              call: operation.sends ? 'recvmsg' : 'pidfd_getfd',
              from: 'linux.seccomp.listenerPath',
            }),
          ]
        : [];
    case 'netDevices':
      return plan.netDevices.map(({ source, name, from }) =>
        host('create', {
          does: `move the network device ${show(source)} there as ${show(name)}, with its addresses, and bring it up`,
          call: 'sendmsg',
          from,
        }),
      );
    case 'alive':
      return [host('create', { does: 'end', call: 'exit', from: 'create' })];
    case 'waitStart':
      return [host('start', { does: 'let init go on', call: 'write', from: 'start' })];
    default:
      return [];
  }
}

function deleteSteps(plan: Plan): ExplainedStep[] {
  const { cgroup } = plan;
  const hasCgroup = cgroup.driver !== 'disabled';
  const directory = show(cgroup.root + cgroup.path);
  return [
    ...(hasCgroup
      ? [host('delete', { does: `kill what is left in ${directory}`, call: 'write', from: 'linux.cgroupsPath' })]
      : []),
    ...(hasCgroup ? [host('delete', { does: `remove ${directory}`, call: 'rmdir', from: 'linux.cgroupsPath' })] : []),
    ...cgroup.v1.map(({ root, path }) =>
      host('delete', { does: `remove ${show(root + path)}`, call: 'rmdir', from: 'linux.resources' }),
    ),
    ...(plan.mountPoint === undefined
      ? []
      : [
          host('delete', {
            does: `detach the root file system from ${show(plan.mountPoint)}, and all that is mounted in it`,
            call: 'umount2',
            from: 'root.path',
          }),
        ]),
    ...hookSteps('delete', 'poststop', plan.hooks.poststop),
    host('delete', { does: 'remove the state, and free the id', call: 'rmdir', from: 'delete' }),
  ];
}

/** All steps from `create` to `delete`, in the order in which they happen. */
export function explainSteps(plan: Plan, request: ExplainRequest): ExplainedStep[] {
  const steps = beforeInit(request, plan);
  let phase: ExplainedStep['phase'] = 'create';
  let sent = 0;
  for (const step of plan.steps) {
    steps.push(init(phase, step, plan), ...answers(step, plan, sent));
    if (step.operation.op === 'sync' && Number(step.operation.point) === POINT.SOURCES) sent += SOURCES_PER_MESSAGE;
    if (step.operation.op === 'waitStart') phase = 'start';
  }
  return [...steps, ...hookSteps('start', 'poststart', plan.hooks.poststart), ...deleteSteps(plan)];
}
