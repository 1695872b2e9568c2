/*
 * Which table is meant. binfmt_misc is one table for each user namespace that ever mounted it (since Linux 6.7), so the
 * same path may show the machine's own table or a private one. The machine's own is changed only on request, so it has
 * to be recognized: it is the one in the initial user namespace and, seen from a namespace inside, the one that process
 * 1 sees, if its mounts can be read (a superblock has the same device number wherever it is mounted).
 */
import {readFileSync, readlinkSync, realpathSync} from 'node:fs';
import {release} from 'node:os';
import {ElfError} from '../errors.js';
import {absolutePath} from '../source/working-directory.js';
import {parseMounts} from './mountinfo.js';

/** The user namespace that the machine starts with (PROC_USER_INIT_INO of the kernel). */
const initialUserNamespace = 'user:[4026531837]';

/** A mounted table of binfmt_misc. */
export interface BinfmtMount {
  readonly mountPoint: string;
  /** Whether it is the machine's own table, and not one of a user namespace. */
  readonly hostWide: boolean;
}

/** Tell whether this process is in the user namespace that the machine starts with. */
export function inInitialUserNamespace(): boolean {
  return readlinkSync('/proc/self/ns/user') === initialUserNamespace;
}

/** Find the table that this process sees, or the one mounted at `table`; undefined when none is mounted. */
export function findTable(table?: string): BinfmtMount | undefined {
  const mounts = binfmtMounts(read('/proc/self/mountinfo'));
  const wanted = table === undefined ? undefined : realPath(table);
  const mount = mounts.findLast(({mountPoint}) => wanted === undefined || mountPoint === wanted);
  return mount === undefined ? undefined : {mountPoint: mount.mountPoint, hostWide: isHostWide(mount.device)};
}

/** Tell whether this kernel gives each user namespace its own table: Linux 6.7 and newer. */
export function hasPrivateTables(version = release()): boolean {
  const [major = 0, minor = 0] = version.split(/[.-]/).map(Number);
  return major > 6 || (major === 6 && minor >= 7);
}

/**
 * Tell whether this kernel tells an emulator that argv[0] was passed on (flag P): Linux 5.12 and newer, in AT_FLAGS.
 * An emulator that is not told takes the program's argv[0] for its first argument.
 */
export function tellsArgv0(version = release()): boolean {
  const [major = 0, minor = 0] = version.split(/[.-]/).map(Number);
  return major > 5 || (major === 5 && minor >= 12);
}

/** @throws ElfError NOT_FOUND when binfmt_misc is not mounted */
export function mustFindTable(table?: string): BinfmtMount {
  const mount = findTable(table);
  if (mount !== undefined) return mount;
  throw new ElfError('NOT_FOUND', 'binfmt_misc is not mounted', {
    path: table,
    expected: 'mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc; chroot run does not need it',
  });
}

/**
 * Find where binfmt_misc is mounted (proc(5), mountinfo); the last mount is the one that is seen.
 *
 * @param except a mount point that does not count
 */
export function findBinfmtMount(mountinfo: string, except?: string): string | undefined {
  return binfmtMounts(mountinfo).findLast(({mountPoint}) => mountPoint !== except)?.mountPoint;
}

/** @throws ElfError BAD_REQUEST for the machine's own table, unless it was asked for */
export function refuseHostWide({mountPoint, hostWide}: BinfmtMount, global: boolean): void {
  if (!hostWide || global) return;
  throw new ElfError('BAD_REQUEST', "this is the machine's own table", {
    path: mountPoint,
    expected: 'a private one',
    allowedBy: 'global',
  });
}

function binfmtMounts(mountinfo: string): readonly {mountPoint: string; device: string}[] {
  return parseMounts(mountinfo)
    .filter(({type}) => type === 'binfmt_misc')
    .map(({path, device}) => ({mountPoint: path, device}));
}

function isHostWide(device: string): boolean {
  if (inInitialUserNamespace()) return true;
  const ofInit = binfmtMounts(read('/proc/1/mountinfo'));
  return ofInit.some((mount) => mount.device === device) && !sharesUserNamespaceWithInit();
}

/** If a link cannot be read, the process belongs to another user. */
function sharesUserNamespaceWithInit(): boolean {
  try {
    return readlinkSync('/proc/1/ns/user') === readlinkSync('/proc/self/ns/user');
  } catch {
    return false;
  }
}

/** The path as mountinfo writes it. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return absolutePath(path);
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
