/*
 * From a request to a plan: request/ has the requested edits, each with its rules; layout/ finds places for new bytes
 * and updates everything that moves for them; check/ verifies the result and shares nothing with the other two.
 *
 * To add an edit: put its field and type into request/request.ts, its rules into a file in request/, its place into
 * `editsOf` below, and what it promises into check/promise.ts and check/requested.ts. For the command line, add it to
 * cli/edit/definition.ts and edit.ts; to test it on many files, to the lists in test/fuzz/edits.ts and
 * test/helpers/matrix-edits.ts.
 *
 * Each edit is planned on the file as the edits before it would leave it, seen through an overlay. So several edits in
 * one request give the same file as separate requests, by construction. Nothing is written, and a plan that would
 * change anything it does not declare is refused here (check/plan.ts).
 */
import {DT} from '../elf/constants.js';
import {osAbiValue} from '../elf/os-abi.js';
import {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {overlaySource} from '../source/overlay.js';
import {checkPlan} from './check/plan.js';
import {explainFailedCheck, requireTablesMapped, requireUndamaged} from './damage.js';
import {requireEditable} from './editable.js';
import {Draft, type EditResult, type Layout} from './layout/draft.js';
import {addPatch, type ReasonedPatch, toWrites} from './layout/patches.js';
import {
  appendPayload,
  decidePayload,
  moveSectionHeadersLast,
  repeatTail,
  withoutPayload,
} from './layout/payload.js';
import {laterPlacement, type Plan} from './plan.js';
import {addInterpreter} from './request/add-interpreter.js';
import {addDebugTag, setExecStack, setNoDefaultLib, setOsAbi} from './request/flags.js';
import {setInterpreter} from './request/interpreter.js';
import {addNeeded, removeNeeded, replaceNeeded} from './request/needed.js';
import {addToSearchPath, convertSearchPath, removeSearchPath, setSearchPath} from './request/paths.js';
import {renameSymbols} from './request/rename-symbols.js';
import {checkRequest, type EditRequest} from './request/request.js';
import {setSoname} from './request/soname.js';
import {clearSymbolVersions} from './request/symbol-versions.js';

type Edit = (draft: Draft) => EditResult;

/** An edit with the layout options of its request. */
interface PlannedEdit extends Layout {
  readonly edit: Edit;
}

/**
 * Plan the changes that a request asks for. Several requests are applied in order.
 *
 * Pure: reads through the view, writes nothing. Hand the plan to `applyPlan`.
 *
 * @throws ElfError BAD_REQUEST, NO_INTERPRETER, NO_DYNAMIC, NO_ROOM, UNSAFE_EDIT, PAYLOAD, UNSUPPORTED, or BAD_ELF for a
 *   file that is too damaged to be edited
 * @example
 *   await using file = await openElf('qemu-arm');
 *   const plan = planEdit(file.view, {interpreter: '/debootstrap/qemu-libs/ld.so', rpath: '/debootstrap/qemu-libs'});
 *   for (const {offset, bytes, reason} of plan.writes) console.log(offset, bytes.length, reason);
 */
export function planEdit(view: ElfView, request: EditRequest | readonly EditRequest[]): Plan {
  const requests = Array.isArray(request) ? request : [request];
  for (const one of requests) checkRequest(one);
  requireEditable(view);
  requireUndamaged(view);
  const edits = requests.flatMap((one) =>
    editsOf(one).map((edit): PlannedEdit => ({edit, pageSize: one.pageSize})),
  );
  const plan = planEdits(view, edits, requests);
  const asked = requests.find((one) => one.payload !== undefined)?.payload;
  const decision = decidePayload(view, plan, asked);
  if (decision === undefined || decision.choice === 'keep') return plan;
  const {payload, choice} = decision;
  if (choice === 'keep-and-repeat') return repeatTail(view, plan, payload);
  const last = payload.kind === 'AppImage' ? [{edit: moveSectionHeadersLast}] : [];
  return appendPayload(
    view,
    planEdits(withoutPayload(view, payload), [...edits, ...last], requests),
    payload,
  );
}

function planEdits(view: ElfView, edits: readonly PlannedEdit[], requests: readonly EditRequest[]): Plan {
  let current = view;
  const patches: ReasonedPatch[] = [];
  const results: EditResult[] = [];
  for (const {edit, pageSize} of edits) {
    const result = edit(new Draft(current, {pageSize}));
    requireBoundedGrowth(current, result);
    results.push(result);
    for (const patch of result.patches) addPatch(patches, patch);
    current = new ElfView(overlaySource(view.source, patches, result.size));
  }
  const plan = summarize(view, current, results, patches);
  if (plan.placement === 'slack' || plan.placement === 'new-segment') requireTablesMapped(view);
  try {
    if (plan.writes.length > 0) checkPlan(view, plan, requests);
  } catch (error) {
    throw explainFailedCheck(view, error);
  }
  return plan;
}

/**
 * If the program header table has to move, its file offset follows its address, which leaves a hole as large as the BSS
 * in the file. A damaged p_memsz must not make that a terabyte.
 */
const mostGrowth = 2 ** 30;

function requireBoundedGrowth({path, source}: ElfView, {size}: EditResult): void {
  if (size - source.size <= mostGrowth) return;
  throw new ElfError('NO_ROOM', 'the file would grow too much', {
    path,
    expected: `at most ${mostGrowth} bytes more`,
    got: `${size - source.size}`,
  });
}

/** The edits of a request in the order of its fields. */
function editsOf(request: EditRequest): Edit[] {
  const {replaceNeeded: replaced, clearSymbolVersions: unversioned, renameSymbols: renamed} = request;
  return [
    ...each(request.interpreter, (path) => (draft) => interpreterEdit(draft, path, request)),
    ...each(request.rpath, (path) => (draft) => setSearchPath(draft, DT.DT_RPATH, path)),
    ...each(request.runpath, (path) => (draft) => setSearchPath(draft, DT.DT_RUNPATH, path)),
    ...each(request.convertRpath, (to) => (draft) => convertSearchPath(draft, pathTags[to])),
    ...each(request.addRpath, (path) => (draft) => addToSearchPath(draft, path)),
    ...(request.removeRpath === true ? [removeSearchPath] : []),
    ...each(request.addNeeded, (name) => (draft) => addNeeded(draft, name, 'last')),
    ...each(request.addNeededFirst, (name) => (draft) => addNeeded(draft, name, 'first')),
    ...each(request.removeNeeded, (name) => (draft) => removeNeeded(draft, name)),
    ...(replaced === undefined ? [] : [(draft: Draft) => replaceNeeded(draft, replaced)]),
    ...each(request.soname, (name) => (draft) => setSoname(draft, name)),
    ...each(request.noDefaultLib, (wanted) => (draft) => setNoDefaultLib(draft, wanted)),
    ...each(request.execStack, (wanted) => (draft) => setExecStack(draft, wanted)),
    ...each(request.osAbi, (name) => (draft) => setOsAbi(draft, osAbiValue(name) ?? 0)),
    ...(request.addDebugTag === true ? [addDebugTag] : []),
    ...(unversioned === undefined ? [] : [(draft: Draft) => clearSymbolVersions(draft, unversioned)]),
    ...(renamed === undefined ? [] : [(draft: Draft) => renameSymbols(draft, renamed)]),
  ];
}

/** One edit for each value of a field; none for a missing field. */
function each<T>(value: T | readonly T[] | undefined, edit: (value: T) => Edit): Edit[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? (value as readonly T[]) : [value as T]).map(edit);
}

function interpreterEdit(draft: Draft, path: string, {addInterpreter: isAdded}: EditRequest): EditResult {
  return isAdded === true ? addInterpreter(draft, path) : setInterpreter(draft, path);
}

const pathTags = {rpath: DT.DT_RPATH, runpath: DT.DT_RUNPATH} as const;

function summarize(
  view: ElfView,
  after: ElfView,
  results: readonly EditResult[],
  patches: readonly ReasonedPatch[],
): Plan {
  const writes = toWrites(view.source, patches);
  const changing = writes.length === 0 ? [] : results;
  return {
    path: view.path,
    placement: changing.map((result) => result.placement).reduce(laterPlacement, 'none'),
    inputSize: view.source.size,
    outputSize: after.source.size,
    writes,
    regions: results.flatMap((result) => result.regions),
    changes: results.flatMap((result) => result.changes),
    notes: results.flatMap((result) => result.notes),
    ...(results.some((result) => result.leavesRelro) ? {leavesRelro: true} : {}),
  };
}
