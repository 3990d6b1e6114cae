/**
 * podman with the runtime under test, in a directory of its own: storage, state and configuration. What podman keeps beside
 * that (cgroups for conmon, files in /run) goes with {@link Podman.close}, which says what the containers left.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { mountsOf, processes, until } from './kernel.ts';
import { cgroupsNamed } from './lab.ts';
import { guestPath, hostToolPath, runtimePath, scratch } from './places.ts';
import { type CallOptions, call, defaultEnvironment, type Result, start } from './runtime.ts';

/** Where containers of root have their state, for podman names no other place. */
const stateRoot = '/run/tsrun';
/** The parent of all cgroups that podman makes by itself. */
const parentCgroup = 'libpod_parent';

/** The image: the guest, and a directory for each place that something may be mounted on. */
export const image = 'localhost/guest';

/** Everything of containers.conf that the machine makes necessary. */
function containersConf(): string {
  return [
    '[containers]',
    // No process may raise a hard limit where CAP_SYS_RESOURCE is missing, and podman's defaults are high.
    'default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]',
    'pids_limit = 0',
    '[engine]',
    'cgroup_manager = "cgroupfs"',
    'events_logger = "file"',
    'runtime = "tsrun"',
    'runtime_supports_json = ["tsrun"]',
    // The manual page says `nocgroups`, and podman warns of that in its debug log only.
    'runtime_supports_nocgroup = ["tsrun"]',
    '[engine.runtimes]',
    `tsrun = ["${runtimePath}"]`,
    '',
  ].join('\n');
}

export class Podman {
  readonly dir: string;
  readonly #env: Record<string, string>;

  private constructor(dir: string) {
    this.dir = dir;
    writeFileSync(join(dir, 'containers.conf'), containersConf());
    const storage = ['[storage]', 'driver = "vfs"', `graphroot = "${dir}/graph"`, `runroot = "${dir}/run"`, ''];
    writeFileSync(join(dir, 'storage.conf'), storage.join('\n'));
    writeFileSync(join(dir, 'policy.json'), '{ "default": [{ "type": "insecureAcceptAnything" }] }');
    this.#env = {
      ...defaultEnvironment,
      HOME: dir,
      // For images that it copies: a podman that is killed leaves its files there.
      TMPDIR: dir,
      CONTAINERS_CONF: join(dir, 'containers.conf'),
      CONTAINERS_STORAGE_CONF: join(dir, 'storage.conf'),
    };
  }

  /** Storage in a directory of the box, with the image in it. */
  static async make(name: string): Promise<Podman> {
    const dir = join(scratch, name);
    mkdirSync(dir);
    const podman = new Podman(dir);
    const rootfs = join(dir, 'rootfs');
    for (const directory of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'work', 'volume'])
      mkdirSync(join(rootfs, directory), { recursive: true });
    chmodSync(join(rootfs, 'tmp'), 0o1777);
    copyFileSync(guestPath, join(rootfs, 'guest'));
    writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0::/:/guest\nsomebody:x:1234:5678::/work:/guest\n');
    writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nothers:x:5678:\n');
    writeFileSync(join(rootfs, 'bin/no-program'), 'no program', { mode: 0o755 });
    writeFileSync(join(rootfs, 'bin/no-executable'), '', { mode: 0o644 });
    const archive = join(dir, 'image.tar');
    (await call(['/bin/tar', '-C', rootfs, '-cf', archive, '.'])).expectCode(0);
    (await podman.do('import', '--change', 'CMD ["/guest"]', archive, image)).expectCode(0);
    return podman;
  }

  #line(argv: readonly string[]): string[] {
    return ['/usr/bin/podman', '--tmpdir', join(this.dir, 'tmp'), ...argv];
  }

  /** Runs a command of podman's to its end. */
  do(...argv: string[]): Promise<Result> {
    return this.call(argv);
  }

  call(argv: readonly string[], options: CallOptions = {}): Promise<Result> {
    return call(this.#line(argv), { timeout: 60, ...options, env: { ...this.#env, ...options.env } });
  }

  /** Starts one, for a test that kills it. */
  start(argv: readonly string[], options: CallOptions = {}): ReturnType<typeof start> {
    return start(this.#line(argv), { timeout: 60, ...options, env: this.#env });
  }

  /** Runs one, and kills it after so many microseconds. */
  killed(microseconds: number, argv: readonly string[]): Promise<Result> {
    const output = { stdout: join(this.dir, 'killed.out'), stderr: join(this.dir, 'killed.err') };
    return call([hostToolPath, 'killafter', String(microseconds), ...this.#line(argv)], { env: this.#env, output });
  }

  /** A line of `podman run` without what the machine cannot have. */
  run(words: readonly string[], ...verbs: string[]): Promise<Result> {
    return this.do('run', '--network', 'none', ...words, image, '/guest', ...verbs);
  }

  /** `run --detach` that has to succeed: the container's id. */
  async detached(words: readonly string[], ...verbs: string[]): Promise<string> {
    return (await this.run(['--detach', ...words], ...verbs)).expectCode(0).stdout.trim();
  }

  /** What podman has to say about a container, by a template of Go. */
  async inspect(container: string, template: string): Promise<string> {
    return (await this.do('inspect', '--format', template, container)).expectCode(0).stdout.trim();
  }

  /** Waits until the container's output has this. */
  async said(container: string, text: string): Promise<void> {
    await until(`${container} says ${text}`, async () => (await this.do('logs', container)).stdout.includes(text));
  }

  /** What its containers left: state, cgroups, mounts, processes; nothing where all is well. */
  left(): string[] {
    const states = existsSync(stateRoot) ? readdirSync(stateRoot).filter((name) => name !== '@seccomp') : [];
    return [
      ...states.map((name) => `state: ${name}`),
      ...cgroupsNamed('libpod-').map((path) => `cgroup: ${path}`),
      ...mountsOf('self')
        .filter(({ target }) => target.startsWith(`${this.dir}/`))
        // podman's own mount of its storage upon itself
        .filter(({ target }) => target !== join(this.dir, 'graph/vfs'))
        .map(({ target }) => `mount: ${target}`),
      ...this.processes().map(({ pid, command }) => `process: ${pid} ${command}`),
    ];
  }

  /** podman, conmon and everything in its containers. */
  processes(): { pid: number; command: string }[] {
    return processes().flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const cgroup = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
        const ours =
          command.includes(this.dir) ||
          cgroup.includes('libpod-') ||
          readlinkSync(`/proc/${pid}/root`).startsWith(this.dir);
        return ours ? [{ pid, command }] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
  }

  /**
   * Removes the containers that the runtime has and podman does not: where conmon was killed, podman removes its own part
   * and calls `delete` of no runtime; where podman was killed, it may not know that a container was made. @returns how many
   */
  async sweep(): Promise<number> {
    const listed = (await call([runtimePath, 'list', '--quiet'])).expectCode(0).stdout.trim().split('\n');
    const ids = listed.filter((id) => id !== '');
    for (const id of ids) (await call([runtimePath, 'delete', '--force', id])).expectCode(0);
    return ids.length;
  }

  /** `podman rm`, again where the clean-up that conmon starts removes the same files meanwhile, and podman stumbles. */
  async remove(...words: string[]): Promise<void> {
    let last: Result | undefined;
    try {
      await until('podman rm succeeds', async () => {
        last = await this.do('rm', ...words);
        return last.code === 0;
      });
    } finally {
      last?.expectCode(0);
    }
  }

  /** Removes all containers that it knows, at once. */
  removeAll(): Promise<void> {
    return this.remove('--all', '--force', '--time', '0', '--volumes');
  }

  /** Removes all containers, and waits until all of them is gone. */
  async clear(): Promise<void> {
    await this.removeAll();
    await until(`nothing is left: ${this.left().join('\n')}`, () => this.left().length === 0);
    expectEmpty((await this.do('ps', '--all', '--quiet')).expectCode(0).stdout);
  }

  /** Removes what podman itself keeps outside of its directory. */
  async close(): Promise<void> {
    await this.clear();
    for (const path of cgroupsNamed(parentCgroup).filter((found) => found.endsWith(`/${parentCgroup}`))) {
      for (const name of readdirSync(path, { withFileTypes: true }))
        if (name.isDirectory()) rmdirSync(join(path, name.name));
      rmdirSync(path);
    }
    for (const target of [join(this.dir, 'graph/vfs'), '/run/netns'])
      while (mountsOf('self').some((mount) => mount.target === target))
        (await call(['/bin/umount', target])).expectCode(0);
    const kept = ['/run/libpod', '/run/containers', '/run/netns', '/dev/shm/libpod_lock', stateRoot];
    (await call(['/bin/rm', '-rf', '--one-file-system', this.dir, ...kept])).expectCode(0);
  }
}

function expectEmpty(text: string): void {
  if (text.trim() !== '') throw new Error(`podman still has containers: ${text}`);
}
