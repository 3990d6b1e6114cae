/**
 * A private network of several sandboxes: a bridge in a network namespace of its own, which no process is in and the host has no
 * interface of. The namespace is mounted on a file below the state root, `@net/NAME`, from the first sandbox that joins to the last that leaves.
 */
import { addon } from '../addon.ts';
import { nobody } from '../caller.ts';
import { CLONE, LOCK, MAGIC, O, OPEN_TREE } from '../constants.ts';
import { errno } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { POINT } from '../generated/wire.ts';
import { readText } from '../host.ts';
import type { Step } from '../plan/types.ts';
import { findProgram } from '../program.ts';
import type { Container } from '../store.ts';
import { check, SysError } from '../sys.ts';
import { startTool } from '../tool.ts';
import {
  addressesIn,
  type BridgePort,
  type BridgeWish,
  defaultAddress,
  hostOf,
  portNumber,
  portsIn,
} from './bridge-plan.ts';

const AT_FDCWD = -100;
const SIGKILL = 9;
const from = '--net veth';

/** Runs ip(8) in network namespaces. */
class Ip {
  readonly #path: string;
  readonly #log: string;

  constructor(log: string) {
    const path = findProgram('ip', nobody);
    if (path === undefined)
      throw new TsrunError(
        'host-unsupported',
        `${from}: there is no ip in the usual directories: install it (package iproute2)`,
      );
    this.#path = path;
    this.#log = log;
  }

  /** What it prints. @throws {TsrunError} `host-unsupported` */
  run(namespace: number, ...words: string[]): string {
    const nothing = check(addon.open('/dev/null', O.RDONLY, 0), 'open', '/dev/null');
    const out = check(addon.open(this.#log, O.RDWR | O.CREAT | O.TRUNC, 0o600), 'open', this.#log);
    const args = [this.#path, ...words];
    const steps: Step[] = [
      { operation: { op: 'join', fd: 0, type: CLONE.NEWNET }, from },
      { operation: { op: 'args', args }, from },
      { operation: { op: 'env', env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] }, from },
      { operation: { op: 'rootDirectory', path: '/' }, from },
      { operation: { op: 'findExecutable' }, from },
      { operation: { op: 'descriptors' }, from },
      { operation: { op: 'exec' }, from },
    ];
    try {
      const stdio: [number, number, number] = [nothing, out, out];
      const pid = startTool({ steps, inherited: [namespace], stdio, caller: nobody, args });
      const ended = addon.wait(pid, true);
      const text = readText(this.#log);
      if (typeof ended === 'object' && ended?.code === 0 && ended.signal === 0) return text;
      throw new TsrunError('host-unsupported', `${from}: ip ${words.join(' ')}: ${text.trim()}`);
    } finally {
      addon.close(nothing);
      addon.close(out);
      addon.unlink(this.#log);
    }
  }
}

/** The directory of the namespaces, locked: there is one at a time that joins or leaves. */
class Networks {
  readonly directory: string;
  readonly #fd: number;

  constructor(root: string) {
    this.directory = `${root}/@net`;
    for (;;) {
      const made = addon.mkdir(this.directory, 0o700);
      if (made !== -errno.EEXIST) check(made, 'mkdir', this.directory);
      const fd = addon.open(this.directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
      if (fd === -errno.ENOENT) continue; // whoever left last has removed it
      check(fd, 'open', this.directory);
      check(addon.flock(fd, LOCK.EX), 'flock', this.directory);
      const held = addon.fstat(fd);
      const there = addon.stat(this.directory, false);
      if (typeof held !== 'number' && typeof there !== 'number' && held.ino === there.ino) {
        this.#fd = fd;
        return;
      }
      addon.close(fd); // the same, between the two calls
    }
  }

  file(name: string): string {
    return `${this.directory}/${name}`;
  }

  /** The namespace of that name; undefined where there is none. */
  open(name: string): number | undefined {
    const file = this.file(name);
    if (addon.statfsType(file) !== MAGIC.NSFS) return undefined;
    return check(addon.open(file, O.RDONLY, 0), 'open', file);
  }

  /** Makes the namespace, which nothing is in but its loopback. */
  make(name: string): number {
    const file = this.file(name);
    addon.close(check(addon.open(file, O.WRONLY | O.CREAT, 0o400), 'open', file));
    const nothing = check(addon.open('/dev/null', O.RDWR, 0), 'open', '/dev/null');
    const self = check(addon.pidfdOpen(addon.getpid()), 'pidfd_open', 'tsrun');
    const steps: Step[] = [
      { operation: { op: 'unshare', flags: CLONE.NEWNET }, from },
      { operation: { op: 'sync', point: POINT.TOOL }, from },
      // Until the namespace is mounted.
      { operation: { op: 'outlive', fd: 0 }, from },
    ];
    const pid = startTool(
      { steps, inherited: [self], stdio: [nothing, nothing, nothing], caller: nobody, args: [] },
      POINT.TOOL,
    );
    try {
      const made = `/proc/${pid}/ns/net`;
      const tree = check(addon.openTree(AT_FDCWD, made, OPEN_TREE.CLONE), 'open_tree', made);
      const attached = addon.attach(tree, file);
      addon.close(tree);
      check(attached, 'move_mount', file);
    } finally {
      addon.close(nothing);
      addon.close(self);
      addon.kill(pid, SIGKILL);
      addon.wait(pid, true);
    }
    return check(addon.open(file, O.RDONLY, 0), 'open', file);
  }

  /** The last one has left. */
  remove(name: string): void {
    addon.detach(this.file(name));
    addon.unlink(this.file(name));
    addon.rmdir(this.directory); // unless there are others
  }

  unlock(): void {
    addon.close(this.#fd);
  }
}

/** Gives process `pid` an interface on the bridge, and notes that. @throws {TsrunError} */
export function joinBridge({ name, address }: BridgeWish, pid: number, container: Container): void {
  const ip = new Ip(container.path('bundle/ip.log'));
  const networks = new Networks(container.root);
  let isNew = false;
  try {
    const known = networks.open(name);
    isNew = known === undefined;
    const namespace = known ?? networks.make(name);
    if (known === undefined) {
      ip.run(namespace, 'link', 'add', 'bridge', 'type', 'bridge');
      ip.run(namespace, 'link', 'set', 'bridge', 'up');
    }
    const taken = addressesIn(ip.run(namespace, '-oneline', 'link'));
    if (address !== undefined && taken.includes(hostOf(address)))
      throw new TsrunError(
        'usage',
        `${from}:${name}: the address ${hostOf(address)} is that of another sandbox on this network: give another one, or none, and one is chosen`,
      );
    const hash = addon.hash(name);
    const number = portNumber(hash, portsIn(ip.run(namespace, '-brief', 'link')), taken);
    if (number === undefined) throw new TsrunError('host-unsupported', `${from}:${name}: all its addresses are taken`);
    const port = `p${number}`;
    const noted: BridgePort = { name, port };
    container.notePort(noted);
    ip.run(namespace, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
    const own = address ?? defaultAddress(hash, number);
    // Told on the bridge as well, for who comes later.
    ip.run(namespace, 'link', 'set', port, 'alias', hostOf(own), 'master', 'bridge', 'up');
    const inner = check(addon.open(`/proc/${pid}/ns/net`, O.RDONLY, 0), 'open', 'the network namespace');
    ip.run(inner, 'address', 'add', own, 'dev', 'eth0');
    ip.run(inner, 'link', 'set', 'eth0', 'up');
    addon.close(inner);
    addon.close(namespace);
  } catch (error) {
    // Nobody else can be there yet, and what was noted of a port leads nowhere then.
    if (isNew) networks.remove(name);
    if (error instanceof SysError) throw new TsrunError('system', `${from}:${name}`, { cause: error });
    throw error;
  } finally {
    networks.unlock();
  }
}

/** Removes a port, which the kernel does by itself some time after the end of the other side's namespace; those that are left. */
function removePort(ip: Ip, namespace: number, port: string): string[] {
  const ports = (): string[] => portsIn(ip.run(namespace, '-brief', 'link'));
  try {
    if (ports().includes(port)) ip.run(namespace, 'link', 'delete', port);
  } catch (error) {
    if (ports().includes(port)) throw error;
  }
  return ports();
}

/** Takes the interface of a container away, and the network where it was the last. */
export function leaveBridge({ name, port }: BridgePort, container: Container): void {
  const ip = new Ip(container.path('bundle/ip.log'));
  const networks = new Networks(container.root);
  try {
    const namespace = networks.open(name);
    if (namespace === undefined) {
      networks.remove(name);
      return;
    }
    const others = removePort(ip, namespace, port);
    addon.close(namespace);
    if (others.length === 0) networks.remove(name);
  } finally {
    networks.unlock();
  }
}
