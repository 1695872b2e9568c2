/*
 * The chroot as such: the mount that it lies on, its architecture, and whether its own programs are complete.
 */
import {readFileSync, statSync} from 'node:fs';
import {isNativeTarget, targetOfFile} from '../../binfmt/targets.js';
import {ElfError} from '../../errors.js';
import {Resolver} from '../../loader/resolve.js';
import {isElf, readHead} from '../program.js';
import {broken, doubtful, fine, quoted} from './finding.js';
export function examineSystem(root, architecture) {
  return [
    ...examineMount(root),
    ...examineProc(root),
    ...examineOwner(root),
    ...examineArchitecture(root, architecture),
    ...examinePrograms(root, architecture),
  ];
}
function examineMount(root) {
  const mount = mountOf(root.host);
  if (mount === undefined) return [];
  const evidence = `${mount.path} is mounted ${mount.options}`;
  const options = mount.options.split(',');
  const remount = (option) => `mount -o remount,bind,${option} ${quoted(mount.path)}`;
  const findings = [];
  if (options.includes('noexec')) {
    findings.push(
      broken(
        'NOEXEC',
        'nothing on this mount may be executed: "Permission denied"',
        evidence,
        remount('exec'),
      ),
    );
  }
  if (options.includes('nodev')) {
    const what =
      'device nodes on this mount do not work; chroot run brings a /dev of its own, debootstrap as root refuses';
    findings.push(doubtful('NODEV', what, evidence, remount('dev')));
  }
  return findings;
}
/** The innermost mount that a directory lies on (proc(5), mountinfo): its mount point and its options. */
function mountOf(path) {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [, , , , mountPoint = '', options = ''] = line.split(' ');
      const octal = (_, digits) => String.fromCharCode(Number.parseInt(digits, 8));
      return {path: mountPoint.replace(/\\(\d{3})/g, octal), options};
    })
    .filter((mount) => path === mount.path || path.startsWith(mount.path === '/' ? '/' : `${mount.path}/`));
  // Of equally long ones the last is mounted over the others.
  return mounts.reduce(
    (best, mount) => (best === undefined || mount.path.length >= best.path.length ? mount : best),
    undefined,
  );
}
function examineProc(root) {
  const link = root.resolve('/proc', {follow: false});
  if (!link.found || !link.stats.isSymbolicLink() || root.resolve('/proc').found) return [];
  const path = quoted(`${root.host}/proc`);
  return [
    doubtful(
      'PROC_LINK',
      '/proc is a link to itself, as a first stage in a container leaves it: no /proc is mounted',
      `${root.host}/proc`,
      `rm ${path} && mkdir ${path}`,
    ),
  ];
}
function examineOwner(root) {
  const uid = process.geteuid?.() ?? 0;
  const {uid: owner} = statSync(root.host);
  if (uid === 0 || owner === uid) return [];
  const what = 'the chroot belongs to another user: its programs run, but cannot change it';
  return [
    doubtful(
      'OWNER',
      what,
      `${root.host} belongs to user ${owner}, this is ${uid}`,
      `be that user, or make one of your own`,
    ),
  ];
}
function examineArchitecture(root, architecture) {
  if (architecture === undefined) {
    const what = 'nothing tells the architecture of this chroot: is it one?';
    return [broken('ARCHITECTURE', what, `${root.host} has no dpkg, no debootstrap/arch, no /bin/sh`)];
  }
  const {name, evidence, isNative, targets} = architecture;
  if (targets.length === 0) {
    return [broken('ARCHITECTURE', `no qemu-user target runs ${name} programs`, evidence)];
  }
  const who = isNative
    ? 'this machine runs its programs itself'
    : `qemu-${targets[0]?.name} runs its programs`;
  return [fine('ARCHITECTURE', `the chroot is for ${name}: ${who}`, evidence)];
}
const basicPrograms = ['/bin/sh', '/usr/bin/env', '/bin/ls', '/usr/bin/dpkg'];
/** Programs of the chroot that another emulator would have to run, or that lack a loader or a library. */
function examinePrograms(root, architecture) {
  return basicPrograms.flatMap((path) => {
    const head = readHead(root, path);
    const target = head !== undefined && isElf(head) ? targetOfFile(head) : undefined;
    if (target === undefined) return [];
    if (architecture !== undefined && isForeign(target, architecture)) {
      const what = `${path} is for ${target.name}, the chroot for ${architecture.name}: "Exec format error"`;
      const remedy = `elfinterp chroot install ${quoted(root.host)} qemu-${target.name}`;
      return [
        doubtful('FOREIGN_PROGRAM', what, `the ELF header of ${path}; ${architecture.evidence}`, remedy),
      ];
    }
    return examineLibraries(root, path);
  });
}
function isForeign(target, {targets, isNative}) {
  return !targets.includes(target) && !(isNative && isNativeTarget(target));
}
function examineLibraries(root, path) {
  try {
    const {misses, interpreter} = new Resolver({root: root.host}).resolve(path);
    const names = misses.filter(({optional}) => !optional).map(({name}) => name);
    if (interpreter?.substituted && interpreter.requested !== undefined) names.unshift(interpreter.requested);
    const missing = [...new Set(names)];
    if (missing.length === 0) return [];
    const what = `${path} lacks its loader or a library in the chroot: "No such file or directory", or an error of the loader`;
    const remedy = `put ${missing.join(', ')} into the chroot, from the package of its architecture (dpkg-deb -x PACKAGE ${quoted(root.host)})`;
    return [broken('PROGRAM_INCOMPLETE', what, `missing: ${missing.join(', ')}`, remedy)];
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return [broken('PROGRAM_INCOMPLETE', `${path} cannot be read as a program`, error.message)];
  }
}
//# sourceMappingURL=system.js.map
