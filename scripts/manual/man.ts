/** The manual page, tsrun(8), in the man(7) macros. */
import { argWord, type Command, type Flag, globals, table } from './table.ts';

/** Text as roff takes it: no control lines, no escapes, dashes that can be copied. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}

function flagEntry({ short, long, value, choices, help }: Flag): string {
  const names = [short, long].filter((name) => name !== undefined).map((name) => `\\fB${roff(name)}\\fR`);
  const shown = value === undefined ? '' : ` \\fI${roff(value)}\\fR`;
  const words = choices.length === 0 ? '' : `: ${choices.join(', ')}`;
  return `.TP\n${names.join(', ')}${shown}\n${roff(help + words)}\n`;
}

function commandSection(command: Command): string {
  const { name, summary, details, flags, args } = command;
  const words = args.map((arg) => ` \\fI${roff(argWord(arg))}\\fR`).join('');
  return [
    `.SS ${roff(name)}\n\\fBtsrun ${roff(name)}\\fR [flags]${words}\n.PP\n`,
    `${roff(`${summary[0]?.toUpperCase()}${summary.slice(1)}.${details === undefined ? '' : ` ${details}`}`)}\n`,
    ...flags.filter(({ long }) => long !== '--help').map(flagEntry),
  ].join('');
}

/** The page. It bears no date, so that the same sources give the same file. */
export function manualPage(version: string): string {
  return `.TH TSRUN 8 "" "tsrun ${roff(version)}" "System Administration"
.SH NAME
tsrun \\- an OCI container runtime
.SH SYNOPSIS
\\fBtsrun\\fR [global flags] \\fICOMMAND\\fR [flags] [arguments]
.SH DESCRIPTION
tsrun makes containers from bundles: a directory with a
.I config.json
and a root file system, as the Open Container Initiative's runtime specification describes them. Engines such as podman, containerd, Docker and
CRI\\-O call it; so can people. \\fBtsrun explain\\fR tells what \\fBtsrun create\\fR would do, and does nothing.
.SH GLOBAL FLAGS
${globals.map(flagEntry).join('')}.SH COMMANDS
${table.map(commandSection).join('')}.SH EXIT STATUS
.TP
0
success
.TP
1
an error, told in one sentence on standard error
.TP
255
.B exec
could not run the program
.TP
128 + \\fIN\\fR
signal \\fIN\\fR (SIGHUP, SIGINT, SIGQUIT or SIGTERM) ended the command while it waited: for the container's first process, a hook or another command
.PP
\\fBrun\\fR and \\fBexec\\fR end with the status of the program, or 128 and the number of the signal that ended it.
Switches of one letter may be joined: \\fB-td\\fR is \\fB-t -d\\fR.
.SH FILES
.TP
.I /run/tsrun
the state of root's containers; \\fI$XDG_RUNTIME_DIR/tsrun\\fR for other users
.SH SEE ALSO
.BR podman (1),
.BR containerd (8),
.BR namespaces (7),
.BR cgroups (7)
`;
}
