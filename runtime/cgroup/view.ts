/** The files of a container's cgroups, as its statistics are read from them. */
import { addon } from '../addon.ts';
import type { StoredCgroup } from '../store.ts';
import { cgroupDirectory } from './cgroupfs.ts';
import { legacyDirectory } from './legacy.ts';
import type { CgroupFiles, CgroupView } from './stats/types.ts';

const MAX_FILE = 4 * 1024 * 1024;

function filesIn(directory: string): CgroupFiles {
  return {
    names() {
      const names = addon.readdir(directory);
      return typeof names === 'number' ? [] : names;
    },
    read(name) {
      const bytes = addon.readFile(`${directory}/${name}`, MAX_FILE);
      return typeof bytes === 'number' ? undefined : new TextDecoder().decode(bytes);
    },
  };
}

/** The cgroup in the v2 hierarchy, and those of its own that the container has in v1 hierarchies. */
export function viewOf(cgroup: StoredCgroup): CgroupView {
  return {
    unified: filesIn(cgroupDirectory(cgroup)),
    v1: new Map(cgroup.v1.map((legacy) => [legacy.controller, filesIn(legacyDirectory(legacy))])),
  };
}
