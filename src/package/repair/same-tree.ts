import {readlinkSync} from 'node:fs';
import type {DirFd} from '../../source/dir-fd.js';
import {isSameBytes, readInPieces} from '../../source/source.js';

/** Whether two directories hold the same files, with the same content and permissions. */
export function sameTree(a: DirFd, b: DirFd): boolean {
  const names = a.exactNames();
  if (names.join('/') !== b.exactNames().join('/')) return false;
  return names.every((name) => sameEntry(a, b, name));
}

function sameEntry(a: DirFd, b: DirFd, name: string): boolean {
  using left = a.openPath(name);
  using right = b.openPath(name);
  if (left === undefined || right === undefined || left.stats.mode !== right.stats.mode) return false;
  if (left.stats.isDirectory()) {
    using inner = a.directory(name);
    using other = b.directory(name);
    return inner !== undefined && other !== undefined && sameTree(inner, other);
  }
  if (left.stats.isSymbolicLink()) return linkIn(a, name).equals(linkIn(b, name));
  return left.stats.size === right.stats.size && sameContent(a, b, name);
}

function linkIn(directory: DirFd, name: string): Buffer {
  return readlinkSync(directory.at(name), {encoding: 'buffer'});
}

function sameContent(a: DirFd, b: DirFd, name: string): boolean {
  const [left, right] = [a.open(name), b.open(name)];
  try {
    if (left === undefined || right === undefined || left.size !== right.size) return false;
    let isSame = true;
    readInPieces(
      left,
      0,
      left.size,
      (bytes, offset) => {
        isSame = isSameBytes(bytes, right.read(offset, bytes.length));
        return isSame;
      },
      1 << 20,
    );
    return isSame;
  } finally {
    left?.close();
    right?.close();
  }
}
