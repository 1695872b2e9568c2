/*
 * What ties a record to the private directory that it was written in, and in which the mark is an empty file.
 *
 * Root may unpack or copy a directory tree with such a directory in it, whose record somebody wrote so that the next run
 * changes other files; root then owns both. But a copy has another inode, and nobody can choose the time at which the
 * kernel says that a file was made. Both stay when the directory is renamed or gets another owner, and after a reboot.
 */
import type {BigIntStats} from 'node:fs';

/** What a record says of its mark. */
export function identifyMark(mark: BigIntStats): string {
  return `${mark.ino}-${madeAt(mark)}`;
}

/** When a file was made; where the file system does not say, when it was last changed, which is later. */
export function madeAt({birthtimeNs, ctimeNs}: BigIntStats): bigint {
  return birthtimeNs > 0n ? birthtimeNs : ctimeNs;
}
