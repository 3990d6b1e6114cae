import { describe, expect, test } from 'vitest';
import { selectProcesses } from '../../runtime/process-table.ts';

const full = `UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 18:00 ?        00:00:01 /sbin/init
root         101       1  0 18:01 ?        00:00:00 sleep 102
nobody       102     101  0 18:01 ?        00:00:00 sh -c sleep 101
`;

describe('rows of ps', () => {
  test('heading and rows of the container', () => {
    expect(selectProcesses(full, [102])).toBe(
      'UID          PID    PPID  C STIME TTY          TIME CMD\nnobody       102     101  0 18:01 ?        00:00:00 sh -c sleep 101\n',
    );
  });

  test('in the order of ps', () => {
    expect(selectProcesses(full, [102, 101])?.split('\n').slice(1, 3)).toEqual([
      'root         101       1  0 18:01 ?        00:00:00 sleep 102',
      'nobody       102     101  0 18:01 ?        00:00:00 sh -c sleep 101',
    ]);
  });

  test('the heading alone where no process is there', () => {
    expect(selectProcesses(full, [])).toBe('UID          PID    PPID  C STIME TTY          TIME CMD\n');
  });

  test('the pid last, after a column with blanks', () => {
    const table = 'COMMAND                 PID\ntmux: server 7          101\nsleep                     7\n';
    expect(selectProcesses(table, [101])).toBe('COMMAND                 PID\ntmux: server 7          101\n');
  });

  test('after a date', () => {
    const table =
      '                 STARTED     PID\nSun Nov 22 18:01:02 2026     101\nSun Nov 22 18:01:02 2026      22\n';
    expect(selectProcesses(table, [22])).toBe('                 STARTED     PID\nSun Nov 22 18:01:02 2026      22\n');
  });

  test('a ps that aligns numbers otherwise', () => {
    const table = 'PID   USER     TIME  COMMAND\n    1 root      0:00 init\n  101 root      0:00 sleep 1\n';
    expect(selectProcesses(table, [101])).toBe('PID   USER     TIME  COMMAND\n  101 root      0:00 sleep 1\n');
  });

  test.each(['', '\n', 'PPID CMD\n1 x\n', '101\n102\n'])('no column of pids: %j', (table) => {
    expect(selectProcesses(table, [101])).toBeUndefined();
  });
});
