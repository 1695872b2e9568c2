/*
 * What ties a record to the private directory that it was written in, and in which the mark is an empty file.
 *
 * Root may unpack or copy a directory tree with such a directory in it, whose record somebody wrote so that the next run
 * changes other files; root then owns both. But a copy has another inode, and nobody can choose the time at which the
 * kernel says that a file was last changed. Nothing touches a mark after it is made, so both stay, also while the
 * directory is renamed, and after a reboot.
 */
import type {BigIntStats} from 'node:fs';

/** What a record says of its mark. */
export function identifyMark({ino, ctimeNs}: BigIntStats): string {
  return `${ino}-${ctimeNs}`;
}
