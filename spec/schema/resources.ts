import {
  array,
  boolean,
  int,
  int64,
  limit64,
  map,
  object,
  oneOf,
  type Schema,
  string,
  uint16,
  uint32,
  uint64,
} from './schema.ts';

const MAX_DEVICE = 0xffff_ffff;

/** config-linux.md, "Block IO" */
export function throttlesSchema(): Schema {
  return array(object({ 'major!': int(0, MAX_DEVICE), 'minor!': int(0, MAX_DEVICE), 'rate!': uint64 }));
}

const throttles = { $ref: 'throttles' } as const;

/** config-linux.md, "Control groups" */
export function resourcesSchema(): Schema {
  const deviceNumber = int(0, MAX_DEVICE);
  // -1 is how older tools write \"all\".
  const ruleNumber = int(-1, MAX_DEVICE);
  return object({
    devices: array(
      object({
        'allow!': boolean,
        type: oneOf('device type', 'a', 'b', 'c'),
        major: ruleNumber,
        minor: ruleNumber,
        access: string,
      }),
    ),
    memory: object({
      limit: limit64,
      reservation: limit64,
      swap: limit64,
      kernel: limit64,
      kernelTCP: limit64,
      swappiness: int(0, 100),
      disableOOMKiller: boolean,
      useHierarchy: boolean,
      checkBeforeUpdate: boolean,
    }),
    cpu: object({
      shares: uint64,
      quota: int64,
      burst: uint64,
      period: uint64,
      realtimeRuntime: int64,
      realtimePeriod: uint64,
      cpus: string,
      mems: string,
      idle: int(0, 1),
    }),
    pids: object({ limit: limit64 }),
    blockIO: object({
      weight: uint16,
      leafWeight: uint16,
      weightDevice: array(
        object({ 'major!': deviceNumber, 'minor!': deviceNumber, weight: uint16, leafWeight: uint16 }),
      ),
      throttleReadBpsDevice: throttles,
      throttleWriteBpsDevice: throttles,
      throttleReadIOPSDevice: throttles,
      throttleWriteIOPSDevice: throttles,
    }),
    hugepageLimits: array(object({ 'pageSize!': string, 'limit!': uint64 })),
    network: object({
      classID: uint32,
      priorities: array(object({ 'name!': string, 'priority!': uint32 })),
    }),
    rdma: map(object({ hcaHandles: uint32, hcaObjects: uint32 })),
    unified: map(string),
  });
}
