/** One boot of the guest: starts qemu, hands the command over, streams its output, and knows how it ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { harness, type Parts } from './requirements.ts';

export type Kind = 'plain' | 'systemd';

export interface BootOptions {
  kind: Kind;
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Working directory of the command: the same path as on the host. */
  cwd: string;
  /** Seconds from the start of qemu until it is killed. */
  timeout: number;
  /** Seconds without any output until it is killed. */
  silence: number;
  /** Shows the guest's console as it comes, on standard error. */
  console: boolean;
  /** Called with the exchange directory, which is gone afterwards, when the guest has ended. */
  collect?: (exchange: string) => void;
}

/** `status` is absent where the guest ended before the command did; `reason` then says how. */
export interface Ending {
  /** Whether the guest came up: the command was begun. */
  started: boolean;
  status?: number;
  reason?: string;
  /** The end of what the guest wrote to its console. */
  console: string;
}

/** Seconds until the command has begun; on an idle machine it takes ten. */
const bootLimit = 180;

const consoleLimit = 256 * 1024;

/** What qemu takes for a break on the serial line; the kernel takes the next character for a SysRq key. */
const serialBreak = '\x01b';

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The script that guest/command.sh runs. */
function commandScript({ command, env, cwd }: BootOptions): string {
  return [
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`),
    `cd ${quote(cwd)} || exit 126`,
    `exec ${command.map(quote).join(' ')}`,
    '',
  ].join('\n');
}

/**
 * Some are there for a quick end of a guest whose kernel has failed, some for speed: no hardening, no five-level
 * paging, no waiting for RCU.
 */
const kernelOptions = [
  ...['console=ttyS0', 'panic=-1', 'oops=panic', 'psi=1', 'selinux=0', 'audit=0', 'sysrq_always_enabled'],
  ...['mitigations=off', 'no5lvl', 'nowatchdog', 'rcupdate.rcu_expedited=1', 'random.trust_cpu=on'],
];

/** Software emulation, always: a /dev/kvm that is there need not work, and results should not depend on it. */
function arguments_(parts: Parts, directory: string, exchange: string): string[] {
  const port = (number: number, name: string): string[] => [
    ...['-chardev', `socket,id=${name},path=${join(directory, name)}`],
    ...['-device', `virtserialport,chardev=${name},name=${name},nr=${number}`],
  ];
  const disk = (file: string): string[] => ['-drive', `if=virtio,format=raw,file=${file},snapshot=on`];
  return [
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '3072'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'mon:stdio'],
    ...['-kernel', parts.kernel, '-initrd', parts.initramfs],
    ...['-append', kernelOptions.join(' ')],
    ...['-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap'],
    ...['-virtfs', `local,path=${exchange},mount_tag=exchange,security_model=none`],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci', ...port(1, 'stdout'), ...port(2, 'stderr')],
    ...disk(parts.disk),
    ...disk(parts.swap),
  ];
}

/** Receives one of the guest's ports; resolves when it is closed. */
function receive(path: string, sink: (chunk: Buffer) => void): Promise<{ server: Server; closed: Promise<void> }> {
  return new Promise((ready, failed) => {
    let close: () => void;
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    const server = createServer((socket) => {
      socket.on('data', sink);
      socket.on('error', () => {});
      socket.on('close', () => close());
    });
    server.on('error', failed);
    server.listen(path, () => ready({ server, closed }));
  });
}

/** What the host sees of a running guest. */
class Watch {
  reason: string | undefined;
  #console = '';
  #lastOutput = Date.now();
  readonly #started = Date.now();
  readonly #timer: NodeJS.Timeout;

  /** Calls `end` once, with the reason in place, when the guest has outlived one of its limits. */
  constructor(exchange: string, options: BootOptions, end: () => void) {
    const seconds = (since: number): number => (Date.now() - since) / 1000;
    this.#timer = setInterval(() => {
      const started = existsSync(join(exchange, 'started'));
      if (seconds(this.#started) > options.timeout) this.reason = `not done after ${options.timeout} s`;
      else if (!started && seconds(this.#started) > bootLimit) this.reason = `not up after ${bootLimit} s`;
      else if (started && seconds(this.#lastOutput) > options.silence) {
        this.reason = existsSync(join(exchange, 'status'))
          ? 'done, but the guest did not go off'
          : `no output for ${options.silence} s`;
      }
      if (this.reason === undefined) return;
      this.stop();
      end();
    }, 500);
  }

  get console(): string {
    return this.#console;
  }

  heard(): void {
    this.#lastOutput = Date.now();
  }

  addConsole(chunk: Buffer): void {
    this.heard();
    this.#console = (this.#console + chunk.toString()).slice(-consoleLimit);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Makes a hanging guest tell what its processes wait for (SysRq-L, SysRq-T), and ends it. */
async function end(qemu: ChildProcess): Promise<void> {
  for (const key of 'lt') {
    qemu.stdin?.write(`${serialBreak}${key}`);
    await new Promise((wake) => setTimeout(wake, 3000));
  }
  qemu.kill('SIGKILL');
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Boots, runs the command to its end, and leaves nothing: no process, no file. */
async function boot(parts: Parts, options: BootOptions): Promise<Ending> {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-vm-'));
  const exchange = join(directory, 'exchange');
  let qemu: ChildProcess | undefined;
  const servers: Server[] = [];
  const clean = (): void => {
    qemu?.kill('SIGKILL');
    for (const server of servers) server.close();
    rmSync(directory, { recursive: true, force: true });
  };
  const interrupted = (signal: NodeJS.Signals): void => {
    const exit = (): never => process.exit(128 + constants.signals[signal]);
    const running = qemu !== undefined && qemu.exitCode === null && qemu.signalCode === null;
    if (running) qemu?.once('exit', exit);
    clean();
    if (!running) exit();
  };
  for (const signal of signals) process.on(signal, interrupted);

  try {
    mkdirSync(exchange);
    writeFileSync(join(exchange, 'harness'), `${harness}\n`);
    writeFileSync(join(exchange, 'kind'), `${options.kind}\n`);
    writeFileSync(join(exchange, 'command'), commandScript(options));

    // What is done with output begins with the watch, which begins with qemu.
    let watch: Watch | undefined;
    const ports = await Promise.all(
      (['stdout', 'stderr'] as const).map((name) =>
        receive(join(directory, name), (chunk) => {
          watch?.heard();
          process[name].write(chunk);
        }),
      ),
    );
    servers.push(...ports.map(({ server }) => server));

    // setpriv: qemu goes even where this process is killed without a chance to clean up. A session of its own keeps
    // the terminal's Ctrl-C from it: the order of the end is ours.
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...arguments_(parts, directory, exchange)],
      { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
    );
    qemu = child;
    const watching = new Watch(exchange, options, () => void end(child));
    watch = watching;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        watching.addConsole(chunk);
        if (options.console) process.stderr.write(chunk);
      });
    }
    child.stdin.on('error', () => {});
    const exit = await new Promise<string>((resolve) => {
      child.on('error', (error) => resolve(`qemu cannot be run: ${error.message}`));
      child.on('close', (code, signal) => resolve(`qemu ended with ${signal ?? `status ${code}`}`));
    });
    watching.stop();
    // What qemu had sent is still to be read; one that never connected sends nothing.
    await Promise.race([
      Promise.all(ports.map(({ closed }) => closed)),
      new Promise((resolve) => setTimeout(resolve, 2000)),
    ]);

    options.collect?.(exchange);
    const started = existsSync(join(exchange, 'started'));
    const statusFile = join(exchange, 'status');
    const text = existsSync(statusFile) ? readFileSync(statusFile, 'utf8').trim() : '';
    if (/^\d+$/.test(text)) return { started, status: Number(text), console: watching.console };
    // A panic ends qemu by itself (panic=-1 and -no-reboot).
    const reason = /Kernel panic - not syncing/.test(watching.console)
      ? 'the kernel of the guest panicked'
      : (watching.reason ?? `the guest went off before the command had ended (${exit})`);
    return { started, reason, console: watching.console };
  } finally {
    for (const signal of signals) process.off(signal, interrupted);
    clean();
  }
}

/** {@link boot}, and once more where the machine did not come up: that is no fault of what it was to run. */
export async function run(
  parts: Parts,
  options: BootOptions,
  report: (ending: Ending) => void,
): Promise<number | undefined> {
  let ending = await boot(parts, options);
  if (!ending.started) {
    report(ending);
    process.stderr.write('test:vm: it did not come up; trying once more\n');
    ending = await boot(parts, options);
  }
  report(ending);
  return ending.status;
}
