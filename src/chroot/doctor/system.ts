/*
 * The chroot itself: the mount that it is on, its architecture, and whether its own programs are complete.
 */
import {statSync} from 'node:fs';
import {isNativeTarget, type QemuTarget, targetOfFile} from '../../binfmt/targets.js';
import {ElfError, shortened} from '../../errors.js';
import {Resolver} from '../../loader/resolve.js';
import type {Root} from '../../loader/root.js';
import {quoted} from '../../source/shell-word.js';
import {isElfMagic} from '../../source/source.js';
import type {Architecture} from '../architecture.js';
import {firstStageDone} from '../debootstrap.js';
import {mountOf} from '../mount-of.js';
import {readHead} from '../program.js';
import {broken, doubtful, type Finding, fine} from './finding.js';

export function examineSystem(root: Root, architecture: Architecture | undefined): readonly Finding[] {
  return [
    ...examineMount(root),
    ...examineProc(root),
    ...examineOwner(root),
    ...examineArchitecture(root, architecture),
    ...examineStage(root),
    ...examinePrograms(root, architecture),
    ...examineSudo(root, architecture),
  ];
}

/** The second stage removes /debootstrap when it is done. */
function examineStage(root: Root): readonly Finding[] {
  if (!firstStageDone(root)) return [];
  const what = 'the second stage of debootstrap is not done: packages are unpacked but not configured';
  const remedy = `elfinterp chroot create --resume ${quoted(root.host)}`;
  return [doubtful('SECOND_STAGE', what, '/debootstrap/debootstrap exists', remedy)];
}

function examineMount(root: Root): readonly Finding[] {
  const mount = mountOf(root.host);
  if (mount === undefined) return [];
  const {options} = mount;
  const evidence = `${mount.path} is mounted ${options.join()}`;
  const remount = (option: string) => `mount -o remount,bind,${option} ${quoted(mount.path)}`;
  const findings: Finding[] = [];
  if (options.includes('noexec')) {
    findings.push(
      broken(
        'NOEXEC',
        'programs on this mount cannot be executed (noexec): "Permission denied"',
        evidence,
        remount('exec'),
      ),
    );
  }
  if (options.includes('nodev')) {
    const what =
      'device nodes on this mount do not work (nodev); chroot run provides its own /dev, but debootstrap fails when run as root';
    findings.push(doubtful('NODEV', what, evidence, remount('dev')));
  }
  return findings;
}

function examineProc(root: Root): readonly Finding[] {
  const link = root.resolve('/proc', {follow: false});
  if (!link.found || !link.stats.isSymbolicLink() || root.resolve('/proc').found) return [];
  const path = quoted(`${root.host}/proc`);
  return [
    doubtful(
      'PROC_LINK',
      '/proc is a symbolic link to itself (left by a first stage in a container), so /proc cannot be mounted',
      `${root.host}/proc`,
      `rm ${path} && mkdir ${path}`,
    ),
  ];
}

/** Every Debian has su, but where sudo is installed, it is meant to be used. */
function examineSudo(root: Root, architecture: Architecture | undefined): readonly Finding[] {
  const sudo = root.resolve('/usr/bin/sudo');
  if (!sudo.found || (sudo.stats.mode & 0o4000n) === 0n || architecture?.isNative !== false) return [];
  const what =
    'sudo fails for an ordinary user in the chroot unless the emulator honours setuid bits: "effective uid is not 0"; if it cannot resolve the name of this machine, it says "unable to resolve host"';
  const remedy = `elfinterp chroot run --flags PC --hosts ${quoted(root.host)}`;
  return [doubtful('SETUID', what, '/usr/bin/sudo has the set-user-ID bit', remedy)];
}

function examineOwner(root: Root): readonly Finding[] {
  const uid = process.geteuid?.() ?? 0;
  const {uid: owner} = statSync(root.host);
  if (uid === 0 || owner === uid) return [];
  const what = 'the chroot belongs to another user: its programs run, but cannot modify it';
  return [
    doubtful(
      'OWNER',
      what,
      `${root.host} belongs to user ${owner}, but you are user ${uid}`,
      `run as that user, or create your own chroot`,
    ),
  ];
}

function examineArchitecture(root: Root, architecture: Architecture | undefined): readonly Finding[] {
  if (architecture === undefined) {
    const what = 'cannot determine the architecture of this directory; it may not be a chroot';
    return [broken('ARCHITECTURE', what, `${root.host} has no dpkg, no debootstrap/arch, no /bin/sh`)];
  }
  const {name, evidence, isNative, targets} = architecture;
  if (targets.length === 0) {
    return [broken('ARCHITECTURE', `no qemu-user target runs ${name} programs`, evidence)];
  }
  const who = isNative
    ? 'this machine runs its programs natively'
    : `qemu-${targets[0]?.name} runs its programs`;
  return [fine('ARCHITECTURE', `the chroot is for ${name}: ${who}`, evidence)];
}

const basicPrograms = ['/bin/sh', '/usr/bin/env', '/bin/ls', '/usr/bin/dpkg'];

/** Programs of the chroot that another emulator would have to run, or that lack a loader or a library. */
function examinePrograms(root: Root, architecture: Architecture | undefined): readonly Finding[] {
  return basicPrograms.flatMap((path) => {
    const head = readHead(root, path);
    const target = head !== undefined && isElfMagic(head) ? targetOfFile(head) : undefined;
    if (target === undefined) return [];
    if (architecture !== undefined && isForeign(target, architecture)) {
      const what = `${path} is for ${target.name}, but the chroot is for ${architecture.name}: "Exec format error"`;
      const remedy = `elfinterp chroot install ${quoted(root.host)} qemu-${target.name}`;
      return [
        doubtful('FOREIGN_PROGRAM', what, `the ELF header of ${path}; ${architecture.evidence}`, remedy),
      ];
    }
    return examineLibraries(root, path);
  });
}

function isForeign(target: QemuTarget, {targets, isNative}: Architecture): boolean {
  return !targets.includes(target) && !(isNative && isNativeTarget(target));
}

/** A program can name tens of thousands. */
const mostNames = 20;

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).map((name) => shortened(name));
  return `${shown.join(', ')}${names.length > mostNames ? ` and ${names.length - mostNames} more` : ''}`;
}

function examineLibraries(root: Root, path: string): readonly Finding[] {
  try {
    const {misses, interpreter} = new Resolver({root: root.host}).resolve(path);
    const needed = misses.filter(({optional}) => !optional).map(({name}) => name);
    if (interpreter?.substituted && interpreter.requested !== undefined)
      needed.unshift(interpreter.requested);
    const missing = [...new Set(needed)];
    if (missing.length === 0) return [];
    const names = shortList(missing);
    const what = `${path} lacks its loader or a library in the chroot: "No such file or directory", or an error of the loader`;
    const remedy = `put ${names} into the chroot, from the package of its architecture (dpkg-deb -x PACKAGE ${quoted(root.host)})`;
    return [broken('PROGRAM_INCOMPLETE', what, `missing: ${names}`, remedy)];
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return [broken('PROGRAM_INCOMPLETE', `${path} cannot be read as a program`, error.message)];
  }
}
