/**
 * Scopes of a systemd service manager, by D-Bus: org.freedesktop.systemd1(5). Every call is synchronous, and one that
 * starts or stops a unit returns when systemd is done with it.
 *
 * Nothing is set for devices: systemd then attaches no device program of its own to the scope, and on `daemon-reload` and
 * `set-property` it replaces its own programs only. The program of the container's device policy stays (both are attached
 * with BPF_F_ALLOW_MULTI, and a device must pass all of them).
 */
import { addon } from '../addon.ts';
import { TsrunError } from '../errors.ts';
import { quote } from '../text.ts';
import { CALL_TIMEOUT_MS, DBusCallError, DBusConnection, DBusConnectionError, textOf } from './dbus.ts';
import { socketPaths, unixAddress } from './dbus-address.ts';
import type { Message } from './dbus-message.ts';
import { DBusFormatError } from './dbus-signature.ts';
import { connectSocket } from './dbus-socket.ts';
import type { DBusValue, UnitProperty } from './dbus-value.ts';

/** How a service manager is reached. Plain data: it is kept in the state, for commands that have no environment. */
export interface ManagerBus {
  /** Whether it is the caller's own manager, and not the system's. */
  readonly user: boolean;
  /** Addresses as D-Bus writes them, separated by semicolons, the preferred first. */
  readonly addresses: string;
}

/** A scope to make. */
export interface Scope {
  /** Its name, ending in `.scope`. */
  readonly unit: string;
  /** The slice it belongs to. */
  readonly slice: string;
  /**
   * What `systemctl status` shows, and by which {@link ServiceManager.stopScope} knows the scope again: it must say what
   * no other unit's description says.
   */
  readonly description: string;
  /** The process that is moved into it. */
  readonly pid: number;
  /** Limits and what else was configured; none of those that tsrun sets itself. */
  readonly properties: readonly UnitProperty[];
}

const SYSTEMD = 'org.freedesktop.systemd1';
const MANAGER = { destination: SYSTEMD, path: '/org/freedesktop/systemd1', interface: `${SYSTEMD}.Manager` };
const JOB_REMOVED = { sender: SYSTEMD, path: MANAGER.path, interface: MANAGER.interface, member: 'JobRemoved' };
/** A manager listens there itself, for its administrator; nothing but D-Bus being down makes us use it. */
const PRIVATE_SOCKET = '/systemd/private';
const SIGKILL = 9;

/** Properties that make a scope what it is: they are not for configuration to set. */
const RESERVED = ['Description', 'Slice', 'Delegate', 'PIDs'];

const text = (value: string): DBusValue => ({ type: 's', value });
const flag = (value: boolean): DBusValue => ({ type: 'b', value });

/** What `variable` gives for an environment variable; set but empty is as unset. */
type Environment = (variable: string) => string | undefined;

/** The system's service manager. */
export function systemManager(environment: Environment): ManagerBus {
  const bus = environment('DBUS_SYSTEM_BUS_ADDRESS') || unixAddress('/run/dbus/system_bus_socket');
  return { user: false, addresses: `${bus};${unixAddress(`/run${PRIVATE_SOCKET}`)}` };
}

/** The caller's own service manager. */
export function userManager(environment: Environment): ManagerBus {
  const addresses: string[] = [];
  const session = environment('DBUS_SESSION_BUS_ADDRESS');
  if (session) addresses.push(session);
  const directory = environment('XDG_RUNTIME_DIR');
  if (directory) addresses.push(unixAddress(`${directory}/bus`), unixAddress(`${directory}${PRIVATE_SOCKET}`));
  return { user: true, addresses: addresses.join(';') };
}

const isCall = (error: unknown, ...names: string[]): boolean =>
  error instanceof DBusCallError && names.includes(error.errorName);

const NO_SUCH_UNIT = `${SYSTEMD}.NoSuchUnit`;
const UNIT_EXISTS = `${SYSTEMD}.UnitExists`;
const ERROR = 'org.freedesktop.DBus.Error';

/** What to do about an error of systemd; undefined where its own words say all there is. */
function hintOf(error: unknown, unit: string, user: boolean): string | undefined {
  const systemctl = user ? 'systemctl --user' : 'systemctl';
  if (isCall(error, UNIT_EXISTS))
    return `a unit of that name is there already and tsrun did not make it: name another one in linux.cgroupsPath, or stop that one (${systemctl} stop ${unit})`;
  if (isCall(error, `${ERROR}.AccessDenied`, `${ERROR}.InteractiveAuthorizationRequired`, `${ERROR}.AuthFailed`))
    return user
      ? 'the service manager refuses it to this user'
      : "only root may do that with the system's service manager: run tsrun as root, or let polkit allow org.freedesktop.systemd1.manage-units";
  if (isCall(error, `${ERROR}.ServiceUnknown`, `${ERROR}.NameHasNoOwner`))
    return 'no systemd is on this bus: set DBUS_SESSION_BUS_ADDRESS to that of the service manager, or leave it unset';
  if (isCall(error, `${ERROR}.PropertyReadOnly`, `${ERROR}.UnknownProperty`))
    return 'this version of systemd does not know the property, or it cannot be set on a scope';
  // All that systemd says of it is "Unexpected message contents".
  if (isCall(error, 'System.Error.ENXIO'))
    return 'the value of one of its properties (an org.systemd.property annotation?) has another type than systemd has for it';
  if (error instanceof DBusConnectionError && error.timedOut)
    return `systemd did not answer within ${CALL_TIMEOUT_MS / 1000} s: look at ${systemctl} list-jobs`;
  return undefined;
}

/** Where an object of systemd is that is named by a unit: sd_bus_path_encode(3). */
function objectPath(unit: string): string {
  let label = '';
  for (const byte of new TextEncoder().encode(unit)) {
    const character = String.fromCharCode(byte);
    const plain = /[A-Za-z]/.test(character) || (/[0-9]/.test(character) && label !== '');
    label += plain ? character : `_${byte.toString(16).padStart(2, '0')}`;
  }
  return `${MANAGER.path}/unit/${label}`;
}

function propertiesValue(properties: readonly UnitProperty[]): DBusValue {
  return {
    type: 'a',
    element: '(sv)',
    items: properties.map(({ name, value }) => ({ type: 'r', fields: [text(name), { type: 'v', value }] })),
  };
}

/** The properties of a scope: the given ones take the place of those that every scope gets. */
function propertiesOf(scope: Scope): UnitProperty[] {
  for (const { name } of scope.properties)
    if (RESERVED.includes(name))
      throw new TsrunError('config-invalid', `the systemd property ${quote(name)} is set by tsrun itself`);
  const usual: UnitProperty[] = [
    // With them, a shutdown would end the scope at once, before the engine that has the container had its turn.
    { name: 'DefaultDependencies', value: flag(false) },
    // Forgotten when it has ended, also where it failed (a process was killed for want of memory).
    { name: 'CollectMode', value: text('inactive-or-failed') },
    ...['CPUAccounting', 'MemoryAccounting', 'IOAccounting', 'TasksAccounting'].map((name) => ({
      name,
      value: flag(true),
    })),
  ];
  const given = new Set(scope.properties.map(({ name }) => name));
  return [
    { name: 'Description', value: text(scope.description) },
    { name: 'Slice', value: text(scope.slice) },
    // systemd then leaves everything below the scope alone, and enables every controller for it.
    { name: 'Delegate', value: flag(true) },
    { name: 'PIDs', value: { type: 'a', element: 'u', items: [{ type: 'u', value: scope.pid }] } },
    ...usual.filter(({ name }) => !given.has(name)),
    ...scope.properties,
  ];
}

function connect(bus: ManagerBus): DBusConnection {
  const failures: string[] = [];
  for (const path of socketPaths(bus.addresses)) {
    try {
      return new DBusConnection(connectSocket(path), path.endsWith(PRIVATE_SOCKET));
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new TsrunError('host-unsupported', unreachable(bus, failures));
}

function unreachable(bus: ManagerBus, failures: readonly string[]): string {
  const why = failures.length === 0 ? '' : ` (${failures.join('; ')})`;
  const instead = 'or use --cgroup-manager cgroupfs';
  if (bus.user)
    return `the systemd cgroup driver: your own service manager cannot be reached${why}: log in with a session of your own (loginctl enable-linger keeps it), have XDG_RUNTIME_DIR set, ${instead}`;
  if (addon.access('/run/systemd/system', 0) < 0)
    return `the systemd cgroup driver: systemd is not running here (there is no /run/systemd/system): start it, ${instead}`;
  return `the systemd cgroup driver: systemd cannot be reached${why}: start D-Bus, ${instead}`;
}

/** A service manager that listens. */
export class ServiceManager {
  readonly #bus: ManagerBus;
  readonly #connection: DBusConnection;

  /** @throws {TsrunError} `host-unsupported`: it cannot be reached. */
  constructor(bus: ManagerBus) {
    this.#bus = bus;
    this.#connection = connect(bus);
  }

  close(): void {
    this.#connection.close();
  }

  #call(member: string, ...body: DBusValue[]): Message {
    return this.#connection.call({ ...MANAGER, member, body });
  }

  #property(path: string, type: string, name: string): DBusValue {
    const body = [text(`${SYSTEMD}.${type}`), text(name)];
    const call = { destination: SYSTEMD, path, interface: 'org.freedesktop.DBus.Properties', member: 'Get', body };
    const [value] = this.#connection.call(call).body;
    if (value?.type !== 'v') throw new DBusFormatError('a property without a value');
    return value;
  }

  /** `error` as a sentence about `doing`. */
  #failed(doing: string, unit: string, error: unknown): TsrunError {
    if (error instanceof TsrunError) return error;
    const hint = hintOf(error, unit, this.#bus.user);
    const said = error instanceof Error ? error.message : String(error);
    return new TsrunError('cgroup', `${doing}: ${said}${hint === undefined ? '' : `: ${hint}`}`);
  }

  /** Does `call`, which makes a job, and waits for the job's end. */
  #job(call: () => Message): string {
    // Asked for before the job exists: it may be done before we know its name.
    this.#connection.watch(JOB_REMOVED);
    const answer = call();
    const job = textOf(answer.body[0]);
    const isOurs = (signal: Message): boolean => signal.sender === answer.sender && textOf(signal.body[1]) === job;
    return textOf(this.#connection.signal(isOurs, CALL_TIMEOUT_MS).body[3]);
  }

  #startTransientUnit(scope: Scope): Message {
    const none: DBusValue = { type: 'a', element: '(sa(sv))', items: [] };
    const properties = propertiesValue(propertiesOf(scope));
    // "fail": where a job for a unit of that name waits already, it is not ours to replace.
    return this.#call('StartTransientUnit', text(scope.unit), text('fail'), properties, none);
  }

  /**
   * Makes a scope with a process in it, and returns when the process is there. Where this fails, {@link stopScope} takes
   * back what may have been done.
   *
   * @throws {TsrunError} `cgroup`: systemd refuses it, or did not do it.
   */
  createScope(scope: Scope): void {
    try {
      const result = this.#job(() => {
        try {
          return this.#startTransientUnit(scope);
        } catch (error) {
          // A unit that failed once keeps its name until somebody takes note. One that is alive is not touched by this.
          if (!isCall(error, UNIT_EXISTS)) throw error;
          this.#resetFailed(scope.unit);
          return this.#startTransientUnit(scope);
        }
      });
      if (result !== 'done')
        throw new Error(
          `systemd could not start it (the job's result is ${quote(result)}): journalctl ${this.#bus.user ? '--user ' : ''}-u ${scope.unit} says why`,
        );
    } catch (error) {
      throw this.#failed(`make the systemd scope ${quote(scope.unit, 255)} in ${scope.slice}`, scope.unit, error);
    }
  }

  /**
   * Sets properties of a unit, until the next boot.
   *
   * @throws {TsrunError} `cgroup`: systemd refuses one; none is set then.
   */
  setProperties(unit: string, properties: readonly UnitProperty[]): void {
    if (properties.length === 0) return;
    try {
      this.#call('SetUnitProperties', text(unit), flag(true), propertiesValue(properties));
    } catch (error) {
      const names = properties.map(({ name }) => name).join(', ');
      throw this.#failed(`set ${names} of the systemd unit ${quote(unit, 255)}`, unit, error);
    }
  }

  /**
   * Brings a process to a scope, or to a cgroup below it (`/init`; empty for the scope's own). A user's manager asks the
   * system's for it where the user may not move the process.
   *
   * @throws {TsrunError} `cgroup`
   */
  attachProcess(unit: string, below: string, pid: number): void {
    try {
      const pids: DBusValue = { type: 'a', element: 'u', items: [{ type: 'u', value: pid }] };
      this.#call('AttachProcessesToUnit', text(unit), text(below), pids);
    } catch (error) {
      throw this.#failed(`bring a process to the systemd scope ${quote(unit, 255)}`, unit, error);
    }
  }

  #resetFailed(unit: string): void {
    try {
      this.#call('ResetFailedUnit', text(unit));
    } catch (error) {
      if (!(error instanceof DBusCallError)) throw error;
    }
  }

  #kill(unit: string): void {
    try {
      this.#call('KillUnit', text(unit), text('all'), { type: 'i', value: SIGKILL });
    } catch (error) {
      // Nothing to kill is fine; and where it was refused, stopping is refused as well and says so.
      if (!(error instanceof DBusCallError)) throw error;
    }
  }

  /**
   * Kills what is in a scope, stops it, and makes systemd forget it.
   *
   * @param description what it was made with: another unit of that name is left alone.
   * @returns whether there was such a scope.
   * @throws {TsrunError} `cgroup`: systemd refuses it, or could not.
   */
  stopScope(unit: string, description: string): boolean {
    try {
      // A unit that is not there has its own name for a description.
      if (textOf(this.#property(objectPath(unit), 'Unit', 'Description')) !== description) return false;
      this.#kill(unit);
      const result = this.#job(() => this.#call('StopUnit', text(unit), text('replace')));
      this.#resetFailed(unit);
      if (result !== 'done') throw new Error(`the job's result is ${quote(result)}`);
      return true;
    } catch (error) {
      if (isCall(error, NO_SUCH_UNIT)) return true; // it went by itself, as a scope does when it is empty
      throw this.#failed(`stop the systemd scope ${quote(unit, 255)}`, unit, error);
    }
  }

  /**
   * The path of a scope's cgroup, from the root of the hierarchy; undefined where there is none.
   *
   * @throws {TsrunError} `cgroup`
   */
  cgroupOf(unit: string): string | undefined {
    try {
      const path = textOf(this.#property(objectPath(unit), 'Scope', 'ControlGroup'));
      return path === '' ? undefined : path;
    } catch (error) {
      throw this.#failed(`ask for the cgroup of the systemd scope ${quote(unit, 255)}`, unit, error);
    }
  }

  /** The cgroup that all units of this manager are below: empty for the system's, a path without a final slash else. */
  rootCgroup(): string {
    try {
      const path = textOf(this.#property(MANAGER.path, 'Manager', 'ControlGroup'));
      return path === '/' ? '' : path;
    } catch (error) {
      throw this.#failed('ask systemd for its cgroup', '', error);
    }
  }

  /** The number of its version; some properties came later than others. */
  version(): number {
    try {
      return Number.parseInt(textOf(this.#property(MANAGER.path, 'Manager', 'Version')).replace(/^v/, ''), 10);
    } catch (error) {
      throw this.#failed('ask systemd for its version', '', error);
    }
  }
}

/** Connects, does `use`, and closes the connection whatever came of it. */
export function withManager<T>(bus: ManagerBus, use: (manager: ServiceManager) => T): T {
  const manager = new ServiceManager(bus);
  try {
    return use(manager);
  } finally {
    manager.close();
  }
}
