/**
 * Bad input, of the configuration and of the command line: exit status 1, one line that names the place and the mistake,
 * and nothing left behind.
 */
import { existsSync, mkdirSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { literally, theLine } from './harness/bad-input.ts';
import {
  args,
  change,
  editText,
  linux,
  mount,
  namespace,
  type Part,
  set,
  text,
  tmpfs,
  userNamespace,
  withoutNamespace,
} from './harness/config.ts';
import type { Lab } from './harness/lab.ts';
import { runtimePath } from './harness/places.ts';
import { call } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** what, the parts, the property that is named, what is said of it */
type Row = [what: string, parts: Part[], property: string, said: RegExp];

const nul = '\0';

const values: Row[] = [
  // document
  ['an empty object', [text('{}')], '', /ociVersion|root|process/],
  ['ociVersion missing', [set('ociVersion', undefined)], 'ociVersion', /missing|required/],
  ['ociVersion a number', [set('ociVersion', 1)], 'ociVersion', /string/],
  ['ociVersion no version', [set('ociVersion', 'banana')], 'ociVersion', /banana/],
  ['ociVersion of another major version', [set('ociVersion', '2.0.0')], 'ociVersion', /2\.0\.0/],
  ['root missing', [set('root', undefined)], 'root', /missing|required/],
  ['root.path missing', [set('root.path', undefined)], 'root.path', /missing|required/],
  ['root.path empty', [set('root.path', '')], 'root.path', /empty|""/],
  ['root.path with NUL', [set('root.path', `a${nul}b`)], 'root.path', /NUL/i],
  ['root.readonly a word', [set('root.readonly', 'yes')], 'root.readonly', /true|false|boolean/],
  ['hostname with NUL', [set('hostname', `a${nul}b`)], 'hostname', /NUL/i],
  ['hostname of 65 bytes', [set('hostname', 'n'.repeat(65))], 'hostname', /64/],
  ['hostname without uts', [set('hostname', 'x'), withoutNamespace('uts')], 'hostname', /uts/],
  ['domainname without uts', [set('domainname', 'x'), withoutNamespace('uts')], 'domainname', /uts/],
  // process
  ['process missing', [set('process', undefined)], 'process', /missing|required/],
  ['args missing', [set('process.args', undefined)], 'process.args', /missing|required/],
  ['args empty', [set('process.args', [])], 'process.args', /empty|\[\]|least/],
  ['args a string', [set('process.args', 'sh')], 'process.args', /array/],
  ['args with a number', [set('process.args', [1])], 'process.args[0]', /string/],
  ['args with NUL', [set('process.args', ['/guest', `a${nul}b`])], 'process.args[1]', /NUL/i],
  ['cwd missing', [set('process.cwd', undefined)], 'process.cwd', /missing|required/],
  ['cwd relative', [set('process.cwd', 'tmp')], 'process.cwd', /absolute/],
  ['cwd with NUL', [set('process.cwd', `/a${nul}b`)], 'process.cwd', /NUL/i],
  ['env an object', [set('process.env', {})], 'process.env', /array/],
  ['env with NUL', [set('process.env', [`A=${nul}`])], 'process.env[0]', /NUL/i],
  ['uid negative', [set('process.user.uid', -1)], 'process.user.uid', /-1/],
  ['uid 2^32', [set('process.user.uid', 4_294_967_296)], 'process.user.uid', /4294967296/],
  ['uid 2^32-1, which means no change', [set('process.user.uid', 4_294_967_295)], 'process.user.uid', /4294967295/],
  ['uid broken', [set('process.user.uid', 1.5)], 'process.user.uid', /1\.5/],
  ['uid a string', [set('process.user.uid', '1000')], 'process.user.uid', /integer|number/],
  ['uid null', [set('process.user.uid', null)], 'process.user.uid', /null/],
  ['uid in exponents', [editText((json) => json.replace('"uid": 0', '"uid": 1e3'))], 'process.user.uid', /1e3/],
  ['gid 2^32-1', [set('process.user.gid', 4_294_967_295)], 'process.user.gid', /4294967295/],
  ['a negative group', [set('process.user.additionalGids', [-5])], 'process.user.additionalGids[0]', /-5/],
  ['umask too large', [set('process.user.umask', 0o7777777)], 'process.user.umask', /2097151/],
  ['umask a string', [set('process.user.umask', '022')], 'process.user.umask', /integer|number/],
  ['noNewPrivileges a number', [set('process.noNewPrivileges', 1)], 'process.noNewPrivileges', /true|false|boolean/],
  ['terminal a word', [set('process.terminal', 'yes')], 'process.terminal', /true|false|boolean/],
  ['oomScoreAdj too large', [set('process.oomScoreAdj', 5000)], 'process.oomScoreAdj', /5000/],
  ['oomScoreAdj a string', [set('process.oomScoreAdj', '500')], 'process.oomScoreAdj', /integer|number/],
  ['capabilities an array', [set('process.capabilities', ['CAP_KILL'])], 'process.capabilities', /object/],
  [
    'a rlimit nobody knows',
    [set('process.rlimits', [{ type: 'RLIMIT_BOGUS', soft: 1, hard: 1 }])],
    'process.rlimits[0].type',
    /RLIMIT_BOGUS/,
  ],
  [
    'a soft limit above the hard one',
    [set('process.rlimits', [{ type: 'RLIMIT_NOFILE', soft: 2, hard: 1 }])],
    'process.rlimits[0]',
    /hard/,
  ],
  [
    'a rlimit twice',
    [
      set('process.rlimits', [
        { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
        { type: 'RLIMIT_CORE', soft: 1, hard: 1 },
      ]),
    ],
    'process.rlimits[1]',
    /twice|duplicate|RLIMIT_CORE/,
  ],
  [
    'a rlimit without soft',
    [set('process.rlimits', [{ type: 'RLIMIT_CORE', hard: 0 }])],
    'process.rlimits[0].soft',
    /missing|required/,
  ],
  // namespaces and mappings
  ['a namespace nobody knows', [set('linux.namespaces[0].type', 'bogus')], 'linux.namespaces[0].type', /bogus/],
  ['a namespace without type', [set('linux.namespaces[0]', {})], 'linux.namespaces[0].type', /missing|required/],
  [
    'a namespace named like a member of objects',
    [set('linux.namespaces[0].type', 'constructor')],
    'linux.namespaces[0].type',
    /constructor/,
  ],
  [
    'a namespace twice',
    [change((config) => config.linux.namespaces.push({ type: 'uts' }))],
    'linux.namespaces[5]',
    /uts/,
  ],
  ['a namespace path relative', [namespace('uts', 'proc/self/ns/uts')], 'linux.namespaces[4].path', /absolute/],
  ['a namespace path empty', [namespace('uts', '')], 'linux.namespaces[4].path', /empty|absolute|""/],
  ['a user namespace without mappings', [namespace('user')], 'linux', /uidMappings|mapping/],
  [
    'mappings without a user namespace',
    [linux({ uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }] })],
    'linux.uidMappings',
    /user/,
  ],
  [
    'mappings that overlap',
    [
      userNamespace(),
      linux({
        uidMappings: [
          { containerID: 0, hostID: 1000, size: 10 },
          { containerID: 5, hostID: 5000, size: 10 },
        ],
      }),
    ],
    'linux.uidMappings[1]',
    /overlap/,
  ],
  [
    'a mapping of size 0',
    [userNamespace(), linux({ uidMappings: [{ containerID: 0, hostID: 1000, size: 0 }] })],
    'linux.uidMappings[0].size',
    /0/,
  ],
  [
    'timeOffsets without a time namespace',
    [linux({ timeOffsets: { boottime: { secs: 1 } } })],
    'linux.timeOffsets',
    /time/,
  ],
  [
    'timeOffsets of a clock nobody knows',
    [namespace('time'), linux({ timeOffsets: { realtime: { secs: 1 } } })],
    'linux.timeOffsets',
    /realtime/,
  ],
  // mounts
  ['mounts without a mount namespace', [withoutNamespace('mount'), userNamespace()], 'mounts', /mount namespace/],
  [
    'a mount without destination',
    [set('mounts[0].destination', undefined)],
    'mounts[0].destination',
    /missing|required/,
  ],
  ['a destination empty', [set('mounts[0].destination', '')], 'mounts[0].destination', /empty|""/],
  ['a destination with NUL', [set('mounts[0].destination', `/a${nul}b`)], 'mounts[0].destination', /NUL/i],
  ['a mount option that is null', [set('mounts[0].options', [null])], 'mounts[0].options[0]', /string/],
  [
    'a bind with an option of no mount',
    [mount({ destination: '/x', type: 'bind', source: '/tmp', options: ['bind', 'sizes'] })],
    'mounts[3].options[1]',
    /sizes/,
  ],
  ['a type missing without bind', [mount({ destination: '/x', source: 'x' })], 'mounts[3]', /type|bind/],
  ['a masked path relative', [linux({ maskedPaths: ['proc'] })], 'linux.maskedPaths[0]', /absolute/],
  ['a masked path of /', [linux({ maskedPaths: ['/'] })], 'linux.maskedPaths[0]', /\//],
  ['masked paths in a string', [set('linux.maskedPaths', '/proc')], 'linux.maskedPaths', /array/],
  ['a propagation nobody knows', [set('linux.rootfsPropagation', 'bogus')], 'linux.rootfsPropagation', /bogus/],
  // devices
  [
    'a device type nobody knows',
    [linux({ devices: [{ type: 'q', path: '/dev/x', major: 1, minor: 3 }] })],
    'linux.devices[0].type',
    /q/,
  ],
  [
    'a device number negative',
    [linux({ devices: [{ type: 'c', path: '/dev/x', major: -1, minor: 3 }] })],
    'linux.devices[0].major',
    /-1/,
  ],
  ['a device without numbers', [linux({ devices: [{ type: 'c', path: '/dev/x' }] })], 'linux.devices[0]', /major/],
  [
    'a device path relative',
    [linux({ devices: [{ type: 'c', path: 'dev/x', major: 1, minor: 3 }] })],
    'linux.devices[0].path',
    /absolute/,
  ],
  [
    'a rule for an access nobody knows',
    [linux({ resources: { devices: [{ allow: true, access: 'xyz' }] } })],
    'linux.resources.devices[0].access',
    /xyz/,
  ],
  [
    'a rule for a type nobody knows',
    [linux({ resources: { devices: [{ allow: true, type: 'zz', access: 'r' }] } })],
    'linux.resources.devices[0].type',
    /zz/,
  ],
  // kernel parameters
  [
    'a parameter of the whole machine',
    [linux({ sysctl: { 'kernel.core_pattern': 'x' } })],
    'linux.sysctl',
    /kernel\.core_pattern/,
  ],
  [
    'a parameter of a namespace that is not the container’s',
    [linux({ sysctl: { 'net.ipv4.ip_forward': '1' } }), withoutNamespace('network')],
    'linux.sysctl',
    /network/,
  ],
  ['a parameter that is a number', [set('linux.sysctl', { 'kernel.msgmax': 1 })], 'linux.sysctl', /string/],
  [
    'kernel.hostname beside hostname',
    [set('hostname', 'x'), linux({ sysctl: { 'kernel.hostname': 'y' } })],
    'linux.sysctl',
    /hostname/,
  ],
  // cgroup
  ['a cgroup of the root', [linux({ cgroupsPath: '/' })], 'linux.cgroupsPath', /root|\//],
  ['a cgroup above the root', [linux({ cgroupsPath: '/a/../../b' })], 'linux.cgroupsPath', /\.\./],
  // hooks
  ['a hook without path', [set('hooks', { createRuntime: [{}] })], 'hooks.createRuntime[0].path', /missing|required/],
  ['a hook path relative', [set('hooks', { poststop: [{ path: 'bin/true' }] })], 'hooks.poststop[0].path', /absolute/],
  [
    'a hook timeout of 0',
    [set('hooks', { createRuntime: [{ path: '/bin/true', timeout: 0 }] })],
    'hooks.createRuntime[0].timeout',
    /0/,
  ],
  [
    'a hook timeout that is a word',
    [set('hooks', { createRuntime: [{ path: '/bin/true', timeout: '1' }] })],
    'hooks.createRuntime[0].timeout',
    /integer|number/,
  ],
  // annotations
  ['an annotation that is a number', [set('annotations', { a: 1 })], 'annotations', /string/],
  ['an annotation without name', [set('annotations', { '': 'x' })], 'annotations', /empty|name|key/],
];

const documents: Row[] = [
  ['an empty file', [text('')], '', /empty/],
  ['null', [text('null')], '', /object/],
  ['an array', [text('[]')], '', /object/],
  ['a string', [text('"x"')], '', /object/],
  ['cut short', [editText((json) => json.slice(0, -20))], '', /expected|ends/],
  ['garbage after the end', [editText((json) => `${json} x`)], '', /end of the file/],
  ['a byte order mark', [editText((json) => `\ufeff${json}`)], '', /byte order mark|BOM/],
  ['UTF-16', [text(Buffer.from('{ "ociVersion": "1.0.2" }', 'utf16le'))], '', /UTF-16/],
  ['bytes that are not UTF-8', [text(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]))], '', /UTF-8/],
  ['a lone surrogate', [editText((json) => json.replace('"rootfs"', '"\\ud800"'))], '', /surrogate/],
  [
    'a property twice',
    [editText((json) => json.replace('"cwd": "/"', '"cwd": "/", "cwd": "/tmp"'))],
    'process.cwd',
    /twice|duplicate/,
  ],
  ['a comment', [editText((json) => `// comment\n${json}`)], '', /expected/],
  ['a trailing comma', [editText((json) => json.replace(/\}\s*$/, ',}'))], '', /comma/],
  ['NaN', [editText((json) => json.replace('"uid": 0', '"uid": NaN'))], '', /expected/],
  ['single quotes', [text("{'ociVersion': '1.0.2'}")], '', /double quotes/],
  ['nested a hundred thousand deep', [text('['.repeat(100_000))], '', /deep/],
];

/** Members of objects as property names are just unknown names. */
const harmless: [string, Part[]][] = [
  ['__proto__', [editText((json) => json.replace('{', '{ "__proto__": { "process": {} },'))]],
  ['constructor', [editText((json) => json.replace('{', '{ "constructor": { "prototype": {} },'))]],
  ['windows and solaris sections', [set('windows', { layerFolders: [] }), set('solaris', {})]],
  ['an unknown hook kind', [set('hooks', { bogusHook: [{ path: 'x' }] })]],
  ['env without =, empty, and twice', [set('process.env', ['A', '', '=x', 'B=1', 'B=2', 'PATH=/'])]],
  ['no mounts and no devices', [set('mounts', [])]],
];

async function nothingLeft(lab: Lab, before: string[]): Promise<void> {
  expect(lab.leftovers()).toEqual([]);
  expect(lab.mounts()).toEqual(before);
}

describe('the configuration', () => {
  for (const [group, rows] of [
    ['values', values],
    ['documents', documents],
  ] as const) {
    describe(group, () => {
      test.for(rows)('%s', async ([, parts, property, said], { lab }) => {
        const before = lab.mounts();
        const bundle = lab.bundle(...parts);
        const { result, pidFile } = await lab.tryCreate(bundle);
        const line = theLine(result);
        const place = `^tsrun: ${literally(join(bundle.dir, 'config.json'))}:\\d+:\\d+: `;
        expect(line).toMatch(new RegExp(property === '' ? place : `${place}${literally(property)}`));
        expect(line).toMatch(said);
        expect(existsSync(pidFile)).toBe(false);
        await nothingLeft(lab, before);
        // The same from validate, which does nothing but look.
        const validated = await lab.tsrun(['validate', '--bundle', bundle.dir]);
        expect(validated.code).toBe(1);
      });
    });
  }

  test.for(harmless)('is accepted: %s', async ([, parts], { lab }) => {
    (await lab.run([...parts, args('exit=0')])).expectCode(0);
  });

  test('the file is missing, a directory, a FIFO, a circle of links, out of reach', async ({ lab }) => {
    const kinds: [string, (path: string) => void | Promise<void>, RegExp][] = [
      ['missing', () => {}, /config\.json/],
      ['directory', (path) => mkdirSync(path), /directory|regular file/],
      [
        'fifo',
        async (path) => {
          (await call(['/usr/bin/mkfifo', path])).expectCode(0);
        },
        /regular file|FIFO/i,
      ],
      ['circle', (path) => symlinkSync(path, path), /link/],
      ['device', (path) => symlinkSync('/dev/zero', path), /regular file|device/i],
    ];
    for (const [kind, make, said] of kinds) {
      const { dir } = lab.bundle();
      const path = join(dir, 'config.json');
      unlinkSync(path);
      await make(path);
      const result = await lab.tsrun(['create', '--bundle', dir, lab.id()], { timeout: 10 });
      expect([kind, theLine(result)]).toEqual([kind, expect.stringMatching(said)]);
      expect(lab.leftovers()).toEqual([]);
    }
  });

  test('control characters and endless values in it do not reach the terminal', async ({ lab }) => {
    const nasty = `\x1b[31mred\x1b]0;title\x07\u202e${'x'.repeat(100_000)}\r\n`;
    for (const path of ['ociVersion', 'linux.rootfsPropagation', 'linux.namespaces[0].type', 'process.cwd']) {
      const { result } = await lab.tryCreate(lab.bundle(set(path, nasty)));
      expect(theLine(result)).toContain(path);
    }
  });
});

describe('what only the machine can refuse', () => {
  const rows: [string, Part[], RegExp][] = [
    [
      'a class of service without resctrl',
      [set('linux.intelRdt', { closID: 'x' })],
      /linux\.intelRdt: no resctrl file system/,
    ],
    ['a root that does not exist', [set('root.path', 'nothing')], /nothing/],
    ['a root that is a file', [set('root.path', 'config.json')], /config\.json/],
    [
      'a file system that does not exist',
      [mount({ destination: '/x', type: 'bogusfs', source: 'x' })],
      /mounts\[3\].*bogusfs|bogusfs.*mounts\[3\]/,
    ],
    ['a mount option of no file system', [tmpfs('/x', 'bogus=1')], /bogus/],
    ['a value the file system refuses', [tmpfs('/x', 'size=lots')], /size/],
    [
      'a source that does not exist',
      [mount({ destination: '/x', type: 'bind', source: '/no/such', options: ['bind'] })],
      /\/no\/such/,
    ],
    ['a destination longer than a path', [tmpfs(`/${'d/'.repeat(3000)}`)], /long/],
    ['a name longer than a name', [tmpfs(`/${'d'.repeat(300)}`)], /long/],
  ];
  test.for(rows)('%s', async ([, parts, said], { lab }) => {
    const before = lab.mounts();
    const { result } = await lab.tryCreate(lab.bundle(...parts));
    expect(theLine(result)).toMatch(said);
    await nothingLeft(lab, before);
  });
});

describe('the command line', () => {
  const anId = 'some-id';
  const rows: [string[], RegExp][] = [
    [['bogus'], /bogus/],
    [['creat', anId], /creat.*create/],
    [['--bogus', 'list'], /--bogus/],
    [['create', '--bundel', '/x', anId], /--bundel.*--bundle/],
    [['create'], /ID/],
    [['create', anId, 'another'], /another/],
    [['create', anId, '--bundle'], /--bundle|another|argument/],
    [['create', '--bundle', '/no/such/bundle', anId], /\/no\/such\/bundle/],
    [['create', '--preserve-fds', '-1', anId], /preserve-fds/],
    [['create', '--preserve-fds', '1e3', anId], /preserve-fds/],
    [['create', '--preserve-fds', '', anId], /preserve-fds/],
    [['create', '--preserve-fds', '99999999999', anId], /preserve-fds/],
    [['create', '--no-pivot=maybe', anId], /no-pivot/],
    [['start'], /ID/],
    [['state'], /ID/],
    [['state', ''], /id/i],
    [['state', '.'], /id/i],
    [['state', '..'], /id/i],
    [['state', '../x'], /id/i],
    [['state', 'a/b'], /id/i],
    [['state', ' '], /id/i],
    [['state', 'a\nb'], /id/i],
    [['state', 'é'], /id/i],
    [['state', '--', '-rf'], /id/i],
    [['state', 'x'.repeat(300)], /id/i],
    [['state', '\x1b[31m'], /id/i],
    [['state', '/etc'], /id/i],
    [['kill', anId, 'BOGUS'], /BOGUS/],
    [['kill', anId, '99'], /99/],
    [['kill', anId, '-5'], /5/],
    [['kill', anId, 'TERM', 'KILL'], /KILL/],
    [['delete'], /ID/],
    [['delete', '--forse', anId], /--forse.*--force/],
    [['list', '--format', 'xml'], /xml/],
    [['list', 'extra'], /extra/],
    [['--log-format', 'xml', 'list'], /xml/],
    [['--log-level', 'loud', 'list'], /loud/],
    [['--log', '', 'list'], /log/],
    [['--log'], /--log/],
    [['--cgroup-manager', 'magic', 'list'], /magic/],
    [['--systemd-cgroup', '--cgroup-manager', 'disabled', 'list'], /systemd/],
    [['--rootless', 'maybe', 'list'], /maybe/],
    [['--root', 'relative', 'list'], /--root.*relative/],
    [['--root', '/', 'list'], /--root/],
    [['--root', '/..', 'list'], /--root/],
    [['--root'], /--root/],
    [['explain', '--bundle', '/no/such'], /\/no\/such/],
    [['validate', '/no/such/file'], /\/no\/such\/file/],
  ];
  test.for(rows)('%j', async ([argv, said], { lab }) => {
    const root = lab.directory('state');
    const given = argv.includes('--root') ? argv : ['--root', root, ...argv];
    const result = await call([runtimePath, ...given], { cwd: lab.dir });
    expect(theLine(result)).toMatch(said);
    expect(readdirSync(root)).toEqual([]);
  });

  test.for(['a..b', '.hid', 'A_b+c.d-e', '0', 'x'.repeat(255)])('is an id: %s', async (id, { lab }) => {
    const result = await lab.tsrun(['state', id]);
    expect(theLine(result)).toContain('does not exist');
  });

  test('a file in the place of the state root', async ({ lab }) => {
    writeFileSync(lab.path('file'), '');
    const { dir } = lab.bundle();
    const result = await call([runtimePath, '--root', lab.path('file'), 'create', '--bundle', dir, lab.id()]);
    expect(theLine(result)).toContain(lab.path('file'));
  });

  test('an argument that is not UTF-8', async ({ lab }) => {
    const result = await call([
      '/bin/sh',
      '-c',
      `exec '${runtimePath}' --root '${lab.root}' state "$(printf 'a\\377b')"`,
    ]);
    theLine(result);
  });
});
