/** root's podman beyond one container, each time with crun and with tsrun: networks, pods, `kube play` and `build`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { until } from '../../../e2e/harness/kernel.ts';
import { patiently, seen, useEngines } from '../../podman.ts';
import { sections, telling } from '../../podman-facts.ts';

const engines = useEngines();

const serving = 'mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www';
const fetching = 'until wget -q -O - http://127.0.0.1:8080/ 2>/dev/null; do sleep 0.2; done';

describe('a bridge', patiently, () => {
  test('a container has an address, is reached at it, and at the port that is published', async () => {
    const facts = await engines.inTurn(async (podman) => {
      const options = ['--network', 'bridge', '--publish', '127.0.0.1:18081:8080', '--hostname', 'served'];
      await podman.told('run', '--detach', '--name', 'web', ...options, 'bb', 'sh', '-c', serving);
      const address = await podman.inspect('web', '{{.NetworkSettings.IPAddress}}');
      const answerOf = async (url: string): Promise<string> => {
        let answer = '';
        const ask = async (): Promise<boolean> => {
          try {
            answer = await (await fetch(url)).text();
          } catch {
            return false; // it does not listen yet
          }
          return true;
        };
        await until(`${url} answers`, ask, 60);
        return answer;
      };
      const direct = await answerOf(`http://${address}:8080/`);
      const published = await answerOf('http://127.0.0.1:18081/');
      const script = `wget -q -O - http://${address}:8080/; ip -o link | wc -l; ip route | cut -d' ' -f1,4,5`;
      const other = await podman.do('run', '--rm', '--network', 'bridge', 'bb', 'sh', '-c', script);
      const port = await podman.told('port', 'web');
      (await podman.do('rm', '--force', '--time', '0', 'web')).expectCode(0);
      const stdout = other.stdout.replaceAll(/10\.9[01]\./g, '10.');
      return { direct, published, other: { code: other.code, stdout, stderr: other.stderr }, port };
    });
    expect(facts).toMatchObject({ direct: 'served\n', published: 'served\n', port: '8080/tcp -> 127.0.0.1:18081' });
    expect(facts.other).toMatchObject({ code: 0, stdout: expect.stringMatching(/^served\n2\n/) });
  });
});

describe('a pod', patiently, () => {
  test('its containers share what they are to, and live and end together', async () => {
    const facts = await engines.alike(async (podman) => {
      const shared = ['--share', 'net,ipc,uts,pid', '--network', 'none', '--hostname', 'inthepod'];
      await podman.told('pod', 'create', '--name', 'pod', ...shared);
      await podman.told('run', '--detach', '--pod', 'pod', '--name', 'web', 'bb', 'sh', '-c', serving);
      const script = telling({
        hostname: 'hostname',
        fetched: fetching,
        processes: 'ps -o comm | grep -E "httpd|catatonit" | sort',
        mounts: 'ls -d /www',
        cgroup: 'cat /proc/self/cgroup',
      });
      const other = await podman.do('run', '--rm', '--pod', 'pod', '--memory', '32m', 'bb', 'sh', '-c', script);
      const states = async (): Promise<string> => {
        const all = JSON.parse(await podman.told('ps', '--all', '--format', 'json')) as { State: string }[];
        return all.map(({ State }) => State).join('\n');
      };
      const before = await states();
      (await podman.do('pod', 'pause', 'pod')).expectCode(0);
      const paused = await states();
      (await podman.do('pod', 'unpause', 'pod')).expectCode(0);
      const back = await podman.told('pod', 'inspect', '--format', '{{.State}} {{.NumContainers}}', 'pod');
      (await podman.do('pod', 'stop', '--time', '1', 'pod')).expectCode(0);
      const stopped = await states();
      const removed = await podman.do('pod', 'rm', 'pod');
      return {
        other: { code: other.code, stderr: other.stderr, ...sections(other.stdout) },
        ...{ before, paused, back, stopped, removed: removed.code },
      };
    });
    expect(facts.other).toMatchObject({ code: 0, stderr: '', hostname: 'inthepod', fetched: 'inthepod' });
    expect(facts).toMatchObject({ before: 'running\nrunning', paused: 'paused\npaused', removed: 0 });
  });

  test('kube play, and down', async () => {
    const facts = await engines.alike(async (podman) => {
      const volume = podman.directory('kube');
      const file = join(podman.dir, 'pod.yaml');
      const container = (name: string, script: string, more: object) => ({
        name,
        image: 'localhost/bb:latest',
        imagePullPolicy: 'Never',
        command: ['/bin/sh', '-c', script],
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
        ...more,
      });
      const limits = { resources: { limits: { memory: '33554432', cpu: '0.5' } } };
      const security = {
        securityContext: { runAsUser: 1234, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      };
      const script = `${telling({
        ids: 'id -u',
        root: 'touch /x',
        caps: 'grep CapBnd /proc/self/status',
        env: 'echo $GIVEN',
        values: 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max',
        fetched: fetching,
        end: 'true',
      })}`;
      const env = { env: [{ name: 'GIVEN', value: 'value' }] };
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'kube' },
        spec: {
          restartPolicy: 'Never',
          hostname: 'kubed',
          volumes: [{ name: 'shared', hostPath: { path: volume, type: 'Directory' } }],
          containers: [
            container('web', `echo web > /shared/web; ${serving}`, {}),
            container('other', script, { ...limits, ...security, ...env }),
          ],
        },
      };
      // JSON is YAML.
      writeFileSync(file, JSON.stringify(pod));
      (await podman.do('kube', 'play', '--network', 'none', file)).expectCode(0);
      const waited = await podman.told('wait', 'kube-other');
      const told = sections(await podman.told('logs', 'kube-other'));
      const web = readFileSync(join(volume, 'web'), 'utf8');
      const down = await podman.do('kube', 'down', file);
      const left = await podman.told('ps', '--all', '--quiet');
      return { waited, told, web, down: down.code, left };
    });
    expect(facts).toMatchObject({ waited: '0', web: 'web\n', down: 0, left: '' });
    expect(facts.told).toMatchObject({
      ...{ ids: '1234', env: 'value', values: '33554432\n50000 100000', fetched: 'kubed' },
      caps: 'CapBnd:\t0000000000000000',
    });
  });
});

describe('build', patiently, () => {
  test('each RUN is a container of the runtime, and the image has what they made', async () => {
    const facts = await engines.alike(async (podman) => {
      const context = podman.directory('context');
      mkdirSync(join(context, 'files'), { recursive: true });
      writeFileSync(join(context, 'files/given'), 'given\n');
      const lines = [
        'FROM localhost/bb',
        'ARG WORD=none',
        'ENV NAME=value',
        'COPY files /files',
        'WORKDIR /work',
        `RUN ${telling({ env: 'echo $NAME $WORD; pwd; id -u', status: 'grep -E "^(CapBnd|CapEff|Seccomp:)" /proc/self/status' })}`,
        'RUN cat /files/given > made; mkdir -p /own && chown 1234:5678 /own',
        'RUN --mount=type=tmpfs,target=/scratch echo scratch > /scratch/x && stat -f -c %T /scratch',
        'USER somebody',
        'RUN id -u > /own/user; ls /scratch | wc -l',
        'CMD cat /work/made /own/user',
      ];
      writeFileSync(join(context, 'Containerfile'), `${lines.join('\n')}\n`);
      const options = [
        ...['--layers=false', '--network', 'none', '--build-arg', 'WORD=word'],
        ...['--cap-drop', 'CAP_SETFCAP', '--memory', '64m'],
      ];
      const build = await podman.do('build', ...options, '--tag', 'built', context);
      build.expectCode(0);
      const printed = build.stdout
        .split('\n')
        .filter((line) => !/^(STEP|--> |COMMIT|Successfully|[0-9a-f]{64}$)/.test(line));
      const run = await podman.do('run', '--rm', '--network', 'none', 'built');
      writeFileSync(join(context, 'Containerfile'), 'FROM localhost/bb\nRUN echo to its end; exit 7\n');
      const failing = await podman.do('build', '--layers=false', '--network', 'none', context);
      return { code: build.code, printed, run: seen(run), failing: failing.code };
    });
    expect(facts.run).toEqual({ code: 0, stdout: 'given\n1234\n', stderr: '' });
    expect(facts.code).toBe(0);
    expect(facts.printed).toEqual(expect.arrayContaining(['value word', '/work', '0', 'tmpfs']));
    expect(facts.failing).not.toBe(0);
  });
});
