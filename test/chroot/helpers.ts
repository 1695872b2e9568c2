/*
 * A chroot that holds ARM programs only, and a bundle of this machine's shared qemu-arm in it.
 */
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {
  formatManifest,
  type Manifest,
  type ManifestFile,
  type ManifestRole,
} from '../../src/bundle/manifest.js';
import {pathOf} from '../helpers/tools.js';

const qemuArm = pathOf('qemu-arm');

/** What the tests run, and the Debian package of each. */
const needed = {
  [qemuArm]: 'qemu-user',
  '/usr/bin/patchelf': 'patchelf',
  '/usr/bin/arm-linux-gnueabi-gcc': 'gcc-arm-linux-gnueabi',
  '/usr/bin/unshare': 'util-linux',
  '/usr/bin/newuidmap': 'uidmap',
};

/** Fail with a message, or tell the caller to skip if ELFINTERP_TEST_SKIP_MISSING=1. */
export function missingTools(): string | undefined {
  const missing = Object.entries(needed).filter(([path]) => !existsSync(path));
  if (missing.length === 0) return undefined;
  const message = `missing: ${missing.map(([path, debian]) => `${path} (Debian package ${debian})`).join(', ')}`;
  if (process.env.ELFINTERP_TEST_SKIP_MISSING !== '1') throw new Error(message);
  return message;
}

export interface TestChroot {
  readonly path: string;
  readonly manifest: Manifest;
}

/** Make the chroot in a new directory that every user may enter. */
export function makeChroot(): TestChroot {
  const path = mkdtempSync(join(tmpdir(), 'elfinterp-chroot-'));
  chmodSync(path, 0o755);
  for (const name of ['bin', 'dev', 'etc', 'lib', 'proc', 'sys', 'tmp', 'usr/bin']) {
    mkdirSync(join(path, name), {recursive: true});
  }
  compileGuest(path, 'guest', ['-static']);
  compileGuest(path, 'guest-dynamic', []);
  copyFileSync('/usr/arm-linux-gnueabi/lib/ld-linux.so.3', join(path, 'lib/ld-linux.so.3'));
  copyFileSync('/usr/arm-linux-gnueabi/lib/libc.so.6', join(path, 'lib/libc.so.6'));
  return {path, manifest: makeBundle(path, '/debootstrap')};
}

export function removeChroot({path}: TestChroot): void {
  rmSync(path, {recursive: true, force: true});
}

function compileGuest(root: string, name: string, flags: readonly string[]): void {
  const source = join('test', 'chroot', 'guest.c');
  execFileSync('arm-linux-gnueabi-gcc', ['-O1', ...flags, '-o', join(root, 'bin', name), source], {
    stdio: 'pipe',
  });
}

/** What `bundle` does, by other means: loader and libraries beside the program, PT_INTERP and DT_RPATH to match. */
export function makeBundle(root: string, prefix: string): Manifest {
  const libs = `${prefix}/qemu-libs`;
  mkdirSync(join(root, libs), {recursive: true});
  const files: ManifestFile[] = [];
  const add = (source: string, path: string, role: ManifestRole) => {
    copyFileSync(source, join(root, path));
    chmodSync(join(root, path), 0o755);
    files.push({path, role, source, sha256: '', size: 0, mode: 0o755});
  };
  add(qemuArm, `${prefix}/qemu-arm`, 'program');
  for (const [name, source] of librariesOf(qemuArm)) {
    if (name.startsWith('ld-linux')) add(source, `${libs}/ld.so`, 'loader');
    else add(source, `${libs}/${name}`, 'library');
  }
  execFileSync('patchelf', [
    '--set-interpreter',
    `${libs}/ld.so`,
    '--force-rpath',
    '--set-rpath',
    libs,
    join(root, prefix, 'qemu-arm'),
  ]);
  const manifest: Manifest = {
    version: 1,
    generator: 'test',
    prefix,
    libs,
    programs: [{path: `${prefix}/qemu-arm`, interpreter: `${libs}/ld.so`, qemuTarget: 'arm'}],
    files: files.map((file) => measure(root, file)),
  };
  writeManifest(root, manifest);
  return manifest;
}

export function writeManifest(root: string, manifest: Manifest): void {
  writeFileSync(join(root, manifest.libs, 'manifest.json'), formatManifest(manifest));
}

function librariesOf(program: string): readonly (readonly [string, string])[] {
  const lines = execFileSync('ldd', [program], {encoding: 'utf8'}).split('\n');
  return lines.flatMap((line) => {
    const path = /(\/\S+) \(0x/.exec(line)?.[1];
    return path === undefined ? [] : [[basename(path), path] as const];
  });
}

function measure(root: string, file: ManifestFile): ManifestFile {
  const bytes = readFileSync(join(root, file.path));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {...file, sha256, size: bytes.length, mode: statSync(join(root, file.path)).mode & 0o7777};
}

/**
 * The machine's own table, which no run may change: its entries in full. If it is not mounted, root reads it through a
 * private mount.
 */
export function hostEntries(): string {
  const table = '/proc/sys/fs/binfmt_misc';
  const show = `cd ${table} && for name in *; do echo "$name"; [ "$name" = register ] || cat "$name"; done`;
  if (existsSync(`${table}/status`)) return execFileSync('sh', ['-c', show], {encoding: 'utf8'});
  if (process.geteuid?.() !== 0) return '';
  const mount = `mount -t binfmt_misc binfmt_misc ${table}`;
  return execFileSync('unshare', ['--mount', 'sh', '-ec', `${mount}; ${show}`], {encoding: 'utf8'});
}

/** The command lines of the processes whose command line contains `text`. */
export function processesWith(text: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(text) ? [`${pid}: ${line}`] : [];
      } catch {
        return [];
      }
    });
}
