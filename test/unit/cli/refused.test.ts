import { describe, expect, test } from 'vitest';
import { parse } from '../../../runtime/cli/parse.ts';
import { UsageError } from '../../../runtime/cli/usage.ts';
import { wordError } from '../../../runtime/errors.ts';

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');

function refusal(list: readonly string[]): UsageError {
  try {
    parse(list);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error('accepted');
}

const idRule = 'an id is 1 to 255 characters of A-Z a-z 0-9 _ + . -, does not begin with - and is not . or ..';
const notATime = 'not a time from 1ms to 596h';
const timeHint = '; give one such as 5s or 500ms';
const notAnId = 'not a decimal id from 0 to 4294967294';
const notYet = 'this version of tsrun has no such command yet';

/** A command line, and the error it makes, as the user reads it. */
const rows: [string | string[], string][] = [
  ['', 'no command given; see tsrun --help'],
  ['--debug', 'no command given; see tsrun --help'],
  ['--', 'no command given; see tsrun --help'],
  // commands
  ['creat c1', 'unknown command: got "creat"; did you mean create?'],
  ['craete c1', 'unknown command: got "craete"; did you mean create?'],
  ['CREATE c1', 'unknown command: got "CREATE"; did you mean create?'],
  ['feat', 'unknown command: got "feat"; did you mean features?'],
  ['stat c1', 'unknown command: got "stat"; did you mean state?'],
  ['ls', 'unknown command: got "ls"; see tsrun --help'],
  ['version', 'unknown command: got "version"; see tsrun --help'],
  ['__proto__', 'unknown command: got "__proto__"; see tsrun --help'],
  ['constructor c1', 'unknown command: got "constructor"; see tsrun --help'],
  ['toString', 'unknown command: got "toString"; see tsrun --help'],
  ['-', 'unknown command: got "-"; see tsrun --help'],
  [[''], 'unknown command: got ""; see tsrun --help'],
  [['\x1b[31m'], 'unknown command: got "\\x1b[31m"; see tsrun --help'],
  ['help creat', 'unknown command: got "creat"; did you mean create?'],
  ['help restore', `restore: ${notYet}`],
  ['help create run', 'help: too many arguments: "run" is one more than 1'],
  // flags
  ['create --bundel /b c1', 'create: unknown flag: got "--bundel"; did you mean --bundle?'],
  ['create --bundel=/b c1', 'create: unknown flag: got "--bundel"; did you mean --bundle?'],
  ['create --pidfile p c1', 'create: unknown flag: got "--pidfile"; did you mean --pid-file?'],
  ['create --detach c1', 'create: unknown flag: got "--detach"; see tsrun create --help'],
  ['create -x c1', 'create: unknown flag: got "-x"; see tsrun create --help'],
  ['create --b /b c1', 'create: unknown flag: got "--b"; see tsrun create --help'],
  ['exec -tx c1 id', 'exec: unknown flag: got "-tx"; see tsrun exec --help'],
  ['exec -ut c1 id', 'exec: unknown flag: got "-ut"; see tsrun exec --help'],
  ['exec -td=true c1 id', 'exec: unknown flag: got "-td"; see tsrun exec --help'],
  ['create -b/b c1', 'create: unknown flag: got "-b/b"; see tsrun create --help'],
  ['create --- c1', 'create: unknown flag: got "---"; see tsrun create --help'],
  ['create --=x c1', 'create: unknown flag: got "--"; see tsrun create --help'],
  ['create --__proto__ c1', 'create: unknown flag: got "--__proto__"; see tsrun create --help'],
  ['create --constructor=x c1', 'create: unknown flag: got "--constructor"; see tsrun create --help'],
  ['create --root /r c1', 'create: unknown flag: got "--root"; it is a global flag and stands before create'],
  ['state c1 --root /r', 'state: unknown flag: got "--root"; it is a global flag and stands before state'],
  ['start c1 --debug', 'start: unknown flag: got "--debug"; it is a global flag and stands before start'],
  ['create -v c1', 'create: unknown flag: got "-v"; see tsrun create --help'],
  ['start c1 --force', 'start: unknown flag: got "--force"; see tsrun start --help'],
  ['delete c1 --forse', 'delete: unknown flag: got "--forse"; did you mean --force?'],
  ['run -dq c1', 'run: unknown flag: got "-dq"; see tsrun run --help'],
  [
    '--bundle /b create c1',
    'unknown flag: got "--bundle"; it is a flag of create, run, spec, validate, explain and follows that word',
  ],
  ['--keep run c1', 'unknown flag: got "--keep"; it is a flag of run and follows that word'],
  ['--rot /r state c1', 'unknown flag: got "--rot"; did you mean --root?'],
  ['--logformat json state c1', 'unknown flag: got "--logformat"; did you mean --log-format?'],
  ['--criu /x state c1', 'unknown flag: got "--criu"; see tsrun --help'],
  // values
  ['create --bundle', 'create: flag needs an argument: --bundle DIR'],
  ['create -b', 'create: flag needs an argument: --bundle DIR'],
  ['create --bundle --pid-file p c1', 'create: flag needs an argument: --bundle DIR: got "--pid-file"'],
  ['create c1 --pid-file', 'create: flag needs an argument: --pid-file FILE'],
  ['--root', 'flag needs an argument: --root DIR'],
  ['--log', 'flag needs an argument: --log FILE'],
  ['--root --debug state c1', 'flag needs an argument: --root DIR: got "--debug"'],
  ['kill c1 --signal', 'kill: flag needs an argument: --signal SIGNAL'],
  ['create --bundle= c1', 'create: --bundle: must not be empty'],
  [['create', '--bundle', '', 'c1'], 'create: --bundle: must not be empty'],
  [['create', '--pid-file', 'a\0b', 'c1'], 'create: --pid-file: contains a NUL byte: got "a\\x00b"'],
  [['create', '--bundle', '/b\ufffd', 'c1'], 'create: --bundle: not valid UTF-8: got "/b\ufffd"'],
  [
    ['create', '--bundle', `/${'x'.repeat(4095)}`, 'c1'],
    `create: --bundle: longer than 4095 bytes: got "/${'x'.repeat(63)}…"`,
  ],
  ['create --no-pivot=yes c1', 'create: --no-pivot: neither true nor false: got "yes"'],
  ['create --no-pivot= c1', 'create: --no-pivot: neither true nor false: got ""'],
  ['create --no-pivot=TRUE c1', 'create: --no-pivot: neither true nor false: got "TRUE"'],
  ['--debug=1 state c1', '--debug: neither true nor false: got "1"'],
  ['create --help=x c1', 'create: --help: neither true nor false: got "x"'],
  ['create --preserve-fds x c1', 'create: --preserve-fds: not a decimal number from 0 to 1048576: got "x"'],
  ['create --preserve-fds -1 c1', 'create: --preserve-fds: not a decimal number from 0 to 1048576: got "-1"'],
  ['create --preserve-fds +1 c1', 'create: --preserve-fds: not a decimal number from 0 to 1048576: got "+1"'],
  ['create --preserve-fds 1.0 c1', 'create: --preserve-fds: not a decimal number from 0 to 1048576: got "1.0"'],
  ['create --preserve-fds 0x3 c1', 'create: --preserve-fds: not a decimal number from 0 to 1048576: got "0x3"'],
  ['create --preserve-fds 1e3 c1', 'create: --preserve-fds: not a decimal number from 0 to 1048576: got "1e3"'],
  ['create --preserve-fds 010 c1', 'create: --preserve-fds: not a decimal number from 0 to 1048576: got "010"'],
  ['create --preserve-fds= c1', 'create: --preserve-fds: not a decimal number from 0 to 1048576: got ""'],
  ['create --preserve-fds 1048577 c1', 'create: --preserve-fds: not a decimal number from 0 to 1048576: got "1048577"'],
  [
    ['create', '--preserve-fds', ' 1', 'c1'],
    'create: --preserve-fds: not a decimal number from 0 to 1048576: got " 1"',
  ],
  [
    ['create', '--preserve-fds', '1\n', 'c1'],
    'create: --preserve-fds: not a decimal number from 0 to 1048576: got "1\\n"',
  ],
  ['list --format yaml', 'list: --format: not one of table, json: got "yaml"'],
  ['list -f jsno', 'list: --format: not one of table, json: got "jsno"; did you mean json?'],
  ['--log-level info state c1', '--log-level: not one of error, warning, debug: got "info"'],
  ['--log-level warn state c1', '--log-level: not one of error, warning, debug: got "warn"; did you mean warning?'],
  ['--log-format=xml state c1', '--log-format: not one of text, json: got "xml"'],
  [
    '--cgroup-manager cgroups create c1',
    '--cgroup-manager: not one of cgroupfs, systemd, disabled: got "cgroups"; did you mean cgroupfs?',
  ],
  ['--rootless=yes state c1', '--rootless: not one of true, false, auto: got "yes"'],
  ['--root rel state c1', '--root: not an absolute path: got "rel"'],
  ['--root= state c1', '--root: must not be empty'],
  ['--root / state c1', '--root: the state cannot be kept in the root directory itself'],
  ['--root //. state c1', '--root: the state cannot be kept in the root directory itself'],
  ['--root /a/.. state c1', '--root: the state cannot be kept in the root directory itself'],
  ['--log journald:x state c1', '--log: journald: is not supported: got "journald:x"; give a file'],
  ['--log syslog:x state c1', '--log: syslog: is not supported: got "syslog:x"; give a file'],
  ['--log file: state c1', '--log: no file after file:'],
  [
    '--systemd-cgroup --cgroup-manager disabled state c1',
    '--systemd-cgroup and --cgroup-manager disabled contradict each other; give one of them',
  ],
  // refused for now
  ['checkpoint --help', `checkpoint: ${notYet}`],
  ['checkpoint --image-path I --work-path W --leave-running c1', `checkpoint: ${notYet}`],
  ['restore --lsm-mount-context', `restore: ${notYet}`],
  ['restore --detach -no-subreaper --bundle B c1', `restore: ${notYet}`],
  // exec
  ['exec -u 4294967296 c1 id', `exec: --user: ${notAnId}: got "4294967296"`],
  ['exec -u -1 c1 id', `exec: --user: ${notAnId}: got "-1"`],
  ['exec -u 4294967295 c1 id', `exec: --user: ${notAnId}: got "4294967295"`],
  ['exec -u 1x c1 id', `exec: --user: ${notAnId}: got "1x"`],
  ['exec -u 0x10 c1 id', `exec: --user: ${notAnId}: got "0x10"`],
  ['exec -u 1e3 c1 id', `exec: --user: ${notAnId}: got "1e3"`],
  ['exec -u 01 c1 id', `exec: --user: ${notAnId}: got "01"`],
  ['exec -u= c1 id', `exec: --user: ${notAnId}: got ""`],
  ['exec -u 1: c1 id', 'exec: --user: no group after the colon: got "1:"'],
  ['exec -u :1 c1 id', `exec: --user: ${notAnId}: got ""`],
  ['exec -u 1:2:3 c1 id', `exec: --user: ${notAnId}: got "2:3"`],
  ['exec -u 1:-1 c1 id', `exec: --user: ${notAnId}: got "-1"`],
  ['exec -u root c1 id', `exec: --user: ${notAnId}: got "root"`],
  ['exec -u +1 c1 id', `exec: --user: ${notAnId}: got "+1"`],
  [['exec', '-u', ' 1', 'c1', 'id'], `exec: --user: ${notAnId}: got " 1"`],
  [['exec', '-u', '1\n', 'c1', 'id'], `exec: --user: ${notAnId}: got "1\\n"`],
  [['exec', '-u', '١', 'c1', 'id'], `exec: --user: ${notAnId}: got "١"`],
  ['exec -g -5 c1 id', `exec: --additional-gids: ${notAnId}: got "-5"`],
  ['exec -g 1,2 c1 id', `exec: --additional-gids: ${notAnId}: got "1,2"`],
  ['exec -e A c1 id', 'exec: --env: not of the form NAME=value: got "A"'],
  ['exec -e =x c1 id', 'exec: --env: not of the form NAME=value: got "=x"'],
  ['exec -e= c1 id', 'exec: --env: not of the form NAME=value: got ""'],
  [['exec', '-e', 'A=\ufffd', 'c1', 'id'], 'exec: --env: not valid UTF-8: got "A=\ufffd"'],
  ['exec -c X c1 id', 'exec: --cap: unknown capability: got "X"'],
  ['exec -c net_raw c1 id', 'exec: --cap: unknown capability: got "net_raw"; did you mean CAP_NET_RAW?'],
  ['exec -c cap_net_raw c1 id', 'exec: --cap: unknown capability: got "cap_net_raw"; did you mean CAP_NET_RAW?'],
  ['exec -c CAP_NET_RAV c1 id', 'exec: --cap: unknown capability: got "CAP_NET_RAV"; did you mean CAP_NET_RAW?'],
  ['exec -c constructor c1 id', 'exec: --cap: unknown capability: got "constructor"'],
  ['exec --cgroup ../x c1 id', 'exec: --cgroup: leads out of the container\'s cgroup: got "../x"'],
  ['exec --cgroup cpu: c1 id', 'exec: --cgroup: no path: got "cpu:"'],
  ['exec --cgroup cpu,:x c1 id', 'exec: --cgroup: no controller before the colon: got "cpu,:x"'],
  [
    'exec --cgroup x --cgroup cpu:y c1 id',
    'exec: --cgroup "x": a path for every controller, and there is another --cgroup',
  ],
  ['exec --cgroup cpu:x --cgroup cpu:y c1 id', 'exec: --cgroup: the controller "cpu" is given twice'],
  [
    'exec --preserve-fds 99999999 c1 id',
    'exec: --preserve-fds: not a decimal number from 0 to 1048576: got "99999999"',
  ],
  ['exec', 'exec: missing argument: ID, the name of the container'],
  ['exec c1', 'exec: missing argument: COMMAND, the program to run, or --process FILE'],
  ['exec c1 -t', 'exec: missing argument: COMMAND, the program to run, or --process FILE'],
  [['exec', 'c1', ''], 'exec: COMMAND: must not be empty'],
  [['exec', 'c1', 'a', '\ufffd'], 'exec: COMMAND: not valid UTF-8: got "\ufffd"'],
  ['exec -p F c1 id', 'exec: --process and the command "id" are both given; one of them says what to run'],
  ['exec -p F --cwd / c1', 'exec: --process and --cwd are both given; the file says what the process is'],
  ['exec -p F -u 0 c1', 'exec: --process and --user are both given; the file says what the process is'],
  [
    'exec -p F --no-new-privs c1',
    'exec: --process and --no-new-privs are both given; the file says what the process is',
  ],
  ['exec --usr 1 c1 id', 'exec: unknown flag: got "--usr"; did you mean --user?'],
  ['exec c1 --bogus id', 'exec: unknown flag: got "--bogus"; see tsrun exec --help'],
  [
    'exec --console-socket s -t c1 id',
    'exec: --console-socket: only with --detach, for exec in the foreground uses the terminal it has',
  ],
  // times
  ['events --interval 5 c1', `events: --interval: ${notATime}: got "5"${timeHint}`],
  ['events --interval 0s c1', `events: --interval: ${notATime}: got "0s"${timeHint}`],
  ['events --interval=-5s c1', `events: --interval: ${notATime}: got "-5s"${timeHint}`],
  ['events --interval 5s5 c1', `events: --interval: ${notATime}: got "5s5"${timeHint}`],
  ['events --interval 5x c1', `events: --interval: ${notATime}: got "5x"${timeHint}`],
  ['events --interval 999us c1', `events: --interval: ${notATime}: got "999us"${timeHint}`],
  ['events --interval 597h c1', `events: --interval: ${notATime}: got "597h"${timeHint}`],
  ['events --interval= c1', `events: --interval: ${notATime}: got ""${timeHint}`],
  ['events --interval', 'events: flag needs an argument: --interval TIME'],
  // update; test/unit/cgroup/update-request.test.ts has its values
  ['update c1', 'update: nothing to change: give --resources or a limit such as --memory 64M'],
  ['update --resources= c1', 'update: --resources: must not be empty'],
  ['update --memory', 'update: flag needs an argument: --memory BYTES'],
  ['update --memroy 64M c1', 'update: unknown flag: got "--memroy"; did you mean --memory?'],
  // arguments
  ['ps', 'ps: missing argument: ID, the name of the container'],
  ['ps -ef c1', 'ps: unknown flag: got "-ef"; see tsrun ps --help'],
  ['ps --format xml c1', 'ps: --format: not one of table, json: got "xml"'],
  ['pause', 'pause: missing argument: ID, the name of the container'],
  ['pause c1 c2', 'pause: too many arguments: "c2" is one more than 1'],
  ['resume a/b', `resume: not a container id: got "a/b"; ${idRule}`],
  ['create', 'create: missing argument: ID, the name of the container'],
  ['create --', 'create: missing argument: ID, the name of the container'],
  ['state --', 'state: missing argument: ID, the name of the container'],
  ['kill', 'kill: missing argument: ID, the name of the container'],
  ['start c1 c2', 'start: too many arguments: "c2" is one more than 1'],
  ['kill c1 9 10', 'kill: too many arguments: "10" is one more than 2'],
  ['list c1', 'list: too many arguments: "c1" is one more than 0'],
  ['features x', 'features: too many arguments: "x" is one more than 0'],
  ['validate a b', 'validate: too many arguments: "b" is one more than 1'],
  ['validate -b /b a', 'validate: FILE and --bundle are both given; one of them says what to check'],
  [['validate', ''], 'validate: FILE: must not be empty'],
  [
    'run --console-socket s c1',
    'run: --console-socket: only with --detach, for run in the foreground uses the terminal it has',
  ],
  ['kill c1 BOGUS', 'kill: SIGNAL: unknown signal: got "BOGUS"; give a name as in KILL or SIGKILL, or 0 to 64'],
  ['kill c1 65', 'kill: SIGNAL: unknown signal: got "65"; give a name as in KILL or SIGKILL, or 0 to 64'],
  [['kill', 'c1', ''], 'kill: SIGNAL: unknown signal: got ""; give a name as in KILL or SIGKILL, or 0 to 64'],
  ['kill -s BOGUS c1', 'kill: --signal: unknown signal: got "BOGUS"; give a name as in KILL or SIGKILL, or 0 to 64'],
  ['kill -s KILL c1 TERM', 'kill: SIGNAL is given twice: as a flag, and as "TERM"'],
  ['kill c1 TERM -s KILL', 'kill: SIGNAL is given twice: as a flag, and as "TERM"'],
  ['kill -9 c1', 'kill: unknown flag: got "-9"; the signal stands after the id: tsrun kill ID 9'],
  ['kill c1 -KILL', 'kill: unknown flag: got "-KILL"; the signal stands after the id: tsrun kill ID KILL'],
  // ids
  [['start', ''], `start: not a container id: got ""; ${idRule}`],
  ['start .', `start: not a container id: got "."; ${idRule}`],
  ['start ..', `start: not a container id: got ".."; ${idRule}`],
  ['start ../x', `start: not a container id: got "../x"; ${idRule}`],
  ['start a/b', `start: not a container id: got "a/b"; ${idRule}`],
  ['start /etc', `start: not a container id: got "/etc"; ${idRule}`],
  [['start', ' '], `start: not a container id: got " "; ${idRule}`],
  [['start', '\n'], `start: not a container id: got "\\n"; ${idRule}`],
  [['start', 'c1\n'], `start: not a container id: got "c1\\n"; ${idRule}`],
  ['start é', `start: not a container id: got "é"; ${idRule}`],
  ['start -', `start: not a container id: got "-"; ${idRule}`],
  ['start -rf', 'start: unknown flag: got "-rf"; see tsrun start --help'],
  ['start -- -rf', `start: not a container id: got "-rf"; ${idRule}`],
  [`start ${'x'.repeat(256)}`, `start: not a container id: got "${'x'.repeat(64)}…"; ${idRule}`],
  [['start', '\x1b[31m'], `start: not a container id: got "\\x1b[31m"; ${idRule}`],
  [['start', 'a"b\\'], `start: not a container id: got "a\\"b\\\\"; ${idRule}`],
  [['start', '\u202eab'], `start: not a container id: got "\\u{202e}ab"; ${idRule}`],
];

describe('a wrong command line is refused in one line', () => {
  test.each(rows)('%j', (line, message) => {
    const error = refusal(typeof line === 'string' ? words(line) : line);
    expect(wordError(error)).toBe(message);
  });
});

describe('what goes with the words', () => {
  test.each([
    ['create --bogus c1', 'usage', 1],
    ['start a/b', 'invalid-id', 1],
    ['checkpoint c1', 'unsupported', 1],
    ['exec c1', 'usage', 255],
    ['exec --bogus c1 true', 'usage', 255],
    ['exec a/b true', 'invalid-id', 255],
  ])('%s: code and exit status', (line, code, exitCode) => {
    expect(refusal(words(line))).toMatchObject({ code, exitCode });
  });

  test('an error knows where the caller looks for it', () => {
    const { global } = refusal(words('--log-format=json --log /x --log-level=warning create --bogus c1'));
    expect(global?.log).toStrictEqual({ file: '/x', format: 'json', level: 'warning' });
  });

  test('also when a later global flag is wrong', () => {
    const { global } = refusal(words('--log /x --debug --root / state c1'));
    expect(global?.log).toStrictEqual({ file: '/x', format: 'text', level: 'debug' });
  });

  test('but not in a file that was not understood', () => {
    expect(refusal(words('--log journald:x --log-format json state c1')).global?.log.file).toBeUndefined();
  });

  test('the probe for pod restore sees that there is none', () => {
    expect(wordError(refusal(words('restore --lsm-mount-context')))).not.toMatch(
      /needs an argument|requires an argument/,
    );
  });
});
