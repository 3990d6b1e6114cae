/** What a shell in a container tells of it: named sections of output, compared as a whole or line by line. */
import { parseMountinfo } from '../e2e/harness/mountinfo.ts';
import type { Result } from '../e2e/harness/runtime.ts';
import type { Difference } from './podman.ts';

/** Where crun 1.8.1 and tsrun differ in nearly every container. */
export const common = {
  restricted: {
    of: /^flags \/(?:proc\/.*|sys\/(?:firmware|dev\/block))$/,
    because: 'what is made read-only, or hidden, keeps nosuid, nodev and noexec, as with runc: crun takes them away',
  },
  hidden: {
    of: /^mount \/(?:proc\/acpi|sys\/firmware|sys\/dev\/block)$/,
    because: 'an empty tmpfs hides a directory with both; tsrun says how many files it may have instead of its size',
  },
  binds: {
    of: /^flags \/(?:etc|run)\/.*$/,
    because: 'a bind keeps the flags of its source’s mount, as with runc: nobody has asked to allow set-user-ID there',
  },
  sysfs: {
    of: /^mount \/sys$/,
    because: '`ro` is asked of the file system, too, as with runc: to remount what is mounted is not enough to write',
  },
  cgroupSource: {
    of: /^mount \/sys\/fs\/cgroup$/,
    because: 'the mount’s source is named as in the configuration',
  },
  core: {
    of: /^device core$/,
    because: 'runtime-linux.md, "Dev symbolic links", has four; this one leads to what is hidden',
  },
} as const satisfies Record<string, Difference>;

/** `--cgroupns host`. */
export const hostCgroups: Difference = {
  of: /^(?:mount \/sys\/fs\/cgroup|cgroup (?!0$).*)$/,
  because:
    'docs/cgroups.md: the mount shows the container’s own cgroup. crun shows the whole tree, by a new mount that takes' +
    ' nsdelegate and memory_recursiveprot away from the hierarchy of the whole machine',
};

/** All of them. */
export const commonly: readonly Difference[] = Object.values(common);

/** A script that prints the output of each command under its name. */
export const telling = (commands: Readonly<Record<string, string>>): string =>
  Object.entries(commands)
    .map(([name, command]) => `echo @${name}; { ${command}; } 2>&1`)
    .join('; ');

/** What such a script printed, by name. */
export function sections(output: string): Record<string, string> {
  const parts = output.replaceAll('\r\n', '\n').split(/^@/m).slice(1);
  return Object.fromEntries(
    parts.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trimEnd()]),
  );
}

const statusFields =
  'Umask|Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|Seccomp_filters|Sig(Blk|Ign|Cgt)|Cpus_allowed_list|Mems_allowed_list';

const cgroupFiles = [
  ...['cgroup.controllers', 'cgroup.subtree_control', 'cgroup.type', 'cgroup.freeze', 'cgroup.max.depth'],
  ...['cpu.max', 'cpu.weight', 'cpuset.cpus', 'cpuset.mems', 'cpuset.cpus.partition', 'pids.max'],
  ...['memory.max', 'memory.high', 'memory.low', 'memory.min', 'memory.swap.max', 'memory.oom.group'],
  ...['io.max', 'io.weight', 'io.bfq.weight'],
];

/** Where a container tries to write: never a byte, for one that may write to all that there is runs these, too. */
const writtenFiles = [
  ...['/x', '/etc/x', '/tmp/x', '/data/x', '/dev/x', '/run/x'],
  ...[
    '/proc/sys/kernel/shmmax',
    '/proc/sys/net/ipv4/ip_forward',
    '/proc/sysrq-trigger',
    '/proc/irq/default_smp_affinity',
  ],
  ...['/sys/kernel/mm/ksm/run', '/sys/fs/cgroup/cgroup.procs'],
];

/** Commands for busybox; each of its lines is a fact where {@link keys} has the command's name. */
const commands: Readonly<Record<string, string>> = {
  status: `grep -E '^(${statusFields}):' /proc/self/status`,
  mount: 'cat /proc/self/mountinfo',
  limit: 'sed 1d /proc/self/limits',
  env: 'env | sort',
  process: 'id; pwd; umask; cat /proc/1/comm; hostname; cat /proc/sys/kernel/domainname',
  maps: 'cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups',
  attributes: 'cd /proc/self; grep -sH "" oom_score_adj coredump_filter personality timens_offsets attr/current; cd /',
  fd: 'cd /proc/$$/fd; for n in [0-9]; do echo "$n $(readlink $n)"; done; cd /',
  device: `cd /dev; stat -c '%n %A %u:%g %t:%T' . * pts/* fd/[0-2]; for n in *; do [ ! -L $n ] || echo "$n $(readlink $n)"; done; cd /`,
  file: "stat -c '%n %A %u:%g %t:%T' / /data /etc /proc /sys /tmp /run /etc/hosts /proc/kcore /proc/keys /proc/timer_list /proc/acpi /sys/firmware",
  masked:
    'for n in kcore keys timer_list acpi asound; do [ ! -f /proc/$n ] || head -c 1 /proc/$n | wc -c; done; ls /proc/acpi /sys/firmware',
  write: `for n in ${writtenFiles.join(' ')}; do echo "$n $( (: > $n) 2>&1 && echo written)"; done`,
  mknod: 'mknod /tmp/d b 254 0 && head -c 1 /tmp/d | wc -c; mknod /tmp/n c 1 5 && head -c 1 /tmp/n | wc -c',
  calls: 'unshare -U true; unshare -u true; mount -t tmpfs none /data && umount /data; chroot / true; mkdir /tmp/m',
  sysctl:
    'cd /proc/sys; grep -H "" kernel/msgmax kernel/shmmax net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range; cd /',
  cgroup: `cat /proc/self/cgroup; cd /sys/fs/cgroup; stat -c '%n=%A %u:%g' . cgroup.procs; grep -sH "" ${cgroupFiles.join(' ')}; cd /`,
};

/** What ends the name of a line's fact. */
const keys: Readonly<Record<string, RegExp>> = {
  status: /:\t/,
  limit: / {2,}/,
  env: /=/,
  fd: / /,
  device: / /,
  file: / /,
  write: / /,
  sysctl: /:/,
  cgroup: /[:=]/,
};

/** A script that tells all that a process sees of its container. */
export const everything: string = telling(commands);

export type Facts = Record<string, string>;

function add(facts: Facts, name: string, value: string): void {
  facts[name] = name in facts ? `${facts[name]}\n${value}` : value;
}

/** The mounts at each place: what is mounted, and with which flags. */
function addMounts(facts: Facts, text: string): void {
  for (const mount of parseMountinfo(text)) {
    // The layers of an overlay are different ones for each engine.
    const superOptions = mount.type === 'overlay' ? mount.superOptions.slice(0, 1) : mount.superOptions;
    add(facts, `mount ${mount.target}`, `${mount.type} ${mount.source} ${mount.root} ${superOptions.join()}`);
    const propagation = mount.propagation.map((field) => field.replace(/:.*/, ''));
    add(facts, `flags ${mount.target}`, [...mount.options, ...propagation].join());
  }
}

/**
 * What {@link everything} told, each fact by its name (`status CapEff`, `mount /proc`), and how the command ended.
 *
 * @param dir where the engine has its files: they are the same in another one's directory
 */
export function factsOf(result: Pick<Result, 'code' | 'stdout' | 'stderr'>, dir: string): Facts {
  const facts: Facts = { code: String(result.code), stderr: result.stderr };
  // A mount's root is told from the root of its file system on.
  const [parent, engine] = dir.split('/').slice(-2);
  const same = result.stdout
    .replaceAll(new RegExp(`/\\S*${parent}/${engine}\\b`, 'g'), 'DIR')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'ID')
    .replaceAll(/(pipe|socket):\[\d+\]/g, '$1');
  for (const [name, text] of Object.entries(sections(same))) {
    const end = keys[name];
    if (name === 'mount') addMounts(facts, text);
    else if (end === undefined) facts[name] = text;
    else {
      for (const line of text.split('\n')) {
        const [key = '', ...rest] = line.split(end);
        add(facts, `${name} ${key}`, rest.join(' ').trim());
      }
    }
  }
  return facts;
}
