/*
 * The only code that changes an ELF file.
 *
 * By default the file is replaced (replacement.ts): the path always has the whole old file or the whole new one. With
 * `inPlace` only the changed bytes are written (in-place.ts). One file or many take the same steps (batch.ts).
 */
import {accessSync, closeSync, constants, realpathSync} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import {ElfError, systemError} from '../errors.js';
import {fileSource} from '../source/file.js';
import type {OnProgress} from '../source/progress.js';
import {Batch} from './batch.js';
import type {Applied, ApplyOptions, Outcome, PlannedEdit} from './change.js';
import {requirePlan} from './content.js';
import {copyChanged} from './copy.js';
import {prepareInPlace} from './in-place.js';
import {prepareReplacement} from './replacement.js';

/**
 * Carry out a plan; see `applyPlanSync`, which does the same at once.
 *
 * @example
 *   await using file = await openElf('qemu-arm');
 *   await applyPlan('qemu-arm', planEdit(file.view, {interpreter: '/debootstrap/qemu-libs/ld.so'}));
 */
export async function applyPlan(path: string, plan: Plan, options: ApplyOptions = {}): Promise<Applied> {
  const [outcome] = await applyPlans([{path, plan, options}]);
  return appliedOf(outcome);
}

/**
 * Carry out a plan that `planEdit` made for this file. A plan without writes touches nothing, unless `output`
 * asks for a copy.
 *
 * @throws ElfError CHANGED when the file is no longer the one that was planned for, FILE_SYSTEM when it cannot be
 *   written; the file then is as it was
 */
export function applyPlanSync(path: string, plan: Plan, options: ApplyOptions = {}): Applied {
  const batch = new Batch();
  take(batch, {path, plan, options});
  batch.complete();
  batch.sync();
  return appliedOf(batch.finish()[0]);
}

/**
 * Carry out plans for many files, far faster than one after another: the disk is waited for once, not for each.
 *
 * @returns what became of each edit, in the order of the edits; an edit of a file that stands in the list before is
 *   refused, because its plan was made for another content
 * @example
 *   const edits = ['qemu-arm', 'chroot/bin/hello'].map((path) => {
 *     const {view, close} = openElfSync(path);
 *     const plan = planEdit(view, {execStack: false});
 *     void close();
 *     return {path, plan};
 *   });
 *   for (const outcome of await applyPlans(edits)) if ('error' in outcome) console.error(outcome.error);
 */
export async function applyPlans(edits: readonly PlannedEdit[]): Promise<Outcome[]> {
  const batch = new Batch();
  for (const edit of edits) take(batch, edit);
  batch.complete();
  await batch.syncTogether();
  return batch.finish();
}

/**
 * Write what a file is after a plan to a name that is free, without the detour of a workspace: for a directory that
 * nobody looks into yet.
 *
 * @throws ElfError CHANGED, FILE_SYSTEM
 */
export function applyPlanToNew(path: string, plan: Plan, output: string, onProgress?: OnProgress): void {
  const source = fileSource(path);
  try {
    closeSync(copyChanged(source, output, plan, onProgress));
  } catch (error) {
    throw systemError(output, error, 'cannot write');
  } finally {
    source.close();
  }
}

function take(batch: Batch, {path, plan, options: {output, inPlace, onProgress} = {}}: PlannedEdit): void {
  batch.add(output ?? path, (workspaces) => {
    requirePlan(path, plan);
    if (output !== undefined && inPlace)
      throw new ElfError('BAD_REQUEST', 'output and inPlace exclude one another', {path});
    if (output !== undefined) return prepareReplacement(path, plan, output, workspaces, onProgress);
    if (plan.writes.length === 0) return undefined;
    const target = resolvePath(path);
    requireWritable(path);
    try {
      return inPlace
        ? prepareInPlace(target, plan, workspaces)
        : prepareReplacement(target, plan, target, workspaces, onProgress);
    } catch (error) {
      throw error instanceof ElfError ? error.at(path) : error;
    }
  });
}

/** Follow symbolic links: the file is edited, not the link replaced. */
function resolvePath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    throw systemError(path, error, 'cannot open');
  }
}

/** A file that the user may not write is not replaced either, though the directory would allow it. */
function requireWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw systemError(path, error, 'cannot write');
  }
}

function appliedOf(outcome: Outcome | undefined): Applied {
  if (outcome !== undefined && 'applied' in outcome) return outcome.applied;
  throw outcome?.error;
}
