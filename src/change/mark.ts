/*
 * The mark of a staging directory, to which its journal is tied (write/mark.ts).
 */
import {closeSync, fsyncSync, openSync, unlinkSync} from 'node:fs';
import type {DirFd} from '../source/dir-fd.js';
import {identifyMark} from '../write/mark.js';

export const markName = 'mark';

/** Make the mark in a new staging directory. @throws a system error; there is no mark then */
export function makeMark(staging: DirFd): void {
  const fd = openSync(staging.at(markName), 'wx', 0o600);
  try {
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(staging.at(markName));
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** What a journal says of the mark; undefined if there is none. @throws ElfError FILE_SYSTEM */
export function markIn(staging: DirFd): string | undefined {
  using mark = staging.openPath(markName);
  return mark && identifyMark(mark.bigStats);
}
