/** Device nodes and the links of /dev. config-linux.md "Default Devices", "Devices". */
import type { Device } from '../../spec/config.ts';
import { MS, S } from '../constants.ts';
import { MOUNT_FLAG } from '../generated/wire.ts';
import { mapped } from '../lists.ts';
import { normalize } from './path.ts';
import type { HostSource, Step } from './types.ts';

/** The devices that every container gets, besides /dev/console and /dev/ptmx. */
const defaultDevices: readonly { path: string; major: number; minor: number }[] = [
  { path: '/dev/null', major: 1, minor: 3 },
  { path: '/dev/zero', major: 1, minor: 5 },
  { path: '/dev/full', major: 1, minor: 7 },
  { path: '/dev/random', major: 1, minor: 8 },
  { path: '/dev/urandom', major: 1, minor: 9 },
  { path: '/dev/tty', major: 5, minor: 0 },
];

/** Dev symbolic links: runtime-linux.md. */
const links: readonly (readonly [target: string, path: string])[] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
];

const typeBits: Readonly<Record<Device['type'], number>> = { c: S.IFCHR, u: S.IFCHR, b: S.IFBLK, p: S.IFIFO };

function node(device: Device, from: string): Step {
  return {
    operation: {
      op: 'device',
      path: normalize(device.path),
      mode: typeBits[device.type] | (device.fileMode === undefined ? 0o666 : device.fileMode & 0o7777),
      major: device.major ?? 0,
      minor: device.minor ?? 0,
      uid: device.uid ?? 0,
      gid: device.gid ?? 0,
    },
    from,
  };
}

/**
 * How nodes come about: made, or, in a user namespace, where nobody may, bound from the host's own: by init itself, or
 * from the trees that the host opens for it.
 */
export type NodeSource = 'made' | 'bound' | HostSource[];

function boundNode(path: string, from: string, sources: HostSource[] | 'bound'): Step {
  const fd = sources === 'bound' ? -1 : sources.length;
  if (sources !== 'bound') sources.push({ path, recursive: false, from });
  return {
    // What is mounted over it is not to show on the host's own.
    operation: { op: 'bind', source: path, target: path, fd, propagation: MS.PRIVATE, flags: MOUNT_FLAG.DEVICE_NODE },
    from,
  };
}

/** What fills /dev. */
export function planDevices(devices: readonly Device[], nodes: NodeSource): Step[] {
  const steps: Step[] = [];
  const paths = mapped(devices, (device) => normalize(device.path));
  for (const { path, major, minor } of defaultDevices) {
    if (paths.includes(path)) continue;
    const from = 'default devices';
    steps.push(nodes === 'made' ? node({ type: 'c', path, major, minor }, from) : boundNode(path, from, nodes));
  }
  for (const [index, device] of devices.entries()) {
    const from = `linux.devices[${index}]`;
    const path = normalize(device.path);
    steps.push(nodes === 'made' || device.type === 'p' ? node(device, from) : boundNode(path, from, nodes));
  }
  return steps;
}

/** The symbolic links of /dev, and /dev/ptmx of the container's own devpts. */
export function planDeviceLinks(): Step[] {
  const from = 'default devices';
  return [
    { operation: { op: 'symlink', target: 'pts/ptmx', path: '/dev/ptmx', replace: 1 }, from },
    ...mapped(links, ([target, path]): Step => ({ operation: { op: 'symlink', target, path }, from })),
  ];
}
