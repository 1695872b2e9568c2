/*
 * A private copy with the plan's changes in it, from one open file into another.
 *
 * A small file is read, changed in memory and written as a whole. A large one is copied by the kernel, sharing its
 * blocks if the file system can, and then changed.
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
  /** Its name, for systems where descriptors have no paths. */
  readonly path: string;
}

/**
 * Fill an empty file with the result of a plan for another file. Its mode is 0600 afterwards, whatever the other's.
 *
 * @throws ElfError CHANGED, or an error of the system
 */
export function copyChanged(
  input: FileSource,
  copy: OpenFile,
  plan: Plan,
  onProgress: OnProgress = () => {},
): void {
  // Bypass the pages cached while planning: the current content counts.
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
  // The system's copy has the original's mode from the start, but the copying user as its owner.
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

/** A copy that shares its blocks with the original costs nothing, but few file systems support it. */
function shareBlocks(from: string, to: string): boolean {
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    // Any other error will show up again in the copy that is tried next.
    return false;
  }
}
