/*
 * A directory of our own, beside or in the one that will change, in which everything is made ready: nobody else can
 * look into it, and a run that is killed leaves nothing else behind.
 */
import {chmodSync, mkdtempSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, systemError} from '../../errors.js';
import {enter} from '../../loader/inside.js';
import type {HeldDirectory} from '../../source/held.js';
import {identityPattern, isRunning, ownIdentity} from '../../write/process-identity.js';
import {removeTree} from '../../write/remove-tree.js';

const prefix = '.elfinterp-repair-';

/** Whether a name is that of such a directory. */
export function isStaging(name: string): boolean {
  return name.startsWith(prefix);
}

/** A staging directory that is held. */
export interface StagingDirectory {
  readonly name: string;
  readonly held: HeldDirectory;
}

/**
 * Do something with a staging directory, which is gone afterwards.
 *
 * @param alone refuse to work beside another run: in a package itself
 * @throws what `work` throws, or ElfError BUSY
 */
export async function withStaging<T>(
  parent: HeldDirectory,
  work: (staging: StagingDirectory) => Promise<T>,
  alone?: 'alone',
): Promise<T> {
  const name = make(parent);
  try {
    if (alone) requireAlone(parent, name);
    using held = parent.directory(name);
    if (held === undefined || held.stats.uid !== process.geteuid?.())
      throw new ElfError('CHANGED', 'somebody took the staging directory away', {
        path: `${parent.real}/${name}`,
      });
    return await work({name, held});
  } finally {
    removeTree(parent, name);
  }
}

function make(parent: HeldDirectory): string {
  try {
    const path = mkdtempSync(parent.at(`${prefix}${ownIdentity()}-`));
    chmodSync(path, 0o700);
    return posix.basename(path);
  } catch (error) {
    throw systemError(parent.real, error, 'cannot write');
  }
}

/** Two repairs of one package would each take the other's files for the old ones. */
function requireAlone(parent: HeldDirectory, own: string): void {
  const other = parent
    .names()
    .find((name) => isStaging(name) && name !== own && isRunning(holderOf(name)) !== false);
  if (other === undefined) return;
  throw new ElfError('BUSY', 'another elfinterp is at work here', {
    path: parent.real,
    expected: `${other} to go`,
    got: `process ${holderOf(other)}`,
  });
}

/** Who made it: what `ownIdentity` says, with random letters behind it. */
function holderOf(name: string): string {
  return new RegExp(`^${identityPattern}(?=-)`).exec(name.slice(prefix.length))?.[0] ?? '';
}

/** Staging directories that runs of this user were killed in. */
export function staleStagings(parent: HeldDirectory): string[] {
  return parent.names().filter((name) => {
    if (!isStaging(name) || isRunning(holderOf(name)) !== false) return false;
    using held = parent.hold(name);
    return held?.stats.isDirectory() === true && held.stats.uid === process.geteuid?.();
  });
}

/** Do something with the directory in which a path of the package lies, which is made when it does not exist. */
export function inDirectoryOf<T>(
  top: HeldDirectory,
  path: string,
  work: (directory: HeldDirectory, name: string) => T,
): T {
  using directory = enter(top, parentOf(path), 'make');
  if (directory === undefined)
    throw new ElfError('NOT_FOUND', 'no such directory', {path: posix.join(top.real, path)});
  return work(directory, posix.basename(path));
}

/** The directory in which a path of the package lies, as `enter` wants it: nothing for the package's own. */
export function parentOf(path: string): string {
  const parent = posix.dirname(path);
  return parent === '.' ? '' : parent;
}
