/** containerd in a directory of its own, called by ctr. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { busyboxTree } from './busybox.ts';
import { Daemon } from './daemon.ts';
import type { RuntimeName } from './engine-peers.ts';
import { cgroupMount, mountsOf, processes, until } from './kernel.ts';
import { cgroupsNamed } from './lab.ts';
import { runtimePath, scratch } from './places.ts';
import { call, type Result } from './runtime.ts';
import { Terminal } from './terminal.ts';

/** Of the plugins only those that run containers from a directory. */
const configuration = (directory: string): string =>
  [
    'version = 2',
    `root = "${directory}/root"`,
    `state = "${directory}/state"`,
    'disabled_plugins = [',
    ...['grpc.v1.cri', 'snapshotter.v1.btrfs', 'snapshotter.v1.devmapper', 'snapshotter.v1.zfs'].map(
      (name) => `  "io.containerd.${name}",`,
    ),
    ']',
    '[grpc]',
    `address = "${directory}/socket"`,
    // Directories of its own also where it has one for everybody.
    '[plugins."io.containerd.internal.v1.opt"]',
    `path = "${directory}/opt"`,
    // Seconds are not enough where each program takes some: a container whose removal takes longer has status 255.
    '[timeouts]',
    '"io.containerd.timeout.shim.cleanup" = "60s"',
    '"io.containerd.timeout.shim.load" = "60s"',
    '',
  ].join('\n');

/** The runtime under test, and the one that the shim was made for. */
const runtimes: Readonly<Record<RuntimeName, string>> = { tsrun: runtimePath, runc: '/usr/sbin/runc' };

/** Where the shim has the runtimes keep their state, unless ctr says otherwise. */
const stateRoot = '/run/containerd/runc/default';

/** A length-delimited field of a protocol buffer. */
function field(number: number, content: string | Buffer): Buffer {
  const data = Buffer.from(content);
  const length: number[] = [];
  let rest = data.length;
  for (; rest > 127; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, rest]), data]);
}

/** The socket of the containerd that has this directory. */
export const socketOf = (directory: string): string => join(directory, 'socket');

/** Starts containerd with all that it keeps in a directory. */
export function startContainerd(directory: string): Promise<Daemon> {
  const configurationFile = join(directory, 'containerd.toml');
  writeFileSync(configurationFile, configuration(directory));
  return Daemon.start(['/usr/bin/containerd', '--config', configurationFile], {
    log: join(directory, 'containerd.log'),
    answers: async () => (await call(['/usr/bin/ctr', '--address', socketOf(directory), 'version'])).code === 0,
  });
}

/** Removes what daemons keep beside their directories, and the parents of their cgroups, which they leave. */
export function removeTraces(): void {
  for (const name of ['containerd', 'docker', 'runc']) rmSync(join('/run', name), { recursive: true, force: true });
  for (const name of ['default/', 'docker/buildkit/', 'docker/']) {
    const path = join(cgroupMount, name);
    if (existsSync(path)) rmdirSync(path);
  }
}

export class Containerd {
  readonly directory = mkdtempSync(join(scratch, 'containerd-'));
  readonly rootfs = join(this.directory, 'rootfs');
  readonly #socket = socketOf(this.directory);
  readonly #eventLog = join(this.directory, 'events');
  #daemon: Daemon | undefined;
  #events: ChildProcess | undefined;

  static async prepare(): Promise<Containerd> {
    const containerd = new Containerd();
    busyboxTree(containerd.rootfs);
    mkdirSync(join(containerd.rootfs, 'given'));
    writeFileSync(containerd.#eventLog, '');
    await containerd.start();
    return containerd;
  }

  async start(): Promise<void> {
    this.#daemon = await startContainerd(this.directory);
    await this.#listen();
  }

  /** Has `ctr events` write what is published from now on. */
  async #listen(): Promise<void> {
    this.#events?.kill();
    this.#events = spawn('/usr/bin/ctr', ['--address', this.#socket, 'events'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#events.stdout?.on('data', (chunk: Buffer) => appendFileSync(this.#eventLog, chunk));
    // The subscription is made at a time of its own; an event shows that it is there.
    await until('events come', async () => {
      const name = `listening-${Date.now()}`;
      (await this.ctr('namespaces', 'create', name)).expectCode(0);
      (await this.ctr('namespaces', 'remove', name)).expectCode(0);
      return readFileSync(this.#eventLog, 'utf8').includes(name);
    });
  }

  /** Ends the daemon and nothing else: shims and containers live on. */
  async end(signal?: NodeJS.Signals): Promise<void> {
    await this.#daemon?.end(signal);
  }

  /** One ctr command, to its end. */
  ctr(...argv: string[]): Promise<Result> {
    return call(['/usr/bin/ctr', '--address', this.#socket, ...argv], { timeout: 60 });
  }

  /** What a command prints that has to succeed, without the last newline. */
  async told(...argv: string[]): Promise<string> {
    return (await this.ctr(...argv)).expectCode(0).stdout.trimEnd();
  }

  /** The words of `ctr run` for a container of busybox. */
  line(runtime: RuntimeName, id: string, options: readonly string[], ...command: string[]): string[] {
    const shim = ['--runtime', 'io.containerd.runc.v2', '--runc-binary', runtimes[runtime]];
    return ['run', ...shim, ...options, '--rootfs', this.rootfs, id, ...command];
  }

  run(runtime: RuntimeName, id: string, options: readonly string[], ...command: string[]): Promise<Result> {
    return this.ctr(...this.line(runtime, id, options, ...command));
  }

  /** A command at a terminal. */
  at(rows: number, columns: number, ...argv: string[]): Terminal {
    return new Terminal(rows, columns, ['/usr/bin/ctr', '--address', this.#socket, ...argv]);
  }

  /** The process and the state of a container, as containerd has them. */
  async task(id: string): Promise<{ pid: number; status: string }> {
    const line = (await this.told('task', 'ls')).split('\n').find((text) => text.split(/\s+/)[0] === id);
    const [, pid = '-1', status = 'none'] = line?.split(/\s+/) ?? [];
    return { pid: Number(pid), status };
  }

  async is(id: string, status: string): Promise<void> {
    await until(`${id} is ${status}`, async () => (await this.task(id)).status === status);
  }

  /** The events of a container: their topics, and the exit status where they have one. */
  events(id: string): string[] {
    return readFileSync(this.#eventLog, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, topic, body] = /^\S+ \S+ \S+ \S+ \S+ (\/\S+) (\{.*\})$/.exec(line) ?? [];
        if (topic === undefined || body === undefined) return [];
        const { id: own, container_id: container = own, exec_id: exec, exit_status: status } = JSON.parse(body);
        if (container !== id) return [];
        const subject = [exec ?? (own === container ? undefined : own)].filter((word) => word !== undefined);
        return [[topic, ...subject, ...(status === undefined ? [] : [status])].join(' ')];
      });
  }

  /** Waits for the last event of a container, and returns all. */
  async allEvents(id: string): Promise<string[]> {
    await until(`${id} is deleted`, () => this.events(id).includes('/containers/delete'));
    return this.events(id);
  }

  /** Calls `Update` of the service `Tasks`, for which ctr has no command. @returns the gRPC status and message */
  async update(id: string, resources: object): Promise<string> {
    const any = Buffer.concat([
      field(1, 'types.containerd.io/opencontainers/runtime-spec/1/LinuxResources'),
      field(2, JSON.stringify(resources)),
    ]);
    const message = Buffer.concat([field(1, id), field(2, any)]);
    const header = Buffer.alloc(5);
    header.writeUInt32BE(message.length, 1);
    const session = connect('http://containerd', { createConnection: () => createConnection(this.#socket) });
    try {
      return await post(session, '/containerd.services.tasks.v1.Tasks/Update', Buffer.concat([header, message]));
    } finally {
      session.close();
    }
  }

  /** What a container has left anywhere; nothing where all is well. */
  left(id: string): string[] {
    let states: string[] = [];
    try {
      states = readdirSync(stateRoot);
    } catch {
      // there was no container yet
    }
    return [
      ...states.filter((name) => name === id).map((name) => `state: ${name}`),
      ...cgroupsNamed(id).map((path) => `cgroup: ${path}`),
      ...mountsOf('self')
        .filter(({ target }) => target.startsWith(this.directory) && target.includes(`/${id}`))
        .map(({ target }) => `mount: ${target}`),
    ];
  }

  /** Ends the daemon, which has to have no container any more, and removes everything. */
  async close(): Promise<void> {
    this.#events?.kill();
    await this.end();
    rmSync(this.directory, { recursive: true, force: true });
    removeTraces();
  }
}

/** The process that containerd, or Docker's, has beside a container. */
export function shimOf(id: string): number {
  const found = processes().find((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words[0]?.endsWith('containerd-shim-runc-v2') && words[words.indexOf('-id') + 1] === id;
    } catch {
      return false; // it ended meanwhile
    }
  });
  if (found === undefined) throw new Error(`no shim of ${id}`);
  return found;
}

/** A call of a gRPC method: the status in the trailers, 0 where all is well, with the message. */
function post(session: ClientHttp2Session, path: string, body: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'containerd-namespace': 'default',
    });
    stream.on('error', reject);
    const status = (headers: Record<string, unknown>): void => {
      const code = headers['grpc-status'];
      if (code !== undefined) resolve(`${code} ${decodeURIComponent(String(headers['grpc-message'] ?? ''))}`.trim());
    };
    // Where it fails there are headers alone.
    stream.on('response', status);
    stream.on('trailers', status);
    stream.resume();
    stream.end(body);
  });
}
