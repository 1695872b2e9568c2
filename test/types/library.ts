/*
 * What the declarations of the package promise to users of TypeScript. Compiled against dist/ by test/types.test.ts,
 * never run: a line that stops compiling, or an error that is no longer one, is a broken promise.
 */
import {
  type Applied,
  applyPlan,
  type applyPlanSync,
  applyPlanToBuffer,
  type checkElf,
  type EditRequest,
  ElfError,
  type ElfFile,
  type ErrorCode,
  type findPayload,
  openElf,
  openElfBuffer,
  type openElfSync,
  type Payload,
  type Plan,
  type Problem,
  planEdit,
  type ResolvedTree,
  resolveTree,
} from 'elfinterp';

/** Compiles only if both types are the same, not merely assignable. */
function same<A, B>(_: Same<A, B>): void {}
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

// Opening: a promise for a file, a plain value for bytes in memory, and both can be disposed of.
same<ReturnType<typeof openElf>, Promise<ElfFile>>(true);
same<ReturnType<typeof openElfSync>, ElfFile>(true);
same<Parameters<typeof openElfBuffer>, [bytes: Uint8Array | ArrayBuffer]>(true);
export async function disposes(): Promise<void> {
  await using file = await openElf('program');
  same<typeof file.view.header.e_entry, bigint>(true);
  same<typeof file.view.header.e_phoff, number>(true);
  const path: string | undefined = file.view.interpreter?.path;
  void path;
}

// Planning: one request or a list, plain data out, nothing to wait for.
const {view} = openElfBuffer(new Uint8Array());
same<ReturnType<typeof planEdit>, Plan>(true);
planEdit(view, {interpreter: '/ld.so', rpath: '/lib', addNeeded: ['libm.so.6'], replaceNeeded: {a: 'b'}});
planEdit(view, [{interpreter: '/ld.so'}, {removeRpath: true}] as const);
const request: EditRequest = {payload: 'move', convertRpath: 'rpath'};
planEdit(view, request);
// @ts-expect-error a field that does not exist
planEdit(view, {interp: '/ld.so'});
// @ts-expect-error neither keep nor move
planEdit(view, {payload: 'drop'});
// @ts-expect-error a list of names is not a string
planEdit(view, {addNeeded: 'libm.so.6'});
// @ts-expect-error a path is not a view
planEdit('program', {interpreter: '/ld.so'});
// @ts-expect-error the fields of a request are read-only
request.soname = 'libx.so';

// A plan is data that cannot be changed by accident.
const plan = planEdit(view, {});
same<Plan['placement'], 'none' | 'in-place' | 'slack' | 'new-segment'>(true);
// @ts-expect-error its list of writes is read-only
plan.writes.push({offset: 0, bytes: new Uint8Array(), before: new Uint8Array(), reason: ''});
// @ts-expect-error and so is its placement
plan.placement = 'none';

// Applying: to a file, with options, or to bytes.
same<ReturnType<typeof applyPlan>, Promise<Applied>>(true);
same<ReturnType<typeof applyPlanSync>, Applied>(true);
void applyPlan('program', plan, {output: 'other'});
void applyPlan('program', plan, {inPlace: true});
const bytes: Uint8Array = applyPlanToBuffer(new Uint8Array(), plan);
void bytes;
// @ts-expect-error an option that does not exist
void applyPlan('program', plan, {backup: true});

// Checking, payloads, errors.
same<ReturnType<typeof checkElf>, Problem[]>(true);
same<ReturnType<typeof findPayload>, Payload | undefined>(true);
const error = new ElfError('NO_ROOM', 'no room', {path: 'program', offset: 16});
same<typeof error.code, ErrorCode>(true);
same<typeof error.offset, number | undefined>(true);
// @ts-expect-error a code that is not in docs/errors.md
const code: ErrorCode = 'ENOENT';
void code;

// Resolving takes a root and waits for the file system.
same<ReturnType<typeof resolveTree>, Promise<ResolvedTree>>(true);
void resolveTree('program', {root: '/chroot', libraryPath: '/lib:/usr/lib'});
