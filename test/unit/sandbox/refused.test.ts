import { expect, test } from 'vitest';
import { TsrunError, wordError } from '../../../runtime/errors.ts';
import type { SandboxFacts } from '../../../runtime/sandbox/facts.ts';
import { host, made, rootHost } from './fixtures.ts';

const noRanges: SandboxFacts = { ...host, subordinate: { uid: [], gid: [] } };

/** A command line, and the words of the error that it makes. */
const rows: [line: string | string[], words: string, facts?: SandboxFacts][] = [
  ['--net bridge', '--net: neither private, host, slirp4netns, pasta, veth:NAME, /PATH nor container:ID: got "bridge"'],
  ['--publish 80:80', '--publish: needs a network that a program makes: --net slirp4netns or --net pasta'],
  ['--net none --host-loopback', '--host-loopback: needs a network that a program makes'],
  ['--net pasta -p 80', '--publish: not [ADDRESS:]HOST:CONTAINER[/udp] with ports from 1 to 65535: got "80"'],
  ['--pid container:', '--pid: not a container id: got ""'],
  ['--uts container:a/b', '--uts: not a container id: got "a/b"'],
  ['--ipc none', '--ipc: neither private, host, /PATH nor container:ID: got "none"'],
  ['--user nobody', '--user: neither UID[:GID] in numbers nor private, host, /PATH or container:ID: got "nobody"'],
  ['--user 1x', '--user: not a number from 0 to 4294967294: got "1x"'],
  ['--user 4294967295', '--user: not a number from 0 to 4294967294: got "4294967295"'],
  ['--user 0:', '--user: not a number from 0 to 4294967294: got ""'],
  ['--user 0 --user 1', '--user: the user is given twice'],
  ['--user host --user private', '--user: the user namespace is given twice'],
  ['--map-root --map-self', '--map-root and --map-self contradict each other; give one of them'],
  ['--map-auto --user host', '--map-auto: maps the ids of a new user namespace, and --user asks for another one'],
  [
    '--map-root --user 1000',
    '--user: user 1000 is not mapped: --map-root maps 0 alone; use --map-auto, which maps a range of ids',
  ],
  [
    '--map-auto --user 70000',
    '--user: user 70000 is not mapped: --map-auto maps 0, 1-65536 alone; use one of 0, 1-65536',
  ],
  ['--map-auto', '--map-auto: /etc/subuid has no range for the caller', noRanges],
  ['--hostname x --uts host', "--hostname: would change the host's own name: not with --uts host"],
  [
    '--hostname x --uts container:c1',
    '--hostname: would change the name of who else is in that namespace: not with another --uts',
  ],
  ['--hostname x --uts /run/uts', '--hostname: would change the name of who else is in that namespace'],
  [['--hostname', `${'ä'.repeat(32)}x`], '--hostname: longer than 64 bytes: got "ää'],
  [['--hostname', 'a\nb'], '--hostname: contains a newline: got "a\\nb"'],
  [['--hostname', 'a\0b'], '--hostname: contains a NUL byte: got "a\\x00b"'],
  [['--hostname', ''], '--hostname: must not be empty'],
  ['--bind :/x', '--bind: the source is empty: got ":/x"'],
  ['--bind /a:/dev/null', '--bind: every container has a /dev/null of its own, which cannot be covered: got'],
  ['--bind /a:b', '--bind: not an absolute path: got "b"'],
  ['--bind /a:', '--bind: not SRC or SRC:DST, with or without :idmap=b:FROM:TO:RANGE: got "/a:"'],
  ['--ro-bind /a:/b:/c', '--ro-bind: not SRC or SRC:DST, with or without :idmap=b:FROM:TO:RANGE: got "/a:/b:/c"'],
  ['--bind /a:/b:/c', 'got "/a:/b:/c"; write a colon in a path as \\:'],
  ['--ro-bind /', '--ro-bind: the root itself cannot be covered: use --rootfs'],
  ['--bind /a:/b:idmap=x:1:2:1', '--bind: not idmap=b:FROM:TO:RANGE with ids below 4294967295'],
  ['--bind /a:/b:idmap=b:1:2', 'got "b:1:2"'],
  ['--bind /a:/b:idmap=b:1:2:0', 'got "b:1:2:0"'],
  ['--bind /a:/b:idmap=b:4294967294:2:2', 'got "b:4294967294:2:2"'],
  ['--bind /a:/b:idmap=', 'got ""'],
  ['--keep-ns uts', '--keep-ns: not TYPE=FILE with one of net, pid, uts, ipc, mount, cgroup, time, user: got "uts"'],
  ['--keep-ns uts=', '--keep-ns: not TYPE=FILE'],
  ['--keep-ns network=/x', '--keep-ns: not TYPE=FILE'],
  ['--keep-ns net=/x --net host', '--keep-ns net: the sandbox has none of its own: ask for one by --net private'],
  ['--keep-ns time=/x', '--keep-ns time: the sandbox has none of its own: ask for one by --time private'],
  ['--tmpfs home', '--tmpfs: not an absolute path: got "home"'],
  ['--copy-up /..', '--copy-up: the root itself cannot be covered: use --rootfs'],
  [
    '--overlay --rootfs tree',
    "--overlay: is about the host's root, and --rootfs, which can be written to, takes its place",
  ],
  ['--upper up --rootfs tree', "--upper: is about the host's root"],
  ['--upper a:b', '--upper: no path with a colon, comma, quote or backslash can be named to an overlay: got "a:b"'],
  ['--rootfs host', '--rootfs: host: is what a sandbox has without this flag: leave it out; ./host is a directory'],
  ['--rootfs -', "--rootfs: -: standard input is the command's own: make a bundle of it first"],
  ['--rootfs oci:', '--rootfs: not oci:PATH[:TAG]: got "oci:"'],
  ['--rootfs oci-archive:image.tar:', '--rootfs: not oci-archive:PATH[:TAG]: got "oci-archive:image.tar:"'],
  ['--rootfs rootfs:', '--rootfs: no path after rootfs:'],
  ['--overlay --mount host', "--overlay: needs mounts of the sandbox's own, not --mount host"],
  ['--upper up --mount container:c1', "--upper: needs mounts of the sandbox's own"],
  ['--tmpfs /x --mount host', "--tmpfs: needs mounts of the sandbox's own, not --mount host"],
  [
    '--cap-add NET_ADMINISTRATOR',
    '--cap-add: no capability of Linux: got "NET_ADMINISTRATOR"; give a name such as NET_ADMIN, or ALL',
  ],
  [['--seccomp', ''], '--seccomp: must not be empty'],
  ['--cap-drop -5', '--cap-drop: no capability of Linux: got "-5"'],
  ['--cpus 0', '--cpus: not a number of CPUs from 0.01 on: got "0"; give one such as 1.5'],
  ['--cpus 1e3', '--cpus: not a number of CPUs from 0.01 on: got "1e3"'],
  ['--memory 0', '--memory: nothing can live on 0 bytes: leave the flag out'],
  ['--memory lots', '--memory: not a size: got "lots"'],
  ['--pids 0', '--pids: not a whole number from 1 to 4194304: got "0"'],
  ['--env =x', '--env: not NAME or NAME=VALUE: got "=x"'],
  ['--env MISSING', '--env: the caller has no variable "MISSING"'],
  ['--cwd work', '--cwd: not an absolute path: got "work"'],
  ['--name a/b', '--name: not a container id: got "a/b"'],
  ['--print-config --explain', '--print-config and --explain are both given; one of them says what to print'],
  ['--nett host', 'unknown flag: got "--nett"; did you mean --net?'],
  ['--net', 'flag needs an argument: --net NAMESPACE'],
];

test.each(rows)('%s', (line, words, facts = host) => {
  let error: unknown;
  try {
    made(line, facts);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(TsrunError);
  expect(wordError(error)).toContain(words);
});

test('root can do without a user namespace, and nobody else', () => {
  const kinds = (facts: SandboxFacts) => made('', facts).config.linux?.namespaces?.map(({ type }) => type);
  expect(kinds(rootHost)).not.toContain('user');
  expect(kinds(host)).toContain('user');
});
