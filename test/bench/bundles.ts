/**
 * The bundles of the benchmark: one program that ends at once, without and with podman's seccomp profile, and one that stays.
 *
 *   bun test/bench/bundles.ts DIRECTORY
 *
 * DIRECTORY has the programs in `rootfs`; it receives `plain`, `profiled` and `paused`, whose root file system that is.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { type EngineProfile, seccompOf } from '../../runtime/seccomp/engine-profile.ts';
import type { Config } from '../../spec/config.ts';

/** Where podman's package puts its default profile. */
const PODMAN_PROFILE = '/usr/share/containers/seccomp.json';

const [directory = '.'] = process.argv.slice(2);
const plain = JSON.parse(readFileSync(join(import.meta.dirname, 'config.json'), 'utf8')) as Config;

/** The profile as podman makes `linux.seccomp` of it, for the capabilities of the container. */
function podmanSeccomp() {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return seccompOf(JSON.parse(readFileSync(PODMAN_PROFILE, 'utf8')) as EngineProfile, {
    capabilities: plain.process?.capabilities?.bounding ?? [],
    architecture: process.arch === 'x64' ? 'SCMP_ARCH_X86_64' : 'SCMP_ARCH_AARCH64',
    kernel: [major, minor],
  }).seccomp;
}

function write(name: string, config: object): void {
  mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(
    join(directory, name, 'config.json'),
    JSON.stringify({ ...config, root: { path: '../rootfs', readonly: true } }),
  );
}

write('plain', plain);
write('paused', { ...plain, process: { ...plain.process, args: ['/pause'] } });
write('profiled', { ...plain, linux: { ...plain.linux, seccomp: podmanSeccomp() } });
