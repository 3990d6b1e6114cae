/** What the rules of each controller have in common: where a controller is bound, and the writes they collect. */
import type { Int64 } from '../../../spec/config.ts';
import { TsrunError } from '../../errors.ts';

/** A file of a cgroup and what is written to it. */
export interface FileValue {
  readonly file: string;
  readonly value: string;
}

/** One write to a file of a container's cgroup. */
export interface CgroupWrite extends FileValue {
  /** `unified`, or the v1 controller in whose hierarchy the cgroup is: `memory`, `cpu`, `blkio`, `net_cls` … */
  readonly hierarchy: string;
  /** The controller whose file it is, by its name in that hierarchy (`io` in v2, `blkio` in v1); `cgroup` for the core. */
  readonly controller: string;
  /** Where the value comes from: `linux.resources.memory.limit`; several are joined with a comma. */
  readonly from: string;
  /** What to do where the kernel has no such file: nothing, or this write in the same cgroup. Absent: it is an error. */
  readonly ifMissing?: 'ignore' | FileValue;
}

/** Which controllers a container can have, and in which hierarchy. */
export interface ControllerFacts {
  /** Controllers of the v2 hierarchy (`cgroup.controllers`). */
  readonly unified: ReadonlySet<string>;
  /** v1 controllers, each with the mount point of its hierarchy. */
  readonly v1: ReadonlyMap<string, string>;
}

/**
 * The text of a file of the container's cgroup as it is now, undefined where there is no such file. `hierarchy` is as
 * in {@link CgroupWrite}.
 */
export type CurrentValues = (hierarchy: string, file: string) => string | undefined;

/** The names that v1 has for controllers of v2, where they differ. */
const v1Names: Readonly<Record<string, string>> = { io: 'blkio' };

/** Where a controller of v2 has an equivalent in v1, its name there. */
export function v1Name(controller: string): string {
  return v1Names[controller] ?? controller;
}

/** `linux.resources.<property>` */
export function pathOf(property: string): string {
  return `linux.resources.${property}`;
}

/** A limit as v2 writes it. */
export function orMax(limit: Int64): string {
  return limit < 0 ? 'max' : String(limit);
}

/**
 * A limit that asks for something. 0 is what callers written in Go send for "not set", and no peer gives it another
 * meaning.
 */
export function given(value: Int64 | undefined): value is Int64 {
  return value !== undefined && BigInt(value) !== 0n;
}

// What a new cgroup has anyway: not worth an error where there is no controller to say it to.
const unlimited = new Set(['max', 'max 100000', '-1']);

/** Collects the writes for one container, each in the hierarchy where its controller is bound. */
export class Writes {
  readonly list: CgroupWrite[] = [];
  readonly warnings: string[] = [];
  readonly facts: ControllerFacts;
  readonly #current: CurrentValues | undefined;

  constructor(facts: ControllerFacts, current: CurrentValues | undefined) {
    this.facts = facts;
    this.#current = current;
  }

  /** Whether the container exists already, with limits of its own. */
  get updating(): boolean {
    return this.#current !== undefined;
  }

  /** Whether the limits of a controller (by its name in v2) are written to v1: wherever v1 has it, v2 cannot. */
  isV1(controller: string): boolean {
    return this.facts.v1.has(v1Name(controller));
  }

  /** The text of a file as it is now, without the final newline; undefined for a new container. */
  current(controller: string, file: string): string | undefined {
    const hierarchy = this.isV1(controller) ? v1Name(controller) : 'unified';
    return this.#current?.(hierarchy, file)?.trimEnd();
  }

  /** A whole number that a file holds now; undefined for `max`, and where there is none. */
  currentNumber(controller: string, file: string): bigint | undefined {
    const text = this.current(controller, file) ?? '';
    return /^[0-9]+$/.test(text) ? BigInt(text) : undefined;
  }

  /**
   * Adds a write.
   * @param controller its name in v2
   * @param property below linux.resources; several as one text joined with a comma
   * @throws {TsrunError} `host-unsupported`: no hierarchy has the controller.
   */
  add(
    controller: string,
    file: string,
    value: string,
    property: string | readonly string[],
    ifMissing?: CgroupWrite['ifMissing'],
  ): void {
    const from = (typeof property === 'string' ? [property] : property).map(pathOf).join(', ');
    const v1 = this.isV1(controller);
    if (!v1 && !this.facts.unified.has(controller)) {
      if (unlimited.has(value)) return;
      throw unavailable(controller, from);
    }
    this.list.push({
      hierarchy: v1 ? v1Name(controller) : 'unified',
      controller: v1 ? v1Name(controller) : controller,
      file,
      value,
      from,
      ...(ifMissing === undefined ? {} : { ifMissing }),
    });
  }

  warn(property: string, message: string): void {
    this.warnings.push(`${pathOf(property)}: ${message}`);
  }
}

/** A controller that is in neither hierarchy. */
export function unavailable(controller: string, from: string): TsrunError {
  const names = v1Name(controller) === controller ? controller : `${controller} (${v1Name(controller)} in cgroup v1)`;
  return new TsrunError(
    'host-unsupported',
    `${from}: the ${names} controller is not available: it is not in cgroup.controllers of cgroup v2 and not mounted as cgroup v1; enable it in the kernel, have it delegated (Delegate=yes in the unit), or remove the property`,
  );
}

/** A property that only cgroup v1 knows, on a host that has the controller in v2. */
export function onlyV1(property: string, hint: string): TsrunError {
  return new TsrunError('host-unsupported', `${pathOf(property)}: cgroup v2 has no such limit; ${hint}`);
}

/** A value that makes no sense to the controller. */
export function invalid(property: string, message: string): TsrunError {
  return new TsrunError('config-invalid', `${pathOf(property)}: ${message}`);
}
