/** The statuses of a container: runtime.md, "State", and `paused`, which the cgroup freezer adds. */
export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/** A container's state, as hooks receive it and as `state` begins. runtime.md, "State" */
export interface State {
  readonly ociVersion: string;
  /** Unique on the host. */
  readonly id: string;
  readonly status: Status;
  /** Pid of the container's process in the runtime's pid namespace; required from `created` to `running`. */
  readonly pid?: number;
  /** Absolute path of the bundle's directory. */
  readonly bundle: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The version of the specification that states and the default configuration carry. */
export const OCI_VERSION = '1.3.0';
