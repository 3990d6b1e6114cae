/** One boot of the guest: starts qemu, hands the command over, streams its output, and knows how it ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
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
  status?: number;
  reason?: string;
  /** The end of what the guest wrote to its console. */
  console: string;
}

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

/** Some are there for speed: no hardening, no five-level paging, no waiting for RCU. */
const kernelOptions = [
  ...['console=ttyS0', 'panic=-1', 'psi=1', 'selinux=0', 'audit=0', 'sysrq_always_enabled'],
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

/** Boots, runs the command to its end, and leaves nothing: no process, no file. */
export async function boot(parts: Parts, options: BootOptions): Promise<Ending> {
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
    clean();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupted);

  try {
    mkdirSync(exchange);
    writeFileSync(join(exchange, 'harness'), `${harness}\n`);
    writeFileSync(join(exchange, 'kind'), `${options.kind}\n`);
    writeFileSync(join(exchange, 'command'), commandScript(options));

    let reason: string | undefined;
    let lastOutput = Date.now();
    let shown = '';
    const heard = (sink: (chunk: Buffer) => void) => (chunk: Buffer) => {
      lastOutput = Date.now();
      sink(chunk);
    };
    const onConsole = heard((chunk) => {
      shown = (shown + chunk.toString()).slice(-consoleLimit);
      if (options.console) process.stderr.write(chunk);
    });
    const ports = await Promise.all([
      receive(
        join(directory, 'stdout'),
        heard((chunk) => process.stdout.write(chunk)),
      ),
      receive(
        join(directory, 'stderr'),
        heard((chunk) => process.stderr.write(chunk)),
      ),
    ]);
    servers.push(...ports.map(({ server }) => server));

    // setpriv: qemu goes even where this process is killed without a chance to clean up. A session of its own keeps
    // the terminal's Ctrl-C from it: the order of the end is ours.
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...arguments_(parts, directory, exchange)],
      { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
    );
    qemu = child;
    child.stdout.on('data', onConsole);
    child.stderr.on('data', onConsole);
    child.stdin.on('error', () => {});
    // Ends a guest that hangs; it first tells what its processes wait for.
    const end = async (why: string): Promise<void> => {
      reason = why;
      clearInterval(watch);
      for (const key of 'lt') {
        child.stdin.write(`${serialBreak}${key}`);
        await new Promise((wake) => setTimeout(wake, 3000));
      }
      child.kill('SIGKILL');
    };
    const started = Date.now();
    const watch = setInterval(() => {
      const now = Date.now();
      if (now - started > options.timeout * 1000) void end(`not done after ${options.timeout} s`);
      else if (now - lastOutput > options.silence * 1000) void end(`no output for ${options.silence} s`);
    }, 500);
    const exit = await new Promise<string>((resolve) => {
      child.on('error', (error) => resolve(`qemu cannot be run: ${error.message}`));
      child.on('close', (code, signal) => resolve(`qemu ended with ${signal ?? `status ${code}`}`));
    });
    clearInterval(watch);
    // What qemu had sent is still to be read; one that never connected sends nothing.
    await Promise.race([
      Promise.all(ports.map(({ closed }) => closed)),
      new Promise((resolve) => setTimeout(resolve, 2000)),
    ]);

    options.collect?.(exchange);
    const statusFile = join(exchange, 'status');
    const text = existsSync(statusFile) ? readFileSync(statusFile, 'utf8').trim() : '';
    if (/^\d+$/.test(text)) return { status: Number(text), console: shown };
    // A panic ends qemu by itself (panic=-1 and -no-reboot).
    if (/Kernel panic - not syncing/.test(shown)) reason = 'the kernel of the guest panicked';
    return { reason: reason ?? `the guest went off before the command had ended (${exit})`, console: shown };
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupted);
    clean();
  }
}
