/*
 * Where the cache of emulators is, and whether only we can write there.
 *
 * Its files are executed for every user of a chroot, for root with root's privileges. So each directory on the path
 * must belong to root or to us and be writable by no one else, or be sticky like /tmp (where no one else can rename
 * what is ours); each link must belong to root or to us; the cache itself must be ours. The path is walked with
 * descriptors, one name at a time, so that what is checked is what is used. Afterwards only we and root can change it,
 * so its path stays valid.
 */
import {readlinkSync, type Stats} from 'node:fs';
import {homedir} from 'node:os';
import {isAbsolute, join} from 'node:path';
import {inInitialUserNamespace} from '../../binfmt/mount.js';
import {ElfError, errnoError, printable, systemError} from '../../errors.js';
import {type DirFd, makeWithMode, openDirectory} from '../../source/dir-fd.js';
import {mountOf} from '../mount-of.js';

/** What in the environment says where the cache is. */
type Environment = Readonly<Record<string, string | undefined>>;

/** The directory of root, as the Filesystem Hierarchy Standard has it. */
const directoryOfRoot = '/var/cache/elfinterp';

/**
 * Tell where the cache is: `$ELFINTERP_CACHE`; for root `/var/cache/elfinterp`; for others
 * `$XDG_CACHE_HOME/elfinterp`, or `~/.cache/elfinterp` (XDG Base Directory Specification: a relative path does not
 * count). It need not exist.
 *
 * @throws ElfError NOT_FOUND for a user who has no home directory
 */
export function cachePath(env: Environment = process.env, isRoot = isRealRoot()): string {
  const {ELFINTERP_CACHE: own, XDG_CACHE_HOME: caches, HOME: home} = env;
  if (own !== undefined && isAbsolute(own)) return own;
  if (isRoot) return directoryOfRoot;
  if (caches !== undefined && isAbsolute(caches)) return join(caches, 'elfinterp');
  return join(home !== undefined && isAbsolute(home) ? home : homeOfUser(), '.cache', 'elfinterp');
}

/** As /etc/passwd has it, which does not know every user of a container. */
function homeOfUser(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new ElfError('NOT_FOUND', 'this user has no home directory', {
      expected: 'HOME, XDG_CACHE_HOME or ELFINTERP_CACHE in the environment',
      cause,
    });
  }
}

/** From a file system mounted with noexec the kernel registers no emulator. @throws ElfError UNSUPPORTED */
export function requireExec({real}: DirFd): void {
  const mount = mountOf(real);
  if (!mount?.options.includes('noexec')) return;
  throw new ElfError('UNSUPPORTED', 'programs in this directory cannot be executed', {
    path: real,
    expected: 'ELFINTERP_CACHE to name a directory on another file system',
    got: `${printable(mount.path)} is mounted with noexec`,
  });
}

/** Root of a user namespace is another user outside, who does not own /var/cache. */
function isRealRoot(): boolean {
  return process.geteuid?.() === 0 && inInitialUserNamespace();
}

/**
 * Open a directory that only we can write to, and make it where it does not exist.
 *
 * @throws ElfError OUTSIDE when others can write there, or to a directory on the way; FILE_SYSTEM
 */
export function openOwnDirectory(path: string, mode = 0o700): DirFd {
  const directory = walk(path, (above, name) => above.directory(name) ?? makeWithMode(above, name, mode));
  if (directory === undefined) throw new Error('`make` always finds a directory');
  return checked(directory);
}

/** The same for one that exists; undefined where none does. @throws ElfError as `openOwnDirectory` does */
export function findOwnDirectory(path: string): DirFd | undefined {
  const directory = walk(path, (above, name) => above.directory(name));
  return directory && checked(directory);
}

function checked(directory: DirFd): DirFd {
  try {
    requireOwn(directory.real, directory.stats);
    return directory;
  } catch (error) {
    directory[Symbol.dispose]();
    throw error;
  }
}

function walk(path: string, enter: (above: DirFd, name: string) => DirFd | undefined): DirFd | undefined {
  let [here, links] = [openDirectory('/') as DirFd | undefined, 0];
  const pending = path.split('/').reverse();
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '' || name === '.') continue;
    using above: DirFd | undefined = here;
    if (above === undefined) return undefined;
    requireTrusted(above.real, above.stats);
    const target = name === '..' ? undefined : linkAt(above, name);
    if (target === undefined) {
      here = name === '..' ? above.parent() : enter(above, name);
    } else {
      if (++links > mostLinks) throw systemError(path, errnoError('ELOOP'), 'cannot open');
      pending.push(...target.split('/').reverse());
      here = target.startsWith('/') ? openDirectory('/') : above.dup();
    }
  }
  return here;
}

/** As many as Linux follows. */
const mostLinks = 40;

/** A link's target; undefined for anything else. Another user's link could lead to a directory of root's. */
function linkAt(above: DirFd, name: string): string | undefined {
  using there = above.openPath(name);
  if (!there?.stats.isSymbolicLink()) return undefined;
  if (!isTrustedOwner(there.stats)) {
    throw new ElfError('OUTSIDE', 'the symbolic link belongs to another user, so it is not followed', {
      path: there.real,
      expected: 'a link owned by root or by you',
      got: `user ${there.stats.uid}`,
    });
  }
  // Only its owner could replace it, even in a sticky directory.
  return readlinkSync(above.at(name));
}

/** @throws ElfError OUTSIDE unless a file is ours, and no one else may write it */
export function requireOwn(path: string, {uid, mode}: Stats): void {
  const own = process.geteuid?.() ?? 0;
  if (uid === own && (mode & 0o022) === 0) return;
  throw new ElfError('OUTSIDE', 'other users could put an emulator here, so the directory is not used', {
    path,
    expected: `user ${own} as the owner, and no write permission for others`,
    got: `user ${uid}, mode ${(mode & 0o7777).toString(8)}`,
  });
}

const sticky = 0o1000;

function requireTrusted(path: string, {uid, mode}: Stats): void {
  // Not even our own group may write: with an ACL, these bits say that somebody may (acl(5)).
  const isClosed = (mode & 0o022) === 0 || (mode & sticky) !== 0;
  if (isClosed && isTrustedOwner({uid})) return;
  throw new ElfError('OUTSIDE', 'other users could replace this directory, so nothing below it is used', {
    path,
    expected: 'root or you as the owner, and no write permission for the group or others (chmod go-w)',
    got: `user ${uid}, mode ${(mode & 0o7777).toString(8)}`,
  });
}

function isTrustedOwner({uid}: Pick<Stats, 'uid'>): boolean {
  return uid === 0 || uid === process.geteuid?.() || uid === unmappedRoot();
}

/** In a user namespace that lacks root's id, the overflow id is what root's files belong to (user_namespaces(7)). */
function unmappedRoot(): number | undefined {
  return inInitialUserNamespace() ? undefined : 65534;
}
