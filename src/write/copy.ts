/*
 * A private copy with the plan's changes in it.
 *
 * A small file is read, changed in memory and written, which takes half the system calls of everything else. A large
 * one is copied by the kernel (shared where the file system can, else in kernel memory) and then changed.
 */
import {chmodSync, closeSync, constants, copyFileSync, openSync, rmSync} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import type {FileSource} from '../source/file.js';
import {applyPlanToBuffer, descriptorSource, requireUnchanged, writeFully, writePlan} from './content.js';

const mostInMemory = 1 << 18;

/**
 * Make the changed copy under a name that is free.
 *
 * @returns the descriptor of the copy, open for writing
 * @throws ElfError CHANGED, or an error of the system; there is no copy then
 */
export function copyChanged(input: FileSource, copy: string, plan: Plan): number {
  const isSmall = Math.max(input.size, plan.outputSize) <= mostInMemory;
  const bytes = isSmall ? applyPlanToBuffer(input.read(0, input.size), plan) : undefined;
  const fd = bytes === undefined ? copyByKernel(input.path, copy) : openSync(copy, 'wx', 0o600);
  try {
    if (bytes !== undefined) {
      writeFully(fd, bytes, 0);
    } else {
      requireUnchanged(descriptorSource(fd, input.path), plan);
      writePlan(fd, plan, input.path);
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    rmSync(copy, {force: true});
    throw error;
  }
}

function copyByKernel(input: string, copy: string): number {
  copyFileSync(input, copy, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  // The copy has the mode of the original, which need not let its owner write.
  chmodSync(copy, 0o600);
  return openSync(copy, constants.O_RDWR | constants.O_NOFOLLOW);
}
