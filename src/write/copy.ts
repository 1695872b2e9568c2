/*
 * A private copy with the plan's changes in it.
 *
 * A small file is read, changed in memory and written as a whole. A large one is copied by the kernel, its blocks shared
 * where the file system can, and then changed.
 */
import {chmodSync, constants, copyFileSync, openSync, rmSync} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import {closeQuietly, type FileSource} from '../source/file.js';
import type {OnProgress} from '../source/progress.js';
import {applyPlanToBuffer, descriptorSource, requireUnchanged, writeFully, writePlan} from './content.js';
import {copyBlocks, isWorthDirect} from './copy-blocks.js';

const mostInMemory = 1 << 18;
const setIds = 0o6000;

/**
 * Make the changed copy under a name that is free.
 *
 * @returns the descriptor of the copy, open for writing
 * @throws ElfError CHANGED, or an error of the system
 */
export function copyChanged(
  input: FileSource,
  copy: string,
  plan: Plan,
  onProgress: OnProgress = () => {},
): number {
  const isSmall = Math.max(input.size, plan.outputSize) <= mostInMemory;
  const bytes = isSmall ? applyPlanToBuffer(input.read(0, input.size), plan) : undefined;
  const fd = bytes === undefined ? copyLarge(input, copy, onProgress) : openSync(copy, 'wx', 0o600);
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

function copyLarge(input: FileSource, copy: string, onProgress: OnProgress): number {
  // The copies of the system have the mode of the original at once, and that with the copying user as their owner.
  const isSetId = (input.stats.mode & setIds) !== 0;
  if (isSetId || !shareBlocks(input.path, copy)) {
    const report = (done: number) => onProgress({step: 'copying', path: input.path, done, total: input.size});
    report(0);
    const isDirect = isWorthDirect(input.stats, copy);
    if (isDirect || isSetId) copyBlocks(input, copy, isDirect, report);
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
