/** Network devices of the host that become the container's. config-linux.md, "Network Devices" */
import type { Config } from '../../spec/config.ts';
import { TsrunError } from '../errors.ts';
import type { NetDevicePlan } from './types.ts';

const CAP_NET_ADMIN = 12n;

/**
 * The devices, in the order of the configuration.
 *
 * @param capabilities The caller's, as a bit mask.
 * @throws {TsrunError} `host-unsupported`
 */
export function planNetDevices({ linux }: Config, capabilities: bigint): NetDevicePlan[] {
  const devices: NetDevicePlan[] = [];
  for (const [source, { name }] of Object.entries(linux?.netDevices ?? {}))
    devices.push({ source, name: name || source, from: `linux.netDevices["${source}"]` });
  if (devices.length > 0 && ((capabilities >> CAP_NET_ADMIN) & 1n) === 0n)
    throw new TsrunError(
      'host-unsupported',
      'linux.netDevices: moving network devices of the host takes CAP_NET_ADMIN, which the caller lacks: run tsrun as root, or remove the property',
    );
  return devices;
}
