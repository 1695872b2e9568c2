/*
 * The only code that changes an ELF file.
 *
 * By default the file is replaced (replacement.ts): the path always has either the complete old file or the complete
 * new one. With `inPlace` only the changed bytes are written (in-place.ts). One file or many go through the same steps
 * (batch.ts).
 */
import {closeSync, constants, openSync} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import {ElfError, systemError} from '../errors.js';
import {fileSource} from '../source/file.js';
import {findPlace} from '../source/place.js';
import type {OnProgress} from '../source/progress.js';
import type {Applied, ApplyOptions, Outcome, PlannedEdit} from './apply-options.js';
import {Batch} from './batch.js';
import {requirePlan} from './content.js';
import {copyChanged} from './copy.js';
import {type EditableElf, openTarget, type Target, targetOf} from './editable.js';
import {prepareInPlace} from './in-place.js';
import {destinationAt, prepareReplacement} from './replacement.js';

/**
 * Carry out a plan; see `applyPlanSync`, which does the same synchronously.
 *
 * @example
 *   await using file = await openElfToEdit('qemu-arm');
 *   await applyPlan(file, planEdit(file.view, {interpreter: '/debootstrap/qemu-libs/ld.so'}));
 */
export async function applyPlan(
  path: string | EditableElf,
  plan: Plan,
  options: ApplyOptions = {},
): Promise<Applied> {
  const [outcome] = await applyPlans([{path, plan, options}]);
  return appliedOf(outcome);
}

/**
 * Carry out a plan that `planEdit` made for this file. A plan without writes touches nothing, unless `output`
 * asks for a copy. The file is the one that `openElfToEdit` opened, or is looked up by its path.
 *
 * @throws ElfError CHANGED when the file is no longer the one that the plan was made for, FILE_SYSTEM when it cannot be
 *   written; the file is then unchanged
 */
export function applyPlanSync(path: string | EditableElf, plan: Plan, options: ApplyOptions = {}): Applied {
  const batch = new Batch();
  take(batch, {path, plan, options});
  return appliedOf(batch.runSync()[0]);
}

/**
 * Carry out plans for many files, far faster than one after another: they wait for the disk together.
 *
 * @returns the outcome of each edit, in the order of the edits; a later edit of a file that is already in the list is
 *   refused, because its plan was made for the old content
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
  return batch.run();
}

/**
 * Write the result of a plan to a new file, without a workspace: for a directory that no one else can access.
 *
 * @throws ElfError CHANGED, FILE_SYSTEM
 */
export function applyPlanToNew(path: string, plan: Plan, output: string, onProgress?: OnProgress): void {
  const source = fileSource(path);
  try {
    const {O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW} = constants;
    const fd = openSync(output, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      copyChanged(source, {fd, path: output}, plan, onProgress);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw systemError(output, error, 'cannot write');
  } finally {
    source.close();
  }
}

function take(batch: Batch, {path: file, plan, options = {}}: PlannedEdit): void {
  const path = typeof file === 'string' ? file : file.path;
  const {output, inPlace, follow} = options;
  batch.add(output ?? path, (workspaces, closeLater) => {
    requirePlan(path, plan);
    if (output !== undefined && inPlace)
      throw new ElfError('BAD_REQUEST', 'output and inPlace are mutually exclusive', {path});
    if (output === undefined && plan.writes.length === 0) return undefined;
    const target = open(file, follow, closeLater);
    target.requireTrusted();
    target.requireOpen();
    workspaces.requireWhole(target.place);
    if (output !== undefined) {
      const place = findPlace(output, {follow, orLink: true});
      closeLater(() => place[Symbol.dispose]());
      const {outputMode} = options;
      const destination = {...destinationAt(place, output), ownMode: outputMode === 'own'};
      return prepareReplacement(target, plan, destination, workspaces, options.onProgress);
    }
    target.requireWritable();
    if (inPlace) return prepareInPlace(target, plan, workspaces);
    const destination = {place: target.place, path, replaced: target.source.stats};
    return prepareReplacement(target, plan, destination, workspaces, options.onProgress);
  });
}

/** If the file is already open, closing it is left to the caller. */
function open(
  file: string | EditableElf,
  follow: boolean | undefined,
  closeLater: (close: () => void) => void,
): Target {
  const known = typeof file === 'string' ? undefined : targetOf(file);
  if (known !== undefined) return known;
  const target = openTarget(typeof file === 'string' ? file : file.path, {follow});
  closeLater(() => target.close());
  return target;
}

function appliedOf(outcome: Outcome | undefined): Applied {
  if (outcome !== undefined && 'applied' in outcome) return outcome.applied;
  throw outcome?.error;
}
