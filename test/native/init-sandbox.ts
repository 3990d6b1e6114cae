/** Runs plans by init where they can do no harm: see init-sandbox.c. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { Operation } from '../../runtime/generated/wire.ts';
import { encodePlan } from '../../runtime/wire.ts';

const repository = resolve(import.meta.dirname, '../..');
const sandbox = `${repository}/build/init-sandbox`;

/** A program in the place of init: itself, or built with the sanitizers. */
export interface Init {
  readonly path: string;
  readonly libraries: readonly string[];
}

export const init: Init = { path: `${repository}/dist/libexec/tsrun/init`, libraries: [] };

export function sanitizedInit(): Init {
  const path = `${repository}/build/init-sanitized`;
  const listed = spawnSync('ldd', [path], { encoding: 'utf8' }).stdout;
  return { path, libraries: [...listed.matchAll(/\/[^ \n]+/g)].map(([library]) => library) };
}

/** What init sent to the host, or into the reply fifo. */
export interface Sent {
  type: number;
  operation: number;
  value: number;
  /** As text: what init sends is ASCII, but for what comes from a plan. */
  detail: string;
}

/** How a plan ended. */
export interface Ending {
  how: 'exit' | 'signal' | 'timeout';
  /** Exit status or signal. */
  code: number;
  messages: Sent[];
}

function decodeMessage(text: string): Sent {
  const [type = '', operation = '', value = '', detail = ''] = text.split(':');
  return {
    type: Number(type),
    operation: Number(operation),
    value: Number(value),
    detail: Buffer.from(detail, 'hex').toString('utf8'),
  };
}

/** The endings of `plans`, each of which ran in fresh namespaces. */
export function runPlans(plans: readonly Uint8Array[], program: Init = init): Ending[] {
  const input = plans.flatMap((plan) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(plan.length);
    return [size, plan];
  });
  const result = spawnSync(sandbox, [program.path, ...program.libraries], {
    input: Buffer.concat(input),
    env: {},
    maxBuffer: 1 << 28,
  });
  const said = result.stderr.toString();
  if (result.status !== 0 || said !== '') throw new Error(`init-sandbox: status ${result.status}: ${said}`);
  const lines = result.stdout.toString().split('\n').slice(0, -1);
  return plans.map((_, index) => {
    const [how, code] = (lines[2 * index + 1] ?? 'none').split(' ');
    if (how !== 'exit' && how !== 'signal' && how !== 'timeout') throw new Error(`init-sandbox: no ending but ${how}`);
    const messages = (lines[2 * index] ?? '').split(' ').filter((text) => text !== '');
    return { how, code: Number(code), messages: messages.map(decodeMessage) };
  });
}

export function runPlan(plan: Uint8Array, program: Init = init): Ending {
  const [ending] = runPlans([plan], program);
  if (!ending) throw new Error('init-sandbox: no ending');
  return ending;
}

export function runOperations(operations: readonly Operation[], program: Init = init): Ending {
  return runPlan(encodePlan(operations, { preserved: 0, inherited: 0 }), program);
}

/** A plan that goes through most of init, and ends with a program that does not start. */
export const wholePlan: readonly Operation[] = [
  { op: 'sync', point: 4 },
  { op: 'session' },
  { op: 'keyring', name: '_ses.test' },
  { op: 'hostname', name: 'box' },
  { op: 'domainname', name: 'example.org' },
  { op: 'propagation', flags: (1 << 19) | (1 << 14) },
  { op: 'sync', point: 5 },
  { op: 'rootfs', path: '/root', fd: -1 },
  { op: 'mount', type: 'tmpfs', source: 'tmpfs', target: '/dev', attributesSet: 2, options: ['mode=755', 'size=64k'] },
  {
    op: 'mount',
    type: 'tmpfs',
    source: 'shm',
    target: '/dev/shm/x',
    propagation: 1 << 18,
    recursiveSet: 1,
    options: [],
  },
  { op: 'mount', type: 'tmpfs', target: '/dir', flags: 4, options: [] },
  { op: 'mount', type: 'tmpfs', target: '/link/below', options: ['ro'] },
  { op: 'bind', source: '/root', target: '/bound', fd: -1, flags: 2, attributesSet: 1, recursiveClear: 8 },
  { op: 'bind', source: '/init', target: '/file', fd: -1, propagation: 1 << 19, propagationRecursive: 1 },
  { op: 'bind', source: '/dev/null', target: '/dev/null', fd: -1, flags: 16 },
  { op: 'bind', source: '/missing', target: '/missing', fd: -1, flags: 8 },
  { op: 'mountOld', type: 'tmpfs', target: '/old', data: 'size=1m', mountFlags: 2, propagation: 1 << 18 },
  { op: 'remount', target: '/old', attributesSet: 8 },
  { op: 'device', path: '/dev/fifo', mode: 0o10600, major: 0, minor: 0, uid: 7, gid: 7 },
  { op: 'symlink', target: 'pts/ptmx', path: '/dev/ptmx', replace: 1 },
  { op: 'symlink', target: '/proc/self/fd', path: '/dev/fd' },
  { op: 'sync', point: 7 },
  { op: 'readonlyPath', path: '/etc' },
  { op: 'mask', path: '/etc/passwd' },
  { op: 'mask', path: '/dir' },
  { op: 'mask', path: '/nothing' },
  { op: 'makeCwd', path: '/work/deep' },
  { op: 'pivotRoot' },
  { op: 'rootPropagation', propagation: 1 << 18, recursive: 1 },
  { op: 'rootReadonly' },
  { op: 'args', args: ['/program', '', 'argument'] },
  { op: 'env', env: ['PATH=/bin:/', 'A=b'] },
  { op: 'home', uid: 7 },
  { op: 'chdir', path: '/work/deep' },
  { op: 'affinity', cpus: [] },
  { op: 'stdioNull' },
  { op: 'stdioOwner', uid: 7, gid: 7 },
  { op: 'bounding', capabilities: 0x21n },
  { op: 'groups', gids: [1, 2, 3] },
  { op: 'user', uid: 7, gid: 7 },
  { op: 'capabilities', effective: 1n, permitted: 1n, inheritable: 1n },
  { op: 'ambient', capabilities: 1n },
  { op: 'noNewPrivileges' },
  { op: 'umask', mask: 0o22 },
  { op: 'findExecutable' },
  { op: 'ready' },
  { op: 'alive' },
  { op: 'waitStart' },
  { op: 'exec' },
];
