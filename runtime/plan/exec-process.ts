/** The process of `exec`: the container's own with what differs, or one from a file with what it leaves open. */
import type { Capabilities, Process } from '../../spec/config.ts';
import type { UserFlag } from '../cli/process-values.ts';

/** What the command line says of the process; everything else is as in the container's own. */
export interface ProcessFlags {
  readonly program: readonly string[];
  readonly cwd: string | undefined;
  readonly env: readonly string[];
  readonly tty: boolean;
  readonly user: UserFlag | undefined;
  readonly additionalGids: readonly number[];
  readonly cap: readonly string[];
  readonly noNewPrivs: boolean;
  readonly processLabel: string | undefined;
  readonly apparmor: string | undefined;
}

function nameOf(variable: string): string {
  return variable.slice(0, variable.indexOf('=') + 1);
}

/** `env` with the variables of `added`: those of the same name are replaced where they stand. */
function withVariables(env: readonly string[], added: readonly string[]): string[] {
  const result = [...env];
  for (const variable of added) {
    const name = nameOf(variable);
    const at = result.findIndex((other) => other.startsWith(name));
    if (at < 0) result.push(variable);
    else result[at] = variable;
  }
  return result;
}

function withCapabilities(capabilities: Capabilities = {}, added: readonly string[]): Capabilities {
  const join = (set: readonly string[] = []): string[] => [...new Set([...set, ...added])];
  // Never inheritable or ambient: a program with capabilities on its file would gain more than was asked for.
  return {
    ...capabilities,
    bounding: join(capabilities.bounding),
    effective: join(capabilities.effective),
    permitted: join(capabilities.permitted),
  };
}

/** The process that the command line asks for, in a container whose own process is `own`. */
export function processOfFlags(own: Process, flags: ProcessFlags): Process {
  const { user, additionalGids, cap, cwd, env, noNewPrivs, processLabel, apparmor } = flags;
  const { consoleSize: _, ...kept } = own;
  return {
    ...kept,
    args: flags.program,
    terminal: flags.tty,
    ...(cwd === undefined ? {} : { cwd }),
    ...(env.length > 0 ? { env: withVariables(own.env ?? [], env) } : {}),
    user: {
      ...own.user,
      ...user,
      ...(additionalGids.length > 0 ? { additionalGids: [...(own.user.additionalGids ?? []), ...additionalGids] } : {}),
    },
    ...(cap.length > 0 ? { capabilities: withCapabilities(own.capabilities, cap) } : {}),
    ...(noNewPrivs ? { noNewPrivileges: true } : {}),
    ...(processLabel === undefined ? {} : { selinuxLabel: processLabel }),
    ...(apparmor === undefined ? {} : { apparmorProfile: apparmor }),
  };
}

/** A process from a file; what bounds the container's own process bounds it too, where the file says nothing else. */
export function processOfFile(own: Process, process: Process): Process {
  const umask = process.user.umask ?? own.user.umask;
  const { terminal, consoleSize, env, args, cwd, user, ...bounds } = own;
  return { ...bounds, ...process, user: { ...process.user, ...(umask === undefined ? {} : { umask }) } };
}
