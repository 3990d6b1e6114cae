/** podman as a user without privileges calls it, with tsrun for its runtime. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxTree } from '../e2e/harness/busybox.ts';
import { runtimePath, scratch } from '../e2e/harness/places.ts';
import { type CallOptions, call, type Result } from '../e2e/harness/runtime.ts';
import { Terminal } from '../e2e/harness/terminal.ts';
import { byUser, userEnvironment, userId } from './user.ts';

/** Its files are on a tmpfs, where overlays of a user namespace lack what they need. */
const storage = '[storage]\ndriver = "vfs"\n';

const configuration = (runtime: string): string =>
  [
    '[containers]',
    'log_driver = "k8s-file"',
    '[engine]',
    'cgroup_manager = "systemd"',
    'events_logger = "file"',
    'runtime = "tsrun"',
    '[engine.runtimes]',
    `tsrun = ["${runtime}"]`,
    '',
  ].join('\n');

/** Seconds for one command: under emulation each takes some. */
const timeout = 60;

/** A user's podman with an image, `bb`: busybox and nothing else. */
export class RootlessPodman {
  /** The user's home, with all that podman keeps; readable by everybody. */
  readonly home = mkdtempSync(join(scratch, 'home-'));
  readonly #env = userEnvironment(this.home);

  /** Makes the home and the image. */
  static async prepare(): Promise<RootlessPodman> {
    const podman = new RootlessPodman();
    podman.#configure();
    (await podman.run('import', podman.#image(), 'bb')).expectCode(0);
    return podman;
  }

  #configure(): void {
    const settings = join(this.home, '.config/containers');
    mkdirSync(settings, { recursive: true });
    writeFileSync(join(settings, 'storage.conf'), storage);
    writeFileSync(join(settings, 'containers.conf'), configuration(runtimePath));
    execFileSync('chown', ['-R', `${userId}:${userId}`, this.home]);
    execFileSync('chmod', ['755', this.home]);
  }

  /** A directory of the user's, for volumes. */
  directory(name: string): string {
    const path = join(this.home, name);
    mkdirSync(path);
    execFileSync('chown', [`${userId}:${userId}`, path]);
    return path;
  }

  /** An archive of a root file system. */
  #image(): string {
    const tree = join(this.home, 'tree');
    busyboxTree(tree);
    const archive = join(this.home, 'tree.tar');
    execFileSync('tar', ['-C', tree, '-cf', archive, '.']);
    rmSync(tree, { recursive: true });
    return archive;
  }

  /** One podman command, to its end. */
  run(...argv: string[]): Promise<Result> {
    return this.call(['podman', ...argv]);
  }

  /** What a command prints that has to succeed, without the last newline. */
  async told(...argv: string[]): Promise<string> {
    return (await this.run(...argv)).expectCode(0).stdout.trimEnd();
  }

  /** Any command of the user's. */
  call(argv: string[], options: CallOptions = {}): Promise<Result> {
    return call(byUser(...argv), { cwd: this.home, env: this.#env, timeout, ...options });
  }

  /** A command at a terminal. */
  at(rows: number, columns: number, ...argv: string[]): Terminal {
    const env = Object.entries(this.#env).map(([name, value]) => `${name}=${value}`);
    return new Terminal(rows, columns, byUser('/usr/bin/env', '-i', ...env, 'podman', ...argv));
  }

  /** Ends what podman keeps for itself between commands, and removes everything. */
  async close(): Promise<void> {
    await this.run('rm', '--all', '--force', '--time', '0');
    await this.run('system', 'migrate');
    rmSync(this.home, { recursive: true, force: true });
  }
}
