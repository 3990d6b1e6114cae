/**
 * Turns native/plan.def into runtime/generated/wire.ts and docs/wire-format.md.
 * With `--check` writes nothing and fails where a file differs from what it would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Operation {
  name: string;
  number: number;
  call: string;
  strings: string[];
  numbers: string[];
  lists: string[];
  does: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const source = readFileSync(`${root}native/plan.def`, 'utf8');
const camel = (name: string) => name.toLowerCase().replace(/_(.)/g, (_, c: string) => c.toUpperCase());
const names = (text: string) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);

const operations: Operation[] = [];
const groups: Record<string, { name: string; number: number; does: string }[]> = {
  POINT: [],
  MESSAGE: [],
  DESCRIPTOR: [],
  MOUNT_FLAG: [],
};
for (const line of source.split('\n')) {
  const op = /^OP\((\w+), (\d+), "([^"]+)", \(([^)]*)\), \(([^)]*)\), \(([^)]*)\)\)\s*\/\/ (.*)$/.exec(line);
  if (op) {
    const [, name = '', number, call = '', strings = '', numbers = '', lists = '', does = ''] = op;
    operations.push({
      name: camel(name),
      number: Number(number),
      call,
      strings: names(strings),
      numbers: names(numbers),
      lists: names(lists),
      does,
    });
    continue;
  }
  const entry = /^(POINT|MESSAGE|DESCRIPTOR|MOUNT_FLAG)\((\w+), (\d+)\)\s*\/\/ (.*)$/.exec(line);
  if (entry) {
    const [, group = '', name = '', number, does = ''] = entry;
    groups[group]?.push({ name, number: Number(number), does });
  } else if (/^[A-Z_]+\(/.test(line)) {
    throw new Error(`native/plan.def: cannot read: ${line}`);
  }
}
for (const entries of [operations, ...Object.values(groups)]) {
  const numbers = new Set(entries.map((entry) => entry.number));
  if (numbers.size !== entries.length) throw new Error('native/plan.def: a number is used twice');
}

const plain = (name: string) => name.replace(/\?$|\[.*\]$/, '');
const field = (name: string, type: string) => `${plain(name)}${name.endsWith('?') ? '?' : ''}: ${type}`;
const fields = (op: Operation) => [
  `op: '${op.name}'`,
  ...op.strings.map((name) => field(name, name.endsWith('?') ? 'string | undefined' : 'string')),
  ...op.numbers.map((name) => field(name, name.endsWith('?') ? 'number | bigint | undefined' : 'number | bigint')),
  ...op.lists.map((name) =>
    field(name, name.endsWith('[u32]') ? 'readonly number[] | Uint32Array' : 'readonly string[]'),
  ),
];
const quoted = (list: string[]) => `[${list.map((name) => `'${name}'`).join(', ')}]`;
const constants = (name: string, comment: string, group: string) =>
  `/** ${comment} */\nexport const ${name} = {\n${(groups[group] ?? [])
    .map((entry) => `  /** ${entry.does} */\n  ${entry.name}: ${entry.number},\n`)
    .join('')}} as const;\n`;

const typescript = `// Generated from native/plan.def by scripts/generate-wire.ts: change that file and run \`npm run generate\`.

/** One operation of init. */
export type Operation =
${operations.map((op) => `  /** ${op.does} */\n  | { ${fields(op).join('; ')} }`).join('\n')};

/** The shape of an operation on the wire. */
export interface OperationShape {
  kind: number;
  /** The system call behind it. */
  call: string;
  /** What it does, for people. */
  does: string;
  strings: readonly string[];
  numbers: readonly string[];
  lists: readonly string[];
  /** Whether the list holds 32-bit numbers instead of strings. */
  numericList: boolean;
}

export const OPERATIONS: { readonly [name in Operation['op']]: OperationShape } = {
${operations
  .map(
    (op) =>
      `  ${op.name}: {\n    kind: ${op.number},\n    call: '${op.call}',\n    does: ${JSON.stringify(op.does)},\n    strings: ${quoted(op.strings.map(plain))},\n    numbers: ${quoted(op.numbers.map(plain))},\n    lists: ${quoted(op.lists.map(plain))},\n    numericList: ${op.lists.some((name) => name.endsWith('[u32]'))},\n  },`,
  )
  .join('\n')}
};

${constants('POINT', 'Points at which init waits for the host.', 'POINT')}
${constants('MESSAGE', 'Types of messages between the host and init.', 'MESSAGE')}
${constants('DESCRIPTOR', 'The descriptors that init starts with.', 'DESCRIPTOR')}
${constants('MOUNT_FLAG', 'Flags of the mount operations.', 'MOUNT_FLAG')}`;

const section = (title: string, group: string) =>
  `## ${title}\n\n| name | number | |\n|---|---|---|\n${(groups[group] ?? [])
    .map((entry) => `| \`${entry.name}\` | ${entry.number} | ${entry.does} |\n`)
    .join('')}\n`;
const markdown = `# The plan on the wire

Generated from \`native/plan.def\`; \`tsrun explain\` shows a plan in words.

A plan is a header of eight 32-bit numbers (magic \`TCPL\`, version, total size, number of operations, offset and size of
the pool, number of preserved and of inherited descriptors), a record for each operation, and a pool of bytes, all little endian.
A record is 104 bytes: kind (u32), 4 string offsets into the pool (u32, 0xffffffff: absent), a reserved zero (u32), 8 numbers (i64), 2 lists
(offset u32, count u32). Strings end in a zero byte. init checks every offset and refuses trailing bytes.

## Operations

| operation | number | system call | strings | numbers | lists | what init does |
|---|---|---|---|---|---|---|
${operations
  .map((op) => {
    const cell = (list: string[]) => list.map((name) => `\`${name}\``).join(' ') || '–';
    return `| \`${op.name}\` | ${op.number} | ${op.call} | ${cell(op.strings)} | ${cell(op.numbers)} | ${cell(op.lists)} | ${op.does} |`;
  })
  .join('\n')}

${section('Points at which init waits for the host', 'POINT')}${section('Messages', 'MESSAGE')}${section('Descriptors of init', 'DESCRIPTOR')}${section('Flags of the mount operations', 'MOUNT_FLAG')}`;

const check = process.argv.includes('--check');
for (const [path, content] of [
  ['runtime/generated/wire.ts', typescript],
  ['docs/wire-format.md', `${markdown.trimEnd()}\n`],
] as const) {
  if (!check) writeFileSync(root + path, content);
  else if (readFileSync(root + path, 'utf8') !== content)
    throw new Error(`${path} is out of date: run \`npm run generate\``);
}
