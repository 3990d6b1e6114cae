import { describe, expect, it } from 'vitest';
import { behind, type Recorded } from '../conformance/results.ts';
import { best, verdictOf } from '../conformance/verdict.ts';

const header = 'TAP version 13\n';

describe('the verdict on a program of the validation suite', () => {
  it.each([
    ['ok', 0, `${header}ok 1 - a\nok 2 - b\n1..2\n`],
    ['ok', 0, `${header}1..0\n`],
    ['ok', 0, `${header}not ok 1 - known # TODO\nok 2 - b\n1..2\n`],
    ['ok', 0, `${header}ok 1 # SKIP a\nok 2 - b\n1..2\n`],
    ['skipped', 0, `${header}1..1\nok 1 # SKIP no such thing here\n`],
    ['not ok', 0, `${header}ok 1 - a\nnot ok 2 - b\n1..2\n`],
    ['not ok', 1, `${header}ok 1 - a\n1..1\n`],
    // A life cycle that failed: no result at all, and exit status 0.
    ['not ok', 0, `${header}  ---\n  {"error":"exit status 1"}\n  ...\n1..0\n`],
    ['ok', 0, `${header}ok 1 - a\n  ---\n  {"error":"as it should"}\n  ...\n1..1\n`],
  ])('%s: status %i, %j', (verdict, status, text) => {
    expect(verdictOf({ status, text })).toBe(verdict);
  });

  it('of a race is the best of its runs', () => {
    expect(best(['not ok', 'ok', 'not ok'])).toBe('ok');
    expect(best(['not ok', 'skipped'])).toBe('not ok');
  });
});

describe('what tsrun must not fail', () => {
  const runs = (own: string, crun: string, runc = 'not ok'): Recorded[string] => {
    const run = (verdict: string) => ({
      version: '1',
      programs: { mounts: verdict, prestart: verdict, pidfile: verdict } as Record<string, 'ok' | 'not ok' | 'skipped'>,
    });
    return { tsrun: run(own), crun: run(crun), runc: run(runc) };
  };

  it.each([
    ['ok', 'ok', 'ok', []],
    ['not ok', 'not ok', 'not ok', []],
    // prestart contradicts the specification.
    ['not ok', 'ok', 'not ok', ['mounts', 'pidfile']],
    ['skipped', 'not ok', 'ok', ['mounts', 'pidfile']],
    ['not ok', 'skipped', 'not ok', ['mounts', 'pidfile']],
    ['skipped', 'skipped', 'skipped', []],
  ])('%s beside %s and %s', (own, crun, runc, expected) => {
    expect(behind(runs(own, crun, runc), 'beside')).toEqual(expected);
  });

  it('is no race that somebody won another day', () => {
    expect(behind(runs('not ok', 'ok'), 'recorded')).toEqual(['mounts']);
  });
});
