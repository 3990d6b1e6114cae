import type { BlockIO, ThrottleDevice } from '../../../spec/config.ts';
import { TsrunError } from '../../errors.ts';
import { invalid, pathOf, type Writes } from './writes.ts';

/** Each list of throttles: the key of io.max in v2, and the file in v1. */
const throttles = [
  { property: 'throttleReadBpsDevice', key: 'rbps', file: 'blkio.throttle.read_bps_device' },
  { property: 'throttleWriteBpsDevice', key: 'wbps', file: 'blkio.throttle.write_bps_device' },
  { property: 'throttleReadIOPSDevice', key: 'riops', file: 'blkio.throttle.read_iops_device' },
  { property: 'throttleWriteIOPSDevice', key: 'wiops', file: 'blkio.throttle.write_iops_device' },
] as const;

/**
 * config-linux.md, "Block IO".
 * @throws {TsrunError} `config-invalid`, `host-unsupported`
 */
export function writeBlockIO(writes: Writes, blockIO: BlockIO): void {
  const v1 = writes.isV1('io');
  writeWeights(writes, blockIO, v1);
  if (v1) writeV1Throttles(writes, blockIO);
  else writeV2Throttles(writes, blockIO);
}

function writeWeights(writes: Writes, { weight, leafWeight, weightDevice = [] }: BlockIO, v1: boolean): void {
  refuseLeafWeight(leafWeight, 'blockIO.leafWeight');
  if (weight !== undefined && weight !== 0) {
    const property = 'blockIO.weight';
    checkWeight(weight, property);
    if (v1) addWeight(writes, property, `${weight}`, ['blkio.bfq.weight', 'blkio.weight']);
    else addWeight(writes, property, `${weight}`, ['io.bfq.weight', 'io.weight'], `${ioWeight(weight)}`);
  }
  weightDevice.forEach(({ major, minor, weight, leafWeight }, index) => {
    const property = `blockIO.weightDevice[${index}]`;
    refuseLeafWeight(leafWeight, `${property}.leafWeight`);
    if (weight === undefined || weight === 0) return;
    checkWeight(weight, `${property}.weight`);
    const device = `${major}:${minor}`;
    const value = `${device} ${weight}`;
    if (v1) addWeight(writes, property, value, ['blkio.bfq.weight_device', 'blkio.weight_device']);
    else addWeight(writes, property, value, ['io.bfq.weight', 'io.weight'], `${device} ${ioWeight(weight)}`);
  });
}

/** A weight for the BFQ scheduler, or where that is not there, for the other that has one. */
function addWeight(
  writes: Writes,
  property: string,
  value: string,
  [file, otherFile]: readonly [string, string],
  otherValue = value,
): void {
  writes.add('io', file, value, property, { file: otherFile, value: otherValue });
}

function checkWeight(weight: number, property: string): void {
  if (weight < 10 || weight > 1000) throw invalid(property, `expected a number from 10 to 1000: got ${weight}`);
}

function refuseLeafWeight(weight: number | undefined, property: string): void {
  if (weight === undefined || weight === 0) return;
  throw new TsrunError(
    'host-unsupported',
    `${pathOf(property)}: no kernel since Linux 5.0 has weights of leaves; remove the property`,
  );
}

/** io.weight (1 to 10000) for a weight of v1 (10 to 1000), on a straight line as peers have it. */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

function writeV1Throttles(writes: Writes, blockIO: BlockIO): void {
  for (const { property, file } of throttles)
    (blockIO[property] ?? []).forEach(({ major, minor, rate }, index) => {
      writes.add('io', file, `${major}:${minor} ${rate}`, `blockIO.${property}[${index}]`);
    });
}

interface DeviceThrottles {
  readonly limits: Map<string, string>;
  readonly properties: string[];
}

/** One line for each device, with all that is asked of it. */
function writeV2Throttles(writes: Writes, blockIO: BlockIO): void {
  const devices = new Map<string, DeviceThrottles>();
  for (const { property, key } of throttles)
    (blockIO[property] ?? []).forEach((throttle, index) => {
      const name = `${throttle.major}:${throttle.minor}`;
      const device: DeviceThrottles = devices.get(name) ?? { limits: new Map(), properties: [] };
      devices.set(name, device);
      device.limits.set(key, rateOf(throttle));
      device.properties.push(`blockIO.${property}[${index}]`);
    });
  for (const [name, { limits, properties }] of devices) {
    const words = [...limits].map(([key, rate]) => `${key}=${rate}`);
    writes.add('io', 'io.max', [name, ...words].join(' '), properties);
  }
}

/** 0 removes the limit in v1; v2 has a word for that and refuses the number. */
function rateOf({ rate }: ThrottleDevice): string {
  return BigInt(rate) === 0n ? 'max' : String(rate);
}
