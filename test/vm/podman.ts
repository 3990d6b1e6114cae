/**
 * root's podman, twice: with crun, which podman itself calls by default, and with the runtime under test. Each has its
 * own storage and state, so that the same names can be used in both, at the same time.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeAll, expect } from 'vitest';
import { mountsOf, until } from '../e2e/harness/kernel.ts';
import { cgroupsNamed } from '../e2e/harness/lab.ts';
import { runtimePath, scratch } from '../e2e/harness/places.ts';
import { type CallOptions, call, defaultEnvironment, type Result, start } from '../e2e/harness/runtime.ts';
import { Terminal } from '../e2e/harness/terminal.ts';

type Runtime = 'crun' | 'tsrun';

/** Seconds for one command, before the machine's patience: two of them run at a time, under emulation. */
const timeout = 60;

/** For tests of many commands, each of which takes seconds under emulation. */
export const patiently = { timeout: 600_000 } as const;

/** Where each runtime keeps its states; podman names no other place. */
const stateRoots = { crun: '/run/crun', tsrun: '/run/tsrun' } as const;

const subnets = { crun: '10.90.0.0/16', tsrun: '10.91.0.0/16' } as const;

const configuration = (runtime: Runtime, dir: string): string =>
  [
    '[containers]',
    'log_driver = "k8s-file"',
    '[network]',
    'network_backend = "netavark"',
    `network_config_dir = "${dir}/networks"`,
    `default_subnet = "${subnets[runtime]}"`,
    '[engine]',
    'cgroup_manager = "systemd"',
    'events_logger = "file"',
    `runtime = "${runtime}"`,
    'runtime_supports_json = ["crun", "tsrun"]',
    // The key as podman knows it, whatever its manual page says.
    'runtime_supports_nocgroup = ["crun", "tsrun"]',
    '[engine.runtimes]',
    'crun = ["/usr/bin/crun"]',
    `tsrun = ["${runtimePath}"]`,
    '',
  ].join('\n');

/** An archive of a root file system: busybox, and what a few commands of podman want to find. */
function makeImage(dir: string): string {
  const tree = join(dir, 'tree');
  for (const name of ['bin', 'etc', 'tmp', 'data']) mkdirSync(join(tree, name), { recursive: true });
  copyFileSync('/bin/busybox', join(tree, 'bin/busybox'));
  const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(tree, 'bin', applet));
  writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nsomebody:x:1234:5678::/data:/bin/sh\n');
  writeFileSync(join(tree, 'etc/group'), 'root:x:0:\nothers:x:5678:\n');
  writeFileSync(join(tree, 'bin/no-program'), 'no program', { mode: 0o755 });
  execFileSync('chmod', ['1777', join(tree, 'tmp')]);
  const archive = join(dir, 'image.tar');
  execFileSync('tar', ['-C', tree, '-cf', archive, '.']);
  return archive;
}

/** One of the two. */
export class Podman {
  readonly runtime: Runtime;
  readonly dir: string;
  readonly #env: Record<string, string>;

  constructor(runtime: Runtime, dir: string) {
    this.runtime = runtime;
    this.dir = join(dir, runtime);
    for (const name of ['networks', 'volumes']) mkdirSync(join(this.dir, name), { recursive: true });
    writeFileSync(join(this.dir, 'containers.conf'), configuration(runtime, this.dir));
    const storage = [
      '[storage]',
      'driver = "overlay"',
      `graphroot = "${this.dir}/graph"`,
      `runroot = "${this.dir}/run"`,
    ];
    writeFileSync(join(this.dir, 'storage.conf'), `${storage.join('\n')}\n`);
    this.#env = {
      ...defaultEnvironment,
      HOME: this.dir,
      CONTAINERS_CONF: join(this.dir, 'containers.conf'),
      CONTAINERS_STORAGE_CONF: join(this.dir, 'storage.conf'),
    };
  }

  #line(argv: readonly string[]): string[] {
    return ['/usr/bin/podman', '--tmpdir', join(this.dir, 'tmp'), ...argv];
  }

  /** One command, to its end. */
  do(...argv: string[]): Promise<Result> {
    return this.call(argv);
  }

  call(argv: readonly string[], options: CallOptions = {}): Promise<Result> {
    return this.#by(this.#line(argv), options);
  }

  /** One command in a scope of systemd's that is podman's own to divide. */
  inScope(unit: string, ...argv: string[]): Promise<Result> {
    const scope = ['systemd-run', '--quiet', '--scope', '--property=Delegate=yes', `--unit=${unit}`];
    return this.#by([...scope, ...this.#line(argv)]);
  }

  #by(line: readonly string[], options: CallOptions = {}): Promise<Result> {
    return call(line, { cwd: this.dir, timeout, ...options, env: { ...this.#env, ...options.env } });
  }

  /** Starts one, for a test that does something meanwhile. */
  start(argv: readonly string[], options: CallOptions = {}): ReturnType<typeof start> {
    return start(this.#line(argv), { cwd: this.dir, timeout, ...options, env: this.#env });
  }

  /** What a command prints that has to succeed, without the last newline. */
  async told(...argv: string[]): Promise<string> {
    return (await this.call(argv)).expectCode(0).stdout.trimEnd();
  }

  /** `run --rm` without a network, of a script. */
  sh(options: readonly string[], script: string): Promise<Result> {
    return this.do('run', '--rm', '--network', 'none', ...options, 'bb', 'sh', '-c', script);
  }

  /** `run --detach` without a network, of a script: the container's id. */
  async detached(name: string, options: readonly string[], script: string): Promise<string> {
    return this.told('run', '--detach', '--network', 'none', '--name', name, ...options, 'bb', 'sh', '-c', script);
  }

  /** A command at a terminal. */
  at(rows: number, columns: number, ...argv: string[]): Terminal {
    const env = Object.entries(this.#env).map(([name, value]) => `${name}=${value}`);
    return new Terminal(rows, columns, ['/usr/bin/env', '-i', ...env, ...this.#line(argv)]);
  }

  /** What podman has to say about a container, by a template of Go. */
  inspect(container: string, template: string): Promise<string> {
    return this.told('inspect', '--format', template, container);
  }

  /** A directory of its own, for binds. */
  directory(name: string): string {
    const path = join(this.dir, 'volumes', name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** What a container printed until now, as conmon keeps it: a call of `podman logs` takes seconds. */
  printed(id: string): string {
    const file = join(this.dir, 'graph/overlay-containers', id, 'userdata/ctr.log');
    if (!existsSync(file)) return '';
    return readFileSync(file, 'utf8').replaceAll(/^\S+ std(?:out|err) [FP] /gm, '');
  }

  /** Waits until the container's output is this. */
  async said(id: string, text: string): Promise<void> {
    await until(`${id} prints ${text}`, () => this.printed(id) === text, 60);
  }

  /** What its containers left: state and mounts; nothing where all is well. */
  left(): string[] {
    const root = stateRoots[this.runtime];
    const states = existsSync(root) ? readdirSync(root).filter((name) => !name.startsWith('@')) : [];
    return [
      ...states.map((name) => `state: ${name}`),
      ...mountsOf('self')
        .filter(({ target }) => target.startsWith(`${this.dir}/`) && target !== join(this.dir, 'graph/overlay'))
        .map(({ target }) => `mount: ${target}`),
    ];
  }

  /**
   * Removes what the runtime still has, and podman no longer: where conmon was killed, podman removes its own part and
   * calls `delete` of no runtime. @returns how many containers
   */
  async sweep(): Promise<number> {
    const program = this.runtime === 'crun' ? '/usr/bin/crun' : runtimePath;
    const listed = (await call([program, 'list', '--quiet'])).expectCode(0).stdout.trim().split('\n');
    const ids = listed.filter((id) => id !== '');
    for (const id of ids) (await call([program, 'delete', '--force', id])).expectCode(0);
    return ids.length;
  }

  /** Whether podman knows any container. */
  #hasContainers(): boolean {
    const directory = join(this.dir, 'graph/overlay-containers');
    return existsSync(directory) && readdirSync(directory).some((name) => /^[0-9a-f]{64}$/.test(name));
  }

  /** Removes all containers and pods; fails where something is left of them. */
  async clear(): Promise<void> {
    if (this.#hasContainers()) {
      // A container of a pod that has others goes with the pod alone.
      const removed = await this.do('rm', '--all', '--force', '--time', '0', '--volumes');
      if (removed.code !== 0) (await this.do('pod', 'rm', '--all', '--force', '--time', '0')).expectCode(0);
    }
    await until(`nothing is left: ${this.left().join('\n')}`, () => this.left().length === 0);
  }
}

/** What is seen of a command: standard error is left out where the runtime's own words are in it. */
export const seen = ({ code, stdout, stderr }: Result) =>
  code >= 125 && code <= 127 && stderr !== '' ? { code, stdout, stderr: 'some' } : { code, stdout, stderr };

/** What differs from what crun does, and why that is right. */
export interface Difference {
  /** The names of the facts. */
  of: RegExp;
  because: string;
}

/** Both of them. */
class Engines {
  readonly all: readonly [Podman, Podman];
  readonly #dir: string;
  #image: Promise<void> | undefined;

  constructor(dir: string) {
    this.#dir = dir;
    this.all = [new Podman('crun', dir), new Podman('tsrun', dir)];
  }

  /** Gives both the image `bb`, once for all files of a boot: that takes tens of seconds there. */
  prepare(): Promise<void> {
    this.#image ??= this.#import();
    return this.#image;
  }

  async #import(): Promise<void> {
    if (!existsSync('/etc/containers/policy.json')) {
      mkdirSync('/etc/containers', { recursive: true });
      writeFileSync('/etc/containers/policy.json', '{ "default": [{ "type": "insecureAcceptAnything" }] }');
    }
    const archive = makeImage(this.#dir);
    // One after the other: the first command of each takes all of podman's locks for its own.
    for (const podman of this.all) (await podman.do('import', archive, 'bb')).expectCode(0);
  }

  /** The same as {@link alike}, but one after the other, for what two cannot have at a time. */
  async inTurn<T extends object>(act: (podman: Podman) => Promise<T>): Promise<T> {
    const results: T[] = [];
    for (const podman of this.all) results.push(await act(podman));
    expect(results[1], 'as with crun').toEqual(results[0]);
    return results[1] as T;
  }

  /**
   * Does the same with both, at the same time, and fails unless it is seen to be the same.
   *
   * @param listed what may differ; one of which nothing differs is an error, too
   * @returns what was seen with the runtime under test
   */
  async alike<T extends object>(act: (podman: Podman) => Promise<T>, listed: readonly Difference[] = []): Promise<T> {
    const [ofCrun, ofTsrun] = await Promise.all(this.all.map(act) as [Promise<T>, Promise<T>]);
    const all = [...new Set([...Object.keys(ofCrun), ...Object.keys(ofTsrun)])] as (keyof T & string)[];
    const different = all.filter((key) => !isDeepStrictEqual(ofTsrun[key], ofCrun[key]));
    const unlisted = different
      .filter((key) => !listed.some(({ of }) => of.test(key)))
      .map((key) => [key, { crun: ofCrun[key], tsrun: ofTsrun[key] }]);
    expect(Object.fromEntries(unlisted), 'not as with crun').toEqual({});
    const idle = listed.filter(({ of }) => !different.some((key) => of.test(key)));
    expect(idle, 'listed as different, and the same').toEqual([]);
    return ofTsrun;
  }

  /** Removes the containers of both, and sees that no cgroup of any stays. */
  async clear(): Promise<void> {
    await Promise.all(this.all.map((podman) => podman.clear()));
    await until('no cgroup is left', () => cgroupsNamed('libpod-').length === 0);
  }
}

const hookTimeout = 300_000;
let shared: Engines | undefined;

/** Both, for the tests of a file: with their image before the first one, and with nothing left after each. */
export function useEngines(): Engines {
  shared ??= new Engines(mkdtempSync(join(scratch, 'podman-')));
  const engines = shared;
  beforeAll(() => engines.prepare(), hookTimeout);
  afterEach(() => engines.clear(), hookTimeout);
  return engines;
}
