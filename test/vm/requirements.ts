/** What the guest is made of on this host: the kernel, its initramfs, the disks. Made once, kept in build/vm. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

/** A machine that cannot run the guest; its message says what to install or where to go. */
export class Unfit extends Error {}

export const harness: string = import.meta.dirname;
export const repository: string = resolve(harness, '../..');

const store = join(repository, 'build/vm');

export interface Parts {
  /** Files. */
  kernel: string;
  initramfs: string;
  /** An ext4 file system of 64 MiB, and 128 MiB of swap. */
  disk: string;
  swap: string;
}

/** The newest kernel with modules for a root on 9p, or the one that `TSRUN_VM_KERNEL` names (as in `6.1.0-9-amd64`). */
function kernelVersion(): string {
  const wanted = process.env.TSRUN_VM_KERNEL;
  const versions = existsSync('/lib/modules') ? readdirSync('/lib/modules') : [];
  const fit = versions
    .filter((version) => existsSync(`/boot/vmlinuz-${version}`) && existsSync(`/lib/modules/${version}/kernel/fs/9p`))
    .filter((version) => wanted === undefined || version === wanted)
    .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  const newest = fit.at(-1);
  if (newest === undefined) {
    throw new Unfit(
      wanted === undefined
        ? 'no kernel in /boot has the modules for 9p: install linux-image-amd64 (a -cloud- kernel lacks them)'
        : `TSRUN_VM_KERNEL: no /boot/vmlinuz-${wanted} with modules for 9p in /lib/modules/${wanted}`,
    );
  }
  try {
    accessSync(`/boot/vmlinuz-${newest}`, constants.R_OK);
  } catch {
    throw new Unfit(`/boot/vmlinuz-${newest} cannot be read: run this as root, or make it readable`);
  }
  return newest;
}

/** Whether `target` is missing or older than one of `sources`. */
function stale(target: string, ...sources: string[]): boolean {
  return !existsSync(target) || sources.some((source) => statSync(source).mtimeMs > statSync(target).mtimeMs);
}

/** Makes a file of a size in MiB, formatted by `command`; never leaves a half-made one. */
function image(path: string, mebibytes: number, ...command: [string, ...string[]]): string {
  if (!existsSync(path)) {
    const unfinished = `${path}.${process.pid}`;
    writeFileSync(unfinished, '');
    truncateSync(unfinished, mebibytes * 1024 * 1024);
    try {
      const [tool, ...args] = command;
      execFileSync(tool, [...args, unfinished], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      });
      renameSync(unfinished, path);
    } finally {
      rmSync(unfinished, { force: true });
    }
  }
  return path;
}

/**
 * The kernel without its compression, which costs the emulated machine seconds: the payload of a bzImage, as its header
 * says (Documentation/arch/x86/boot.rst). The kernel as it is, where that does not work out.
 */
function unpackedKernel(kernel: string, target: string): string {
  if (!stale(target, kernel)) return target;
  const image = readFileSync(kernel);
  const start = ((image[0x1f1] || 4) + 1) * 512 + image.readUInt32LE(0x248);
  // The last four bytes are the length of the unpacked kernel.
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
  const magic = payload.subarray(0, 4).toString('hex');
  const tool = Object.entries({ fd377a58: 'xz', '28b52ffd': 'zstd', '1f8b': 'gzip', '0221': 'lz4' }).find(([start]) =>
    magic.startsWith(start),
  )?.[1];
  if (tool === undefined) return kernel;
  const unpacked = spawnSync(tool, ['-dc'], { input: payload, maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'ignore'] });
  if (unpacked.status !== 0 || unpacked.stdout.subarray(1, 4).toString() !== 'ELF') return kernel;
  const unfinished = `${target}.${process.pid}`;
  writeFileSync(unfinished, unpacked.stdout);
  renameSync(unfinished, target);
  return target;
}

/** Checks the host and makes what is missing or out of date. */
export function prepare(): Parts {
  if (process.arch !== 'x64') {
    throw new Unfit(`the guest runs on x86-64 hosts only, and this one is ${process.arch}`);
  }
  const version = kernelVersion();
  const kernel = `/boot/vmlinuz-${version}`;
  mkdirSync(store, { recursive: true });
  const initramfs = join(store, `initramfs-${version}.gz`);
  const script = join(harness, 'initramfs.sh');
  if (stale(initramfs, script, join(harness, 'guest/init'), kernel)) {
    execFileSync('sh', [script, version, initramfs], { stdio: ['ignore', 'inherit', 'inherit'] });
  }
  return {
    kernel: unpackedKernel(kernel, join(store, `vmlinux-${version}`)),
    initramfs,
    disk: image(join(store, 'disk.ext4'), 64, 'mkfs.ext4', '-q', '-F'),
    swap: image(join(store, 'disk.swap'), 128, 'mkswap'),
  };
}
