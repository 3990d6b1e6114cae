/** Docker's daemon, and containerd beside it, in a directory of their own, with tsrun among its runtimes, and images without a registry. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxTree } from './busybox.ts';
import { removeTraces, socketOf, startContainerd } from './containerd.ts';
import { Daemon } from './daemon.ts';
import { ask, type Inspected } from './docker-api.ts';
import { mountsOf } from './kernel.ts';
import { cgroupsNamed } from './lab.ts';
import { runtimePath, scratch } from './places.ts';
import { call, defaultEnvironment, type Result } from './runtime.ts';
import { Terminal } from './terminal.ts';

export class Docker {
  readonly directory = mkdtempSync(join(scratch, 'docker-'));
  /** Of daemon.json. */
  readonly #settings: object;
  readonly #socket = join(this.directory, 'socket');
  #containerd: Daemon | undefined;
  #daemon: Daemon | undefined;

  private constructor(settings: object) {
    this.#settings = settings;
  }

  /** A daemon with an image, `bb`: busybox and nothing else. */
  static async prepare(settings: object): Promise<Docker> {
    const docker = new Docker(settings);
    docker.#configure();
    docker.#containerd = await startContainerd(docker.path('containerd'));
    await docker.start();
    (await docker.run('import', docker.#image(), 'bb')).expectCode(0);
    return docker;
  }

  #configure(): void {
    const { directory } = this;
    const settings = {
      // The network of the machine is none of the runtime's business, but for the namespaces.
      bridge: 'none',
      iptables: false,
      ip6tables: false,
      'data-root': join(directory, 'data'),
      'exec-root': join(directory, 'exec'),
      pidfile: join(directory, 'pid'),
      'deprecated-key-path': join(directory, 'key.json'),
      containerd: socketOf(join(directory, 'containerd')),
      runtimes: { tsrun: { path: runtimePath } },
      ...this.#settings,
    };
    writeFileSync(join(directory, 'daemon.json'), JSON.stringify(settings));
    execFileSync('chmod', ['711', directory]);
  }

  async start(): Promise<void> {
    const { directory } = this;
    const argv = [
      '/usr/sbin/dockerd',
      '--config-file',
      join(directory, 'daemon.json'),
      '--host',
      `unix://${this.#socket}`,
    ];
    this.#daemon = await Daemon.start(argv as [string, ...string[]], {
      log: join(directory, 'log'),
      // The part of it that builds does not ask for Docker's runtimes, but for one program.
      env: { DOCKER_BUILDKIT_RUNC_COMMAND: runtimePath },
      answers: () =>
        ask(this.#socket, '/_ping').then(
          () => true,
          () => false,
        ),
    });
  }

  /** Ends the daemon; containers live on where it is killed. */
  async end(signal?: NodeJS.Signals): Promise<void> {
    await this.#daemon?.end(signal);
  }

  /** What the daemon has logged. */
  get log(): string {
    return this.#daemon?.log ?? '';
  }

  #image(): string {
    const tree = join(this.directory, 'tree');
    busyboxTree(tree);
    for (const name of ['data', 'volume']) mkdirSync(join(tree, name), { recursive: true });
    const archive = join(this.directory, 'tree.tar');
    execFileSync('tar', ['-C', tree, '-cf', archive, '.']);
    rmSync(tree, { recursive: true });
    return archive;
  }

  /** A directory for volumes and the like. */
  readonly path = (name: string): string => {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  };

  /** One docker command, to its end. */
  run(...argv: string[]): Promise<Result> {
    return this.with({}, ...argv);
  }

  /** {@link run} with more in its environment. */
  with(env: Record<string, string>, ...argv: string[]): Promise<Result> {
    return call(this.#line(argv), { timeout: 60, env: { ...defaultEnvironment, HOME: this.directory, ...env } });
  }

  #line(argv: readonly string[]): string[] {
    return ['/usr/bin/docker', '--host', `unix://${this.#socket}`, ...argv];
  }

  /** What a command prints that has to succeed, without the last newline. */
  async told(...argv: string[]): Promise<string> {
    return (await this.run(...argv)).expectCode(0).stdout.trimEnd();
  }

  /** A command at a terminal. */
  at(rows: number, columns: number, ...argv: string[]): Terminal {
    return new Terminal(rows, columns, this.#line(argv));
  }

  /** What the daemon knows of a container. */
  async inspect(name: string): Promise<Inspected> {
    return JSON.parse(await ask(this.#socket, `/containers/${name}/json`));
  }

  /** The process of a container. */
  async pid(name: string): Promise<number> {
    return (await this.inspect(name)).State.Pid;
  }

  /** The state of a container: its name, the exit status, and whether the memory was not enough. */
  async state(name: string): Promise<string> {
    const { Status, ExitCode, OOMKilled } = (await this.inspect(name)).State;
    return `${Status} ${ExitCode} ${OOMKilled}`;
  }

  /** What containers have left; nothing where all is well. */
  left(id: string): string[] {
    return [
      ...cgroupsNamed(id).map((path) => `cgroup: ${path}`),
      ...mountsOf('self')
        .filter(({ target }) => target.startsWith(this.directory) && target.includes(id))
        .map(({ target }) => `mount: ${target}`),
    ];
  }

  /** Removes all containers, ends the daemon, and removes everything. */
  async close(): Promise<void> {
    const ids = (await this.told('ps', '--all', '--quiet')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.run('rm', '--force', ...ids);
    await this.end();
    await this.#containerd?.end();
    const own = mountsOf('self').filter(({ target }) => target.startsWith(`${this.directory}/`));
    for (const { target } of own.toReversed()) execFileSync('umount', [target]);
    rmSync(this.directory, { recursive: true, force: true });
    removeTraces();
  }
}
