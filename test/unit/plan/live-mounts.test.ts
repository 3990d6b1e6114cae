/** Plans of `mounts add`: in which mount namespace sources are opened, and that errors are told by the mount that they are about. */
import { describe, expect, test } from 'vitest';
import { CLONE } from '../../../runtime/constants.ts';
import { joinSteps } from '../../../runtime/plan/exec.ts';
import { type LiveRequest, planAdd } from '../../../runtime/plan/live-mounts.ts';
import type { Step } from '../../../runtime/plan/types.ts';
import type { Config } from '../../../spec/config.ts';

const config: Config = {
  ociVersion: '1.3.0',
  root: { path: 'rootfs' },
  process: { args: ['x'], cwd: '/', user: { uid: 0, gid: 0 } },
  linux: { namespaces: [{ type: 'user' }, { type: 'mount' }] },
};
const root: Step = { operation: { op: 'rootDirectory', path: '/' }, from: 'root' };
const joins = (...kinds: ('user' | 'mount')[]): Step[] => {
  const flags = { user: CLONE.NEWUSER, mount: CLONE.NEWNS };
  const namespaces = kinds.map((type) => ({ type, flag: flags[type], inner: type === 'mount' }));
  return [...joinSteps({ namespaces, mapsRoot: true }), root];
};

function planned(clonesMounts: boolean, steps: Step[]): { ops: string[]; first: number } {
  const request: LiveRequest = { config, joins: steps, directory: '/here', cgroupDirectory: undefined, clonesMounts };
  const bind = (source: string, option: string) => ({ destination: '/to', source, options: [option] });
  const plan = planAdd([bind('a', 'bind'), { destination: '/t', type: 'tmpfs' }, bind('/b', 'rbind')], request);
  const ops = plan.steps.map(({ operation, from }) => {
    const more = operation.op === 'openSource' ? ` ${operation.path} ${operation.recursive ?? 0} ${from}` : '';
    return operation.op === 'bind' ? `bind ${operation.fd}` : `${operation.op}${more}`;
  });
  return { ops, first: plan.first };
}

const mounts = ['bind 0', 'mount', 'bind 1', 'done'];

describe('sources are opened', () => {
  test('by the host, where it may', () => {
    const { ops, first } = planned(true, joins('user', 'mount'));
    expect(ops).toEqual(['join', 'becomeRoot', 'join', 'rootDirectory', 'sync', ...mounts]);
    expect(first).toBe(5);
  });

  test('by init elsewhere: in the container’s user namespace, before it sees the container’s mounts', () => {
    const { ops, first } = planned(false, joins('user', 'mount'));
    expect(ops).toEqual([
      ...['join', 'becomeRoot', 'unshare', 'openSource /here/a 0 mounts[0]', 'openSource /b 1 mounts[2]'],
      ...['join', 'rootDirectory', ...mounts],
    ]);
    expect(first).toBe(7);
  });

  test('where the caller is in the container’s mount namespace already, in that', () => {
    const { ops } = planned(false, joins());
    expect(ops.slice(0, 4)).toEqual([
      'becomeRoot',
      'rootDirectory',
      'openSource /here/a 0 mounts[0]',
      'openSource /b 1 mounts[2]',
    ]);
    expect(ops).not.toContain('unshare');
  });
});
