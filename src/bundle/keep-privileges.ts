/*
 * Copies that keep set-ID bits and file capabilities. Such a copy runs with root's rights for any user who starts it,
 * and it trusts its loader and its libraries, which it finds by the paths that the bundle gives it. So only root may
 * control any of them:
 *
 * - The program belongs to root, and no one else can change it, its libraries, or a path that leads to one of them.
 * - The bundle: no one else can change a directory above it.
 * - The prefix: on the machine that makes the bundle, too, it must belong to root or be one that only root can create.
 *   That is where the kernel looks for the loader if a user starts the copy on that machine.
 * - The loader: it is not isolated. An isolated one reads variables such as LD%PRELOAD, and since glibc removes only
 *   the names that it knows, a child that no longer counts as set-user-ID would obey what the user set.
 */
import {ElfError} from '../errors.js';
import type {Author} from '../loader/author.js';
import type {OpenRoot} from '../loader/open-root.js';
import {type BundleFile, generated} from './file-set.js';
import type {Layout} from './layout.js';
import {capabilitiesOf, modeAndOwner, setIdBits} from './privileges.js';

/** The other properties requested of a bundle. */
export interface PrivilegedRequest {
  readonly isolate: boolean;
  readonly isWrapped: boolean;
  readonly layout: Layout;
  /** The root that the programs are from. */
  readonly root: OpenRoot;
  /** This machine's. */
  readonly machine: OpenRoot;
  /** Where the bundle goes. */
  readonly target: OpenRoot;
}

/** Make sure that no other user gains rights through such a bundle. @throws ElfError BAD_REQUEST, OUTSIDE */
export function requirePrivileged(request: PrivilegedRequest): void {
  const {isolate, isWrapped, layout, root, machine, target} = request;
  const refuse = (what: string, expected: string) => {
    throw new ElfError('BAD_REQUEST', `privileges cannot be kept: ${what}`, {expected});
  };
  if (process.geteuid?.() !== 0) refuse('only root can make such files', 'root');
  if (isolate) refuse('an isolated loader is not safe for such programs', 'no isolation');
  if (isWrapped) refuse('the kernel gives none to scripts', 'the launcher interp');
  for (const {host} of [root, target]) requireRoots(machine, host);
  for (const path of [layout.prefix, layout.libs]) {
    requireRoots(machine, path);
    requireRoots(target, path);
  }
}

/** Make sure that only root controls what is at a path, or can create it if it does not exist. */
function requireRoots(root: OpenRoot, path: string): void {
  const there = root.resolve(path);
  const end = there.found ? there : root.resolve(there.reached);
  const isShared = !end.found || (end.stats.mode & 0o022n) !== 0n;
  if (!isShared && root.foreignerOf(path) === undefined) return;
  throw new ElfError('OUTSIDE', 'privileges cannot be kept: other users can change this directory', {
    path: root.hostPath(path),
    expected: 'a directory that only root can change, as well as all directories above it',
  });
}

/**
 * Give copies of programs the set-ID bits and file capabilities of the originals that belong to root.
 *
 * @param author who, besides root, controls what is copied
 * @param notes gets a line for each program that belongs to another user
 * @throws ElfError OUTSIDE for an author
 */
export function keepRights(files: readonly BundleFile[], author: Author, notes: string[]): BundleFile[] {
  if (author !== undefined) {
    const who = author === 'anybody' ? 'others' : `user ${author}`;
    throw new ElfError('OUTSIDE', `privileges cannot be kept: ${who} can change what is copied`, {
      expected: 'programs, libraries and modules that only root can change',
    });
  }
  const programs = files.filter(isCopiedProgram);
  const capable = capabilitiesOf(programs);
  return files.map((file) => {
    if (!isCopiedProgram(file)) return file;
    const {mode, uid, gid} = modeAndOwner(file);
    const [bits, capabilities] = [setIdBits(mode), capable.get(file)];
    if (bits === 0 && capabilities === undefined) return file;
    if (uid === 0)
      return {
        ...file,
        ...(bits !== 0 && {setId: {bits, group: gid}}),
        ...(capabilities !== undefined && {capabilities}),
      };
    notes.push(`${file.named ?? file.source} belongs to user ${uid}, not to root`);
    return file;
  });
}

/** Whether a file is a program copied from an original, and not a hard link to another one. */
export function isCopiedProgram({role, resolved, linkTo, source}: BundleFile): boolean {
  return (role === 'program' || resolved === 'program') && linkTo === undefined && source !== generated;
}
