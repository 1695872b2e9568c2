/*
 * A private copy with the plan's changes in it.
 *
 * A small file is read, changed in memory and written, which takes half the system calls of everything else. A large
 * one is copied by the kernel, its blocks shared where the file system can, and then changed.
 */
import {chmodSync, constants, copyFileSync, openSync, rmSync} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import {closeQuietly, type FileSource} from '../source/file.js';
import {applyPlanToBuffer, descriptorSource, requireUnchanged, writeFully, writePlan} from './content.js';
import {copyDirectly, isWorthDirect} from './copy-direct.js';

const mostInMemory = 1 << 18;

/**
 * Make the changed copy under a name that is free.
 *
 * @returns the descriptor of the copy, open for writing
 * @throws ElfError CHANGED, or an error of the system
 */
export function copyChanged(input: FileSource, copy: string, plan: Plan): number {
  const isSmall = Math.max(input.size, plan.outputSize) <= mostInMemory;
  const bytes = isSmall ? applyPlanToBuffer(input.read(0, input.size), plan) : undefined;
  const fd = bytes === undefined ? copyLarge(input, copy) : openSync(copy, 'wx', 0o600);
  try {
    if (bytes !== undefined) {
      writeFully(fd, bytes, 0);
    } else {
      requireUnchanged(descriptorSource(fd, input.path), plan);
      writePlan(fd, plan, input.path);
    }
    return fd;
  } catch (error) {
    closeQuietly(fd);
    throw error;
  }
}

function copyLarge(input: FileSource, copy: string): number {
  if (!shareBlocks(input.path, copy)) {
    if (isWorthDirect(input.stats, copy)) copyDirectly(input, copy);
    else copyFileSync(input.path, copy, constants.COPYFILE_EXCL);
  }
  // The copy has the mode of the original, which need not let its owner write.
  chmodSync(copy, 0o600);
  return openSync(copy, constants.O_RDWR | constants.O_NOFOLLOW);
}

/** A copy that shares its blocks with the original costs nothing; few file systems can. */
function shareBlocks(input: string, copy: string): boolean {
  try {
    copyFileSync(input, copy, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return true;
  } catch {
    // Whatever else is wrong will be wrong with the copy that is tried next, too.
    rmSync(copy, {force: true});
    return false;
  }
}
