/**
 * What a user reads when init failed. init knows the index of its operation, a system call, an object and an errno; the
 * plan knows the rest. One sentence is made of it: property, what was being done, the call, why, and what to do.
 */
import { signalName } from '../spec/tables.ts';
import { S } from './constants.ts';
import { describe } from './describe.ts';
import { errno, errnoText } from './errno.ts';
import { type ErrorCode, TsrunError } from './errors.ts';
import { explainExecFailure } from './exec-failure.ts';
import { type Failure, hintFor } from './failure-hints.ts';
import type { Operation } from './generated/wire.ts';
import type { HandshakeEvent } from './handshake.ts';
import type { Step } from './plan/types.ts';
import { escapeControls, quote, show } from './text.ts';

const codes = (): { readonly [name in Operation['op']]: ErrorCode } => ({
  sync: 'internal',
  fork: 'namespace',
  ready: 'internal',
  waitStart: 'process',
  hook: 'hook',
  exec: 'process',
  join: 'namespace',
  unshare: 'namespace',
  becomeRoot: 'namespace',
  hostname: 'namespace',
  domainname: 'namespace',
  sysctl: 'namespace',
  loopbackUp: 'namespace',
  propagation: 'mount',
  rootfs: 'rootfs',
  mount: 'mount',
  bind: 'mount',
  mountOld: 'mount',
  remount: 'mount',
  device: 'device',
  symlink: 'device',
  mask: 'mount',
  readonlyPath: 'mount',
  pivotRoot: 'rootfs',
  moveRoot: 'rootfs',
  chroot: 'rootfs',
  rootPropagation: 'rootfs',
  rootReadonly: 'rootfs',
  procHandle: 'namespace',
  rootDirectory: 'rootfs',
  session: 'process',
  console: 'console',
  keyring: 'process',
  rlimit: 'process',
  raiseLimit: 'process',
  descriptors: 'process',
  release: 'process',
  listenPid: 'process',
  umask: 'process',
  makeCwd: 'process',
  chdir: 'process',
  args: 'process',
  env: 'process',
  home: 'process',
  stdioNull: 'process',
  stdioOwner: 'process',
  bounding: 'process',
  groups: 'process',
  user: 'process',
  capabilities: 'process',
  ambient: 'process',
  noNewPrivileges: 'process',
  findExecutable: 'process',
  affinity: 'process',
  done: 'internal',
  openSource: 'mount',
  umount: 'mount',
  netDevices: 'namespace',
  scheduler: 'process',
  ioPriority: 'process',
  personality: 'process',
  memoryPolicy: 'process',
  label: 'process',
  outlive: 'process',
  seccomp: 'process',
  lastCapabilities: 'process',
  alive: 'internal',
});

/** Where a step comes from, if that is a property and not a reason in words. */
function propertyOf(step: Step): string {
  return /^(process|root|mounts|linux|hooks|hostname|domainname)([.[]|$)/.test(step.from) ? `${step.from}: ` : '';
}

/**
 * Callers take the usual text of ENOENT for a program that is missing (exit status 127), wherever it stands in a message.
 * So it is kept for that, and for the working directory of a program, with which every runtime has that status.
 */
function because(step: Step, number: number): string {
  const ofProgram = step.operation.op === 'chdir' || step.operation.op === 'makeCwd';
  return number === errno.ENOENT && !ofProgram ? 'does not exist' : errnoText(number);
}

/** How much of what init says a call was about is shown, in UTF-16 units. */
const objectLength = 512;

function whatFailed(failure: Failure, description: string): string {
  const { syscall, object } = failure;
  if (object === '' || description.includes(show(object))) return syscall;
  // Often the kernel's own words about an option, which quotes would not make clearer.
  return `${syscall} ${escapeControls(object.slice(0, objectLength))}`;
}

/** What an event of init tells that something went wrong. */
export type FailureEvent = Extract<HandshakeEvent, { kind: 'failed' | 'hookFailed' | 'execFailed' }>;

/** What the wording needs to know beside the plan. */
export interface FailureNames {
  /** process.args. */
  readonly args: readonly string[];
}

function wordFailedStep(step: Step, failure: Failure): TsrunError {
  const description = describe(step);
  const hint = hintFor(failure);
  const message = `${propertyOf(step)}${description}: ${whatFailed(failure, description)}: ${because(step, failure.errno)}`;
  return new TsrunError(codes()[step.operation.op], hint === undefined ? message : `${message}: ${hint}`);
}

/** The program that FIND_EXECUTABLE did not find, or found and cannot use. */
function wordMissingProgram(step: Step, failure: Failure): TsrunError {
  if (failure.errno === errno.ETXTBSY)
    return new TsrunError(
      'command-not-executable',
      `${propertyOf(step)}exec: ${quote(failure.object, 256)}: permission denied: it leads to the file of tsrun's own init (by /proc/self/exe or a link to that), which is no program of the container: name another`,
    );
  const isDirectory = failure.errno === errno.EISDIR;
  const error = wordExecFailure({
    path: failure.object,
    // As execve(2) would have said it; the explanation names the directory.
    errno: isDirectory ? errno.EACCES : failure.errno,
    ...(isDirectory ? { mode: S.IFDIR | 0o755 } : {}),
  });
  return new TsrunError(error.code, `${propertyOf(step)}${error.message}`);
}

/** A plan's steps, or those of them that are known, at their index. */
interface FailedPlan {
  readonly steps: readonly (Step | undefined)[];
}

/** The error of a container whose init failed at an operation of `plan`. */
export function wordFailure(plan: FailedPlan, event: FailureEvent, names: FailureNames): TsrunError {
  if (event.kind === 'execFailed') return wordExecFailure(event);
  const step = plan.steps[event.operation];
  if (event.kind === 'hookFailed') {
    const hook = step?.operation.op === 'hook' ? step.operation : undefined;
    return wordHookFailure({
      property: step?.from ?? 'hooks',
      path: hook?.path ?? '',
      status: event.status,
      ...(hook ? { timeoutSeconds: Number(hook.timeoutMs) / 1000 } : {}),
      output: event.output,
    });
  }
  const { errno: number, syscall, object } = event;
  if (step === undefined || number === errno.EPROTO || number === errno.EBADMSG)
    return new TsrunError(
      'internal',
      `init refused its plan at operation ${event.operation}: ${syscall} ${show(object)}: ${errnoText(number)}: this is a mistake of tsrun, please report it`,
    );
  const failure: Failure = { operation: step.operation, errno: number, syscall, object };
  if (step.operation.op === 'findExecutable')
    return wordMissingProgram(step, { ...failure, object: object === '' ? (names.args[0] ?? '') : object });
  return wordFailedStep(step, failure);
}

/** How a hook ended that did not end well. */
export interface HookFailure {
  /** `hooks.createRuntime[0]`. */
  readonly property: string;
  readonly path: string;
  /** As waitpid(2) stores it, or −1 where the hook's time was over. */
  readonly status: number;
  readonly timeoutSeconds?: number;
  /** What it printed, both streams together. */
  readonly output: string;
}

/** A wait status in words: `exit status 3`, `killed by signal 9 (SIGKILL)`. */
export function describeWaitStatus(status: number): string {
  const signal = status & 0x7f;
  if (signal === 0) return `exit status ${(status >> 8) & 0xff}`;
  return `killed by signal ${signal} (${signalName(signal)})${status & 0x80 ? ', core dumped' : ''}`;
}

/** The most bytes of a hook's output that an error shows. */
const outputBytes = 1024;

function describeHookEnd({ status, timeoutSeconds }: HookFailure): string {
  if (status !== -1) return describeWaitStatus(status);
  return timeoutSeconds === undefined ? 'timed out' : `timed out after ${timeoutSeconds} s, and was killed`;
}

/** The error of a hook, run by init or by the host. */
export function wordHookFailure(failure: HookFailure): TsrunError {
  const { property, path } = failure;
  const output = failure.output.trim();
  const said = output === '' ? 'it printed nothing' : `it printed ${quote(output, outputBytes)}`;
  return new TsrunError('hook', `${property}: hook ${show(path)}: ${describeHookEnd(failure)}: ${said}`);
}

/** What is known of a program that could not be executed. */
export interface ExecFailureDetail {
  readonly path: string;
  readonly errno: number;
  /** The file's first bytes. */
  readonly head?: Uint8Array;
  /** The file's st_mode. */
  readonly mode?: number;
}

/** The error of execve(2), or of the search for the program before it. */
export function wordExecFailure(detail: ExecFailureDetail): TsrunError {
  const { head } = detail;
  // No bytes: an empty file where the kernel could not tell its format, else one that could not be read.
  const seen = head && (head.length > 0 || detail.errno === errno.ENOEXEC);
  const explained = explainExecFailure({
    path: detail.path,
    errno: detail.errno,
    ...(seen ? { head } : {}),
    ...(detail.mode === undefined ? {} : { mode: detail.mode }),
    hostMachine: process.arch,
  });
  const isMissing = detail.errno === errno.ENOENT || detail.errno === errno.ENOTDIR;
  return new TsrunError(
    isMissing ? 'command-not-found' : 'command-not-executable',
    `exec: ${quote(detail.path, 256)}: ${explained}`,
  );
}
