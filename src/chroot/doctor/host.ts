/*
 * What this machine allows, whatever the chroot: kernel, user namespaces, ids.
 */
import {readFileSync} from 'node:fs';
import {release, userInfo} from 'node:os';
import {hasPrivateTables} from '../../binfmt/mount.js';
import {ElfError} from '../../errors.js';
import {quoted} from '../../source/shell-word.js';
import {hasOneId, planIdMap} from '../idmap.js';
import {whyNoNamespace} from '../namespace.js';
import {hasTool, packageOf} from '../tools.js';
import {examineCache} from './cache.js';
import {broken, doubtful, type Finding, fine} from './finding.js';

export function examineHost(): readonly Finding[] {
  return [
    ...examineKernel(),
    ...examineTools(),
    ...examineUserNamespaces(),
    ...examineIds(),
    ...examineLowestAddress(),
    ...examineCache(),
  ];
}

function examineKernel(): readonly Finding[] {
  const evidence = `Linux ${release()}`;
  if (hasPrivateTables())
    return [fine('KERNEL', 'the kernel gives each user namespace its own binfmt_misc table', evidence)];
  return [
    doubtful(
      'KERNEL',
      'before Linux 6.7, an emulator can be registered only for the whole machine',
      evidence,
      'elfinterp binfmt register qemu-TARGET --global, then elfinterp chroot run --global CHROOT',
    ),
  ];
}

/** Each setting that can forbid them, its bad value, and the command that changes it. */
const switches = [
  ['user/max_user_namespaces', '0', 'sysctl user.max_user_namespaces=15000'],
  ['kernel/unprivileged_userns_clone', '0', 'sysctl kernel.unprivileged_userns_clone=1'],
  [
    'kernel/apparmor_restrict_unprivileged_userns',
    '1',
    'sysctl kernel.apparmor_restrict_unprivileged_userns=0',
  ],
] as const;

function examineUserNamespaces(): readonly Finding[] {
  const isRoot = process.geteuid?.() === 0;
  const forbidding = switches
    .filter(([file]) => !isRoot || file === 'user/max_user_namespaces')
    .filter(([file, bad]) => readSetting(`/proc/sys/${file}`) === bad)
    .map(([file, bad, remedy]) =>
      broken(
        'USER_NAMESPACES',
        'user namespaces are disabled on this machine',
        `/proc/sys/${file} is ${bad}`,
        remedy,
      ),
    );
  const canTry = hasPrivateTables() && hasTool('sh') && hasTool('unshare');
  return forbidding.length > 0 || !canTry ? forbidding : [tryUserNamespace()];
}

/**
 * A chroot, a container's system call filter and security modules can forbid them too, and none of these can be read.
 */
function tryUserNamespace(): Finding {
  const complaint = whyNoNamespace();
  if (complaint === undefined)
    return fine('USER_NAMESPACES', 'user namespaces can be created', 'unshare --user succeeded');
  return broken(
    'USER_NAMESPACES',
    'user namespaces cannot be created here',
    complaint,
    'run elfinterp outside any chroot; if this is a container, start it with --privileged',
  );
}

/** The programs that chroot run starts on this machine. */
const runTools = ['env', 'mount', 'setpriv', 'sh', 'unshare'] as const;

function examineTools(): readonly Finding[] {
  return runTools
    .filter((tool) => !hasTool(tool))
    .map((tool) =>
      broken(
        'TOOLS',
        'a program that chroot run needs is not installed',
        `${tool} is not in PATH`,
        `apt-get install ${packageOf(tool)}`,
      ),
    );
}

const oneId =
  'programs run with a single user id: dpkg and other programs that change the owner of files fail';

function examineIds(): readonly Finding[] {
  try {
    const map = planIdMap();
    const {kind} = map;
    if (!hasOneId(map))
      return [fine('SUBORDINATE_IDS', 'files in a chroot can belong to different users', `${kind} id map`)];
    if (kind === 'identity') return [doubtful('SUBORDINATE_IDS', oneId, 'this user namespace has one id')];
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
  return [
    doubtful(
      'SUBORDINATE_IDS',
      oneId,
      'newuidmap, newgidmap, or a range in /etc/subuid or /etc/subgid is missing',
      `apt-get install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${userName()}`,
    ),
  ];
}

function userName(): string {
  try {
    return quoted(userInfo().username);
  } catch {
    return String(process.geteuid?.());
  }
}

/** The usual value; programs of other architectures are linked to addresses below a higher one. */
const usualLowest = 65536;

function examineLowestAddress(): readonly Finding[] {
  const value = readSetting('/proc/sys/vm/mmap_min_addr');
  if (!(Number(value) > usualLowest)) return [];
  const evidence = `/proc/sys/vm/mmap_min_addr is ${value}`;
  return [
    doubtful(
      'MMAP_MIN_ADDR',
      'vm.mmap_min_addr is too high: emulators need low addresses for some programs',
      evidence,
      `sysctl vm.mmap_min_addr=${usualLowest}`,
    ),
  ];
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
