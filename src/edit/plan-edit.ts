/*
 * From a request to a plan.
 *
 * Each edit is planned on the file as the edits before it would leave it, seen through an overlay. So several
 * edits in one request give the same file as one after another, not by care but by construction. No byte is
 * written, and a plan that would change anything that it does not declare is refused here (check-plan.ts).
 */
import {DT} from '../elf/constants.js';
import {ElfView} from '../elf/view.js';
import {overlaySource} from '../source/overlay.js';
import {checkPlan} from './check-plan.js';
import type {Step} from './draft.js';
import {requireEditable} from './editable.js';
import {setInterpreter} from './interpreter.js';
import {addPatch, type ReasonedPatch, toWrites} from './patches.js';
import {removeSearchPath, setSearchPath} from './paths.js';
import type {Plan, Rung} from './plan.js';
import {checkRequest, type EditRequest} from './request.js';

type Edit = (view: ElfView) => Step;

/**
 * Plan the changes that a request asks for.
 *
 * Pure: reads through the view, writes nothing. Hand the plan to `applyPlan`.
 *
 * @throws ElfError BAD_REQUEST, NO_INTERPRETER, NO_DYNAMIC, NO_ROOM, UNSAFE_EDIT, or BAD_ELF for a file that is
 *   too damaged to be edited
 * @example
 *   const plan = planEdit(file.view, {interpreter: '/debootstrap/qemu-libs/ld.so'});
 */
export function planEdit(view: ElfView, request: EditRequest): Plan {
  checkRequest(request);
  requireEditable(view);
  let current = view;
  let patches: ReasonedPatch[] = [];
  const steps: Step[] = [];
  for (const edit of editsOf(request)) {
    const step = edit(current);
    steps.push(step);
    for (const patch of step.patches) patches = addPatch(patches, patch);
    current = new ElfView(overlaySource(view.source, patches, step.size));
  }
  const plan = summarize(view, current, steps, patches);
  if (plan.writes.length > 0) checkPlan(view, current, plan, request);
  return plan;
}

function editsOf(request: EditRequest): Edit[] {
  const {interpreter, rpath, runpath, removeRpath} = request;
  const edits: (Edit | undefined)[] = [
    interpreter === undefined ? undefined : (view) => setInterpreter(view, interpreter),
    rpath === undefined ? undefined : (view) => setSearchPath(view, DT.DT_RPATH, rpath),
    runpath === undefined ? undefined : (view) => setSearchPath(view, DT.DT_RUNPATH, runpath),
    removeRpath === true ? removeSearchPath : undefined,
  ];
  return edits.filter((edit) => edit !== undefined);
}

function summarize(
  view: ElfView,
  after: ElfView,
  steps: readonly Step[],
  patches: readonly ReasonedPatch[],
): Plan {
  const writes = toWrites(view.source, patches);
  const rungs: readonly Rung[] = writes.length === 0 ? [0] : steps.map((step) => step.rung);
  return {
    path: view.path,
    rung: rungs.reduce<Rung>((highest, rung) => (rung > highest ? rung : highest), 0),
    inputSize: view.source.size,
    outputSize: after.source.size,
    writes,
    regions: steps.flatMap((step) => step.regions),
    changes: steps.flatMap((step) => step.changes),
    notes: steps.flatMap((step) => step.notes),
  };
}
