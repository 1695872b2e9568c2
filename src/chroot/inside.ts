/*
 * Paths inside a chroot, seen from outside it.
 *
 * A symbolic link in a chroot means one file to the programs in it and another to us: an absolute link starts at
 * their root, not at ours. And a chroot may have been prepared by somebody who hopes that root follows a link
 * out of it. So no path of a chroot is ever handed to the system as it is; it is walked here, link by link.
 */
import {lstatSync, readlinkSync, realpathSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {ElfError, printable, systemError} from '../errors.js';

/** As many as the kernel follows in one path. */
const mostLinks = 40;

/** Find the directory that shall be the root; what is returned holds no symbolic link. */
export function findRoot(chroot: string): string {
  try {
    const root = realpathSync(chroot);
    if (statSync(root).isDirectory()) return root;
  } catch (error) {
    throw systemError(chroot, error);
  }
  throw new ElfError('NOT_FOUND', 'a chroot is a directory', {path: chroot, got: 'a file'});
}

/** Follow a path as the programs inside do; undefined when it does not exist or may not be looked at. */
export function lookInside(root: string, path: string): string | undefined {
  return walk(root, path, {leaving: () => {}, circle: () => {}});
}

/**
 * Follow a path that must mean the same file inside and outside, because both use it.
 *
 * @returns the file on this machine; undefined when it does not exist
 * @throws ElfError OUTSIDE when a symbolic link on the way is absolute or climbs out of the chroot
 */
export function ownInside(root: string, path: string): string | undefined {
  return walk(root, path, {
    leaving(link, target) {
      throw new ElfError('OUTSIDE', 'a symbolic link leads out of the chroot', {
        path: link,
        expected: 'a directory, or a relative link that stays inside',
        got: `a link to ${printable(target)}`,
      });
    },
    circle(link) {
      throw new ElfError('FILE_SYSTEM', 'too many levels of symbolic links', {path: link});
    },
  });
}

/** What to do about a link that means different files inside and outside, and about links in a circle. */
interface Trouble {
  leaving(link: string, target: string): void;
  circle(link: string): void;
}

function walk(root: string, path: string, trouble: Trouble): string | undefined {
  const left = path.split('/').reverse();
  let at: string[] = [];
  let links = 0;
  let [link, target] = [join(root, path), path];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (at.length === 0) trouble.leaving(link, target);
      at.pop();
      continue;
    }
    const here = join(root, ...at, name);
    const kind = kindOf(here);
    if (kind === undefined) return undefined;
    if (kind !== 'link') {
      at.push(name);
      continue;
    }
    links += 1;
    if (links > mostLinks) {
      trouble.circle(here);
      return undefined;
    }
    [link, target] = [here, readlinkSync(here)];
    if (target.startsWith('/')) {
      trouble.leaving(link, target);
      at = [];
    }
    left.push(...target.split('/').reverse());
  }
  return join(root, ...at);
}

function kindOf(path: string): 'link' | 'other' | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? 'link' : 'other';
  } catch {
    return undefined;
  }
}
