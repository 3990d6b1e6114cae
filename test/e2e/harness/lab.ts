/**
 * A test's laboratory: a directory, a state root, and the containers made in it. Everything is removed at the end of the
 * test, whatever happened; and what a container should have taken along but did not makes the test fail.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { baseConfig, type Draft, type Part } from './config.ts';
import { Facts } from './facts.ts';
import { cgroupMount, isAlive, mountsOf, until } from './kernel.ts';
import { caller, guestPath, idPrefix, scratch } from './places.ts';
import { makeRootless } from './rootless.ts';
import { type CallOptions, call, type Result, runtime } from './runtime.ts';

let counter = 0;

/** Prepares a bundle: root file system with the guest, config.json of the base configuration and the parts. */
function makeBundle(dir: string, parts: readonly Part[]): Draft {
  const rootfs = join(dir, 'rootfs');
  mkdirSync(rootfs, { recursive: true });
  for (const name of ['proc', 'dev', 'sys', 'tmp', 'etc', 'usr/bin'])
    mkdirSync(join(rootfs, name), { recursive: true });
  chmodSync(join(rootfs, 'tmp'), 0o1777);
  copyFileSync(guestPath, join(rootfs, 'guest'));
  chmodSync(join(rootfs, 'guest'), 0o755);
  const draft: Draft = { config: baseConfig(), dir, rootfs, edits: [] };
  for (const part of parts) part(draft);
  if (caller !== undefined) makeRootless(draft, caller);
  const json = draft.edits.reduce((text, edit) => edit(text), JSON.stringify(draft.config, null, 2));
  writeFileSync(join(dir, 'config.json'), draft.text ?? json);
  return draft;
}

export interface State {
  ociVersion: string;
  id: string;
  status: string;
  pid: number;
  bundle: string;
  rootfs?: string;
  created?: string;
  owner?: string;
  annotations?: Record<string, string>;
}

/** A container made by `create` (or `run --detach`). */
export class Container {
  readonly id: string;
  readonly pid: number;
  readonly bundle: Draft;
  readonly #lab: Lab;
  readonly #stdout: string;
  readonly #stderr: string;

  constructor(lab: Lab, id: string, pid: number, bundle: Draft, stdout: string, stderr: string) {
    this.#lab = lab;
    this.id = id;
    this.pid = pid;
    this.bundle = bundle;
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /** What the container wrote to its standard output until now. */
  get output(): string {
    return readFileSync(this.#stdout, 'utf8');
  }

  get errorOutput(): string {
    return readFileSync(this.#stderr, 'utf8');
  }

  get facts(): Facts {
    return new Facts(this.output);
  }

  async start(): Promise<this> {
    (await this.#lab.tsrun(['start', this.id])).expectCode(0);
    return this;
  }

  async state(): Promise<State> {
    return (await this.#lab.tsrun(['state', this.id])).expectCode(0).json<State>();
  }

  /** Waits for a fact to be printed. */
  async told(verb: string, count = 1): Promise<Facts> {
    await until(`${this.id} prints ${verb}`, () => this.output.endsWith('\n') && this.facts.each(verb).length >= count);
    return this.facts;
  }

  /** Waits for the process to end; the facts it told. */
  async ended(): Promise<Facts> {
    await until(`${this.id} (pid ${this.pid}) ends`, () => !isAlive(this.pid));
    return this.facts;
  }

  async delete(...flags: string[]): Promise<Result> {
    return this.#lab.tsrun(['delete', ...flags, this.id]);
  }
}

export class Lab {
  readonly dir = mkdtempSync(join(scratch, 'lab-'));
  readonly root = join(this.dir, 'state');
  readonly #ids: string[] = [];
  #bundles = 0;

  constructor() {
    // A mapped root of a user namespace has to reach the root file systems.
    chmodSync(this.dir, 0o755);
    if (caller !== undefined) chownSync(this.dir, caller, caller);
  }

  /** A fresh id, known to the clean-up. */
  id(): string {
    const id = `${idPrefix}-${process.pid}-${++counter}`;
    this.#ids.push(id);
    return id;
  }

  /** Makes the clean-up know an id that a test chose. */
  own(id: string): string {
    this.#ids.push(id);
    return id;
  }

  path(...names: string[]): string {
    return join(this.dir, ...names);
  }

  /** A directory of the host, for binds and as the hostile cases' target. */
  directory(name: string): string {
    const at = this.path(name);
    mkdirSync(at, { recursive: true });
    if (caller !== undefined) chownSync(at, caller, caller);
    return at;
  }

  bundle(...parts: Part[]): Draft {
    return makeBundle(this.path(`bundle${++this.#bundles}`), parts);
  }

  /** Calls the runtime with the lab's state root. */
  tsrun(argv: readonly string[], options: CallOptions = {}): Promise<Result> {
    return call(runtime(this.root, ...argv), options);
  }

  /** `run`: the whole life of a container, its standard output and error through pipes. */
  run(
    parts: readonly Part[],
    options: CallOptions & { flags?: string[]; id?: string; global?: string[] } = {},
  ): Promise<Result> {
    const { dir } = this.bundle(...parts);
    const id = options.id ?? this.id();
    return this.tsrun([...(options.global ?? []), 'run', '--bundle', dir, ...(options.flags ?? []), id], options);
  }

  /** `run` that has to succeed: the facts the container told. */
  async facts(...parts: Part[]): Promise<Facts> {
    const result = (await this.run(parts)).expectCode(0);
    if (result.stderr !== '') throw new Error(`unexpected words on standard error: ${result.stderr}`);
    return result.facts;
  }

  /** `create` that may fail. */
  async tryCreate(
    bundle: Draft,
    options: CallOptions & { flags?: string[]; id?: string; global?: string[]; detach?: boolean } = {},
  ): Promise<{ result: Result; id: string; stdout: string; stderr: string; pidFile: string }> {
    const id = options.id ?? this.id();
    const [stdout, stderr, pidFile] = [`${id}.out`, `${id}.err`, `${id}.pid`].map((name) => this.path(name)) as [
      string,
      string,
      string,
    ];
    const verb = options.detach === true ? ['run', '--detach'] : ['create'];
    const result = await this.tsrun(
      [...(options.global ?? []), ...verb, '--bundle', bundle.dir, '--pid-file', pidFile, ...(options.flags ?? []), id],
      { ...options, output: { stdout, stderr } },
    );
    return { result, id, stdout, stderr, pidFile };
  }

  /** `create` (or `run --detach`) that has to succeed. */
  async create(
    parts: readonly Part[],
    options: CallOptions & { flags?: string[]; id?: string; global?: string[]; detach?: boolean } = {},
  ): Promise<Container> {
    const bundle = this.bundle(...parts);
    const { result, id, stdout, stderr, pidFile } = await this.tryCreate(bundle, options);
    result.expectCode(0);
    return new Container(this, id, Number(readFileSync(pidFile, 'utf8')), bundle, stdout, stderr);
  }

  /** create and start. */
  async started(
    parts: readonly Part[],
    options: CallOptions & { flags?: string[]; id?: string; global?: string[] } = {},
  ): Promise<Container> {
    return (await this.create(parts, options)).start();
  }

  /** The mounts of the box, without those that tests beside us make in their own directories. */
  mounts(): string[] {
    return mountsOf('self')
      .filter(({ target }) => !target.startsWith('/dev/shm/'))
      .filter(({ target }) => !target.startsWith(`${scratch}/`) || target.startsWith(`${this.dir}/`))
      .map(({ target, type, options }) => `${target} ${type} ${options.join()}`);
  }

  /** What is in the state root, but for the cache of seccomp filters, which is there to stay. */
  #states(): string[] {
    return readdirSync(this.root).filter((name) => name !== '@seccomp');
  }

  /** `exec` of the guest with these verbs. */
  exec(
    { id }: { id: string },
    verbs: readonly string[],
    options: CallOptions & { flags?: string[]; global?: string[] } = {},
  ): Promise<Result> {
    const { flags = [], global = [] } = options;
    return this.tsrun([...global, 'exec', ...flags, id, '/guest', ...verbs], options);
  }

  /** What a failed create must not leave: state, cgroups. Both by name, so that tests beside us do not matter. */
  leftovers(): string[] {
    const found = existsSync(this.root) ? this.#states().map((name) => `state: ${name}`) : [];
    for (const id of this.#ids) found.push(...cgroupsNamed(id).map((path) => `cgroup: ${path}`));
    return found;
  }

  /** Ends everything; returns what could not be removed by `delete --force`. */
  async close(): Promise<string[]> {
    const complaints: string[] = [];
    for (const id of this.#ids) {
      const result = await this.tsrun(['delete', '--force', id]);
      if (result.code !== 0) complaints.push(`delete --force ${id}: ${result.code} ${result.stderr}`);
    }
    complaints.push(...this.leftovers());
    rmSync(this.dir, { recursive: true, force: true });
    return complaints;
  }
}

/** All cgroups of the box, of every hierarchy, whose name contains `part`. */
export function cgroupsNamed(part: string): string[] {
  const found: string[] = [];
  const walk = (dir: string): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const path = join(dir, entry.name);
      if (entry.name.includes(part)) found.push(path);
      try {
        walk(path);
      } catch {
        // removed meanwhile
      }
    }
  };
  const roots = new Set([cgroupMount]);
  for (const { type, target } of mountsOf('self')) if (type === 'cgroup' && existsSync(target)) roots.add(target);
  for (const root of roots) walk(root);
  return [...new Set(found)];
}
