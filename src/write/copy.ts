/*
 * A private copy with the plan's changes in it, from one open file into another.
 *
 * A small file is read, changed in memory and written as a whole. A large one is copied by the kernel, its blocks shared
 * where the file system can, and then changed.
 */
import {constants, copyFileSync, fchmodSync} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import {descriptorPath} from '../source/descriptor.js';
import type {FileSource} from '../source/file.js';
import type {OnProgress} from '../source/progress.js';
import {applyPlanToBuffer, descriptorSource, requireUnchanged, writeFully, writePlan} from './content.js';
import {copyBlocks, hasHoles, isWorthDirect} from './copy-blocks.js';

const mostInMemory = 1 << 18;
const setIds = 0o6000;

/** A file that is open for reading and writing. */
export interface OpenFile {
  readonly fd: number;
  /** Its name, where descriptors have no paths. */
  readonly path: string;
}

/**
 * Fill an empty file with what another one is after a plan. Its mode is 0600 afterwards, whatever the other's.
 *
 * @throws ElfError CHANGED, or an error of the system
 */
export function copyChanged(
  input: FileSource,
  copy: OpenFile,
  plan: Plan,
  onProgress: OnProgress = () => {},
): void {
  // Not through the pages that were read when the plan was made: what counts is what is there now.
  const now = descriptorSource(input.fd, input.path);
  if (Math.max(now.size, plan.outputSize) <= mostInMemory) {
    writeFully(copy.fd, applyPlanToBuffer(now.read(0, now.size), plan), 0);
    return;
  }
  copyLarge(input, copy, onProgress);
  requireUnchanged(descriptorSource(copy.fd, input.path), plan);
  writePlan(copy.fd, plan, now);
}

function copyLarge(input: FileSource, copy: OpenFile, onProgress: OnProgress): void {
  // The copies of the system have the mode of the original at once, and that with the copying user as their owner.
  const isSetId = (input.stats.mode & setIds) !== 0;
  const [from, to] = [descriptorPath(input.fd, input.path), descriptorPath(copy.fd, copy.path)];
  if (isSetId || !shareBlocks(from, to)) {
    const report = (done: number) => onProgress({step: 'copying', path: input.path, done, total: input.size});
    report(0);
    const isDirect = isWorthDirect(input.stats, to);
    if (isDirect || isSetId || hasHoles(input.stats))
      copyBlocks(input, copy.fd, isDirect ? to : undefined, report);
    else copyFileSync(from, to);
  }
  fchmodSync(copy.fd, 0o600);
}

/** A copy that shares its blocks with the original costs nothing; few file systems can. */
function shareBlocks(from: string, to: string): boolean {
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    // Whatever else is wrong will be wrong with the copy that is tried next, too.
    return false;
  }
}
