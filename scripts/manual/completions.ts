/** Completions for bash, zsh and fish: commands, flags, the words of a choice, paths, and the ids of containers. */
import { type Command, type Flag, globals, table, takesContainer } from './table.ts';

/** Text between single quotes, for all three shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function names(flags: readonly Flag[]): string[] {
  return flags.flatMap(({ long, short }) => (short === undefined ? [long] : [long, short]));
}

/** The patterns of a bash `case` for the flags whose value completes in one way. */
function valueCases(flags: readonly Flag[], indent: string): string {
  return flags
    .filter(({ value }) => value !== undefined)
    .map((flag) => {
      const pattern = names([flag]).join('|');
      const words = flag.isPath
        ? 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$word"))'
        : `COMPREPLY=($(compgen -W ${quoted(flag.choices.join(' '))} -- "$word"))`;
      return `${indent}${pattern}) ${words}; return ;;\n`;
    })
    .join('');
}

function bashCommand(command: Command): string {
  const ids = takesContainer(command)
    ? '      COMPREPLY=($(compgen -W "$(tsrun list --quiet 2> /dev/null)" -- "$word")) ;;\n'
    : '      compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")) ;;\n';
  return `    ${command.name})
      case $before in
${valueCases(command.flags, '        ')}      esac
      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W ${quoted(names(command.flags).join(' '))} -- "$word")); return; fi
${ids}`;
}

/** For bash-completion: share/bash-completion/completions/tsrun. */
export function bashCompletion(): string {
  const takingValue = names(globals.filter(({ value }) => value !== undefined)).join('|');
  return `# bash completion for tsrun
_tsrun() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${takingValue}) ((i++)) ;;
      -*) ;;
      *) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $command in
    '')
      case $before in
${valueCases(globals, '        ')}      esac
      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W ${quoted(names(globals).join(' '))} -- "$word")); return; fi
      COMPREPLY=($(compgen -W ${quoted(table.map(({ name }) => name).join(' '))} -- "$word")) ;;
${table.map(bashCommand).join('')}  esac
}
complete -F _tsrun tsrun
`;
}

/** Text in an _arguments specification. */
function zshText(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, (character) => `\\${character}`);
}

function zshFlag(flag: Flag): string {
  const value =
    flag.value === undefined
      ? ''
      : `:${zshText(flag.value)}:${flag.isPath ? '_files' : flag.choices.length > 0 ? `(${flag.choices.join(' ')})` : ' '}`;
  const group = names([flag]);
  const exclusion = group.length > 1 ? `(${group.join(' ')})` : '';
  return group.map((name) => quoted(`${exclusion}${name}[${zshText(flag.help)}]${value}`)).join(' ');
}

function zshCommand(command: Command): string {
  const rest = takesContainer(command)
    ? quoted('1:container:($(tsrun list --quiet 2> /dev/null))')
    : command.args.length > 0
      ? quoted('*:argument:_files')
      : '';
  return `        ${command.name}) _arguments ${command.flags.map(zshFlag).join(' ')} ${rest} ;;\n`;
}

/** For zsh: share/zsh/site-functions/_tsrun. */
export function zshCompletion(): string {
  const described = table.map(({ name, summary }) => quoted(`${name}:${summary}`)).join(' ');
  return `#compdef tsrun
_tsrun() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C ${globals.map(zshFlag).join(' ')} '1:command:->command' '*::argument:->arguments'
  case $state in
    command)
      local -a commands=(${described})
      _describe command commands ;;
    arguments)
      case $words[1] in
${table.map(zshCommand).join('')}      esac ;;
  esac
}
_tsrun "$@"
`;
}

function fishFlag(flag: Flag, condition: string): string {
  const parts = [`complete -c tsrun -n ${quoted(condition)}`, `-l ${flag.long.slice(2)}`];
  if (flag.short !== undefined) parts.push(`-s ${flag.short.slice(1)}`);
  if (flag.value !== undefined) parts.push(flag.isPath ? '-rF' : '-x');
  if (flag.choices.length > 0) parts.push(`-a ${quoted(flag.choices.join(' '))}`);
  return `${parts.join(' ')} -d ${quoted(flag.help)}\n`;
}

function fishCommand(command: Command): string {
  const condition = `__fish_seen_subcommand_from ${command.name}`;
  const ids = takesContainer(command)
    ? `complete -c tsrun -n ${quoted(condition)} -f -a ${quoted('(tsrun list --quiet 2> /dev/null)')}\n`
    : '';
  return command.flags.map((flag) => fishFlag(flag, condition)).join('') + ids;
}

/** For fish: share/fish/vendor_completions.d/tsrun.fish. */
export function fishCompletion(): string {
  const none = '__fish_use_subcommand';
  const listed = table.map(
    ({ name, summary }) => `complete -c tsrun -n ${quoted(none)} -f -a ${name} -d ${quoted(summary)}\n`,
  );
  return [
    '# fish completion for tsrun\n',
    ...globals.map((flag) => fishFlag(flag, none)),
    ...listed,
    ...table.map(fishCommand),
  ].join('');
}
