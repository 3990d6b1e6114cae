import { describe, expect, test } from 'vitest';
import { renderList, renderState, type StateReport } from '../../runtime/render.ts';

const running: StateReport = {
  ociVersion: '1.3.0',
  id: 'web',
  pid: 4711,
  status: 'running',
  bundle: '/bundles/web',
  rootfs: '/bundles/web/rootfs',
  created: '2026-01-02T03:04:05.678Z',
  owner: 'root',
};
const stopped: StateReport = { ...running, id: 'a-longer-name', pid: 0, status: 'stopped', annotations: { k: 'v' } };

describe('state', () => {
  test('is JSON with what callers read', () => {
    expect(JSON.parse(renderState(stopped))).toStrictEqual(stopped);
    expect(renderState(running)).toMatch(/^\{\n {2}"ociVersion": "1.3.0",\n {2}"id": "web",\n {2}"pid": 4711,/);
    expect(renderState(running).endsWith('}\n')).toBe(true);
  });

  test('has no annotations where there are none', () => {
    expect(renderState(running)).not.toContain('annotations');
  });

  test('shows nothing that is not of it', () => {
    expect(renderState({ ...running, secret: 'x' } as StateReport)).not.toContain('secret');
  });
});

describe('list', () => {
  test('table', () => {
    expect(renderList([running, stopped], 'table')).toBe(
      [
        'ID              PID         STATUS      BUNDLE         CREATED                    OWNER',
        'web             4711        running     /bundles/web   2026-01-02T03:04:05.678Z   root',
        'a-longer-name   0           stopped     /bundles/web   2026-01-02T03:04:05.678Z   root',
        '',
      ].join('\n'),
    );
  });

  test('table of nothing is its heading', () => {
    expect(renderList([], 'table')).toBe('ID          PID         STATUS      BUNDLE      CREATED     OWNER\n');
  });

  test('a bundle cannot move the cursor or break the line', () => {
    const text = renderList([{ ...running, bundle: '/a\n\x1b[2J' }], 'table');
    expect(text.split('\n')).toHaveLength(3);
    expect(text).toContain('/a\\n\\x1b[2J');
  });

  test('json is an array, of nothing too', () => {
    expect(JSON.parse(renderList([running, stopped], 'json'))).toStrictEqual([running, stopped]);
    expect(renderList([], 'json')).toBe('[]\n');
  });

  test('quiet is ids', () => {
    expect(renderList([running, stopped], 'quiet')).toBe('web\na-longer-name\n');
    expect(renderList([], 'quiet')).toBe('');
  });
});
