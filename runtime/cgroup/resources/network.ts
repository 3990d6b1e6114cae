import type { Network } from '../../../spec/config.ts';
import { invalid, onlyV1, type Writes } from './writes.ts';

/**
 * config-linux.md, "Network": controllers that v1 alone has.
 * @throws {TsrunError} `config-invalid`, `host-unsupported`
 */
export function writeNetwork(writes: Writes, { classID, priorities = [] }: Network): void {
  if (classID !== undefined && classID !== 0) {
    if (!writes.isV1('net_cls'))
      throw onlyV1('network.classID', 'match the cgroup itself (nftables: socket cgroupv2) or mount net_cls');
    writes.add('net_cls', 'net_cls.classid', String(classID), 'network.classID');
  }
  priorities.forEach(({ name, priority }, index) => {
    const property = `network.priorities[${index}]`;
    if (!writes.isV1('net_prio'))
      throw onlyV1(property, 'set priorities with tc in the network namespace or mount net_prio');
    // The name is the first word of a line.
    if (!/^[^\s/\0]{1,15}$/.test(name)) throw invalid(`${property}.name`, 'not a name of a network interface');
    writes.add('net_prio', 'net_prio.ifpriomap', `${name} ${priority}`, property);
  });
}
