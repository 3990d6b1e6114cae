/** Calls of the runtime under test, through execa. */
import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { Facts } from './facts.ts';
import { caller, callerRuntime, hostToolPath, patience, runtimePath } from './places.ts';

export interface CallOptions {
  cwd?: string;
  /** The whole environment; by default PATH, and XDG_RUNTIME_DIR where the caller has one. */
  env?: Readonly<Record<string, string>>;
  /** Standard input; by default /dev/null. */
  input?: string;
  /** Changes what the runtime inherits: settings of `host with`, such as `nofile=256`. */
  inherit?: string[];
  /** Files for standard output and error instead of pipes; for calls whose container lives on. */
  output?: { stdout: string; stderr: string };
  /** Seconds until the call is killed and the test fails. */
  timeout?: number;
}

export class Result {
  /** The exit status, or -1 where a signal ended the call. */
  readonly code: number;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;

  constructor(code: number, signal: string | undefined, stdout: string, stderr: string) {
    this.code = code;
    this.signal = signal;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /** What the guest told. */
  get facts(): Facts {
    return new Facts(this.stdout);
  }

  /** Fails the test with all that is known unless the exit status is this. */
  expectCode(code: number): this {
    if (this.code !== code) {
      throw new Error(
        `exit status ${this.code} (${this.signal ?? 'no signal'}), expected ${code}\n${this.stdout}${this.stderr}`,
      );
    }
    return this;
  }

  json<T = Record<string, unknown>>(): T {
    return JSON.parse(this.stdout) as T;
  }
}

export const defaultEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  ...(callerRuntime === undefined ? {} : { XDG_RUNTIME_DIR: callerRuntime }),
};

function commandLine(argv: readonly string[], options: CallOptions): [string, string[]] {
  const settings = [...(options.inherit ?? [])];
  const { output } = options;
  if (output !== undefined) settings.push(`append=1:${output.stdout}`, `append=2:${output.stderr}`);
  const line = settings.length === 0 ? [...argv] : [hostToolPath, 'with', ...settings, '--', ...argv];
  return [line[0] ?? '', line.slice(1)];
}

function execaOptions(options: CallOptions) {
  return {
    reject: false,
    extendEnv: false,
    env: options.env ?? defaultEnvironment,
    stripFinalNewline: false,
    timeout: (options.timeout ?? 30) * patience * 1000,
    killSignal: 'SIGKILL',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    // A container that lives on would keep our pipes open, and we would wait for their end.
    ...(options.output === undefined ? {} : { stdout: 'ignore' as const, stderr: 'ignore' as const }),
  } as const;
}

/** Starts any command line; the caller waits for it or ends it. */
export function start(argv: readonly string[], options: CallOptions = {}) {
  const [file, rest] = commandLine(argv, options);
  return execa(file, rest, execaOptions(options));
}

/** Runs any command line to its end. */
export async function call(argv: readonly string[], options: CallOptions = {}): Promise<Result> {
  const { output } = options;
  const ended = await start(argv, options);
  if (ended.timedOut) throw new Error(`hangs: ${argv.join(' ')}`);
  return new Result(
    ended.exitCode ?? -1,
    ended.signal,
    output === undefined ? String(ended.stdout) : readFileSync(output.stdout, 'utf8'),
    output === undefined ? String(ended.stderr) : readFileSync(output.stderr, 'utf8'),
  );
}

/** A command line as the user `uid` runs it, without any privilege. */
export const asUser = (uid: number, ...argv: string[]): string[] => [
  '/usr/bin/setpriv',
  ...[`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--inh-caps=-all', '--'],
  ...argv,
];

/** The command line of a call of the runtime with a state root of its own. */
export function runtime(root: string, ...argv: string[]): string[] {
  const line = [runtimePath, '--root', root, ...argv];
  return caller === undefined ? line : asUser(caller, ...line);
}
