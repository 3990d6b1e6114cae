import { NAMESPACES } from '../tables.ts';
import { array, boolean, int, int64, map, object, oneOf, type Schema, string, strings, uint32 } from './schema.ts';
import { seccompSchema } from './seccomp.ts';

/** config-linux.md, "User namespace mappings" */
export function idMappingsSchema(): Schema {
  return array(object({ 'containerID!': uint32, 'hostID!': uint32, 'size!': uint32 }));
}

const idMappings = { $ref: 'idMappings' } as const;

/** config-linux.md */
export function linuxSchema(): Schema {
  return object({
    namespaces: array(object({ 'type!': oneOf('namespace type', ...NAMESPACES.keys()), path: string })),
    uidMappings: idMappings,
    gidMappings: idMappings,
    timeOffsets: map(object({ secs: int64, nanosecs: int(0, 999_999_999) })),
    devices: array(
      object({
        'type!': oneOf('device type', 'c', 'b', 'u', 'p'),
        'path!': string,
        // dev_t of the kernel has 12 bits for the major and 20 for the minor number.
        major: int(0, 0xfff),
        minor: int(0, 0xf_ffff),
        // What Go's os.FileMode holds of a mode is more than permission bits; those above them are ignored by mknod.
        fileMode: uint32,
        uid: uint32,
        gid: uint32,
      }),
    ),
    netDevices: map(object({ name: string })),
    cgroupsPath: string,
    resources: { $ref: 'resources' },
    intelRdt: object({
      closID: string,
      l3CacheSchema: string,
      memBwSchema: string,
      schemata: strings,
      enableMonitoring: boolean,
    }),
    memoryPolicy: object({
      'mode!': oneOf(
        'memory policy',
        'MPOL_DEFAULT',
        'MPOL_BIND',
        'MPOL_INTERLEAVE',
        'MPOL_WEIGHTED_INTERLEAVE',
        'MPOL_PREFERRED',
        'MPOL_PREFERRED_MANY',
        'MPOL_LOCAL',
      ),
      nodes: string,
      flags: array(
        oneOf('memory policy flag', 'MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES'),
      ),
    }),
    sysctl: map(string),
    seccomp: seccompSchema(),
    rootfsPropagation: oneOf(
      'propagation',
      'shared',
      'slave',
      'private',
      'unbindable',
      'rshared',
      'rslave',
      'rprivate',
      'runbindable',
    ),
    maskedPaths: strings,
    readonlyPaths: strings,
    mountLabel: string,
    personality: object({ 'domain!': oneOf('execution domain', 'LINUX', 'LINUX32'), flags: strings }),
  });
}
