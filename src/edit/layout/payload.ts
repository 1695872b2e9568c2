/*
 * What to do with bytes after the image (elf/payload.ts) when the file grows. A program finds them relative to the end
 * of the file, at an offset stored in it, or both; an AppImage at the end of its section headers. This is known only
 * for known kinds. For others the edit is refused until the user says what to keep.
 */
import {findPayload, kindByProgram, type Payload, type PayloadKind} from '../../elf/payload.js';
import {Shdr} from '../../elf/records.js';
import {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {overlaySource} from '../../source/overlay.js';
import type {Plan} from '../plan.js';
import {type Draft, type EditResult, unchanged} from './draft.js';
import {encode} from './encode.js';
import {moveSectionHeaders} from './free-space.js';

/**
 * What to do with a payload when the file has to grow: `keep` its offset and put the new bytes after it; `move` it to
 * the new end of the file; `keep-and-repeat`: keep its offset and repeat its last bytes at the new end.
 */
export type PayloadChoice = 'keep' | 'move' | 'keep-and-repeat';

/**
 * How the known kinds find their payload. .NET's host and pkg's node hold its offset. Dart and deno read a trailer at
 * the end of the file that holds offsets. The trailers of bun, nexe and PyInstaller and the end of a zip hold lengths,
 * from which the reader counts back. AppImage's is right after the section headers.
 */
const choices: Readonly<Record<PayloadKind, PayloadChoice | undefined>> = {
  AppImage: 'move',
  '.NET': 'keep',
  pkg: 'keep',
  Dart: 'keep-and-repeat',
  deno: 'keep-and-repeat',
  bun: 'move',
  nexe: 'move',
  PyInstaller: 'move',
  zip: 'move',
  unknown: undefined,
};

export const payloadChoices: readonly PayloadChoice[] = ['keep', 'move', 'keep-and-repeat'];

/** A payload and what to do with it. */
export interface PayloadDecision {
  readonly payload: Payload;
  readonly choice: PayloadChoice;
}

/**
 * Decide what to do with the payload of a file that a plan makes longer; undefined when there is none.
 *
 * @throws ElfError PAYLOAD when the request does not say what to do with a payload of an unknown kind, or asks for what
 *   a known kind would not survive
 */
export function decidePayload(
  view: ElfView,
  plan: Plan,
  asked: PayloadChoice | undefined,
): PayloadDecision | undefined {
  const found = plan.outputSize > plan.inputSize ? findPayload(view) : undefined;
  if (found === undefined) return undefined;
  const payload = {...found, kind: kindByProgram(view, found)};
  const known = choices[payload.kind];
  if (asked !== undefined && known !== undefined && asked !== known)
    throw unfit(
      view,
      payload,
      `${payload.kind} data appended to the program would not be found`,
      known,
      asked,
    );
  const choice = known ?? asked;
  if (choice !== undefined) return {payload, choice: isTrailer(payload, choice) ? 'move' : choice};
  throw unfit(
    view,
    payload,
    'the edit makes the file longer, and the data appended to the program would no longer be found',
    payloadChoices.join(', '),
    'nothing',
  );
}

function unfit({path}: ElfView, payload: Payload, message: string, expected: string, got: string): ElfError {
  return new ElfError('PAYLOAD', message, {
    path,
    offset: payload.offset,
    expected: `payload: ${expected}`,
    got: `${got}, for ${payload.size} bytes of data`,
    value: payload,
  });
}

/** After an earlier edit only the trailer follows the image; the rest of the payload stays between segments. */
function isTrailer({kind, size}: Payload, choice: PayloadChoice): boolean {
  return choice === 'keep-and-repeat' && size === trailers[kind];
}

/** The length in bytes of the trailer at the end of the file, if known. */
const trailers: Readonly<Partial<Record<PayloadKind, number>>> = {Dart: 16, deno: 40};

/** Bytes to repeat for other kinds: enough for any trailer. */
const longestTrailer = 1 << 16;

/** The same plan with the last bytes of the payload repeated at the end of the file. */
export function repeatTail(view: ElfView, plan: Plan, {kind, size}: Payload): Plan {
  const length = Math.min(size, trailers[kind] ?? longestTrailer);
  const bytes = view.source.read(view.source.size - length, length).slice();
  const offset = plan.outputSize;
  const reason = 'the last bytes of the appended data, repeated';
  return {
    ...plan,
    outputSize: offset + length,
    writes: [...plan.writes, {offset, bytes, before: new Uint8Array(0), reason}],
    regions: [...plan.regions, {offset, size: length, what: reason}],
    notes: [...plan.notes, `the last ${length} appended bytes are repeated at offset ${offset}`],
  };
}

/** The file without its payload, as the base for a plan. */
export function withoutPayload(view: ElfView, {offset}: Payload): ElfView {
  return new ElfView(overlaySource(view.source, [], offset));
}

/** Put the section headers last: AppImage's runtime treats their end as the end of the image. */
export function moveSectionHeadersLast(draft: Draft): EditResult {
  const {view} = draft;
  const size = draft.sectionHeaders.length * Shdr.size(view.format.elfClass);
  if (size === 0 || draft.sectionHeaderOffset + size === draft.size) return unchanged(view);
  moveSectionHeaders(draft, draft.size);
  return encode(draft);
}

/** The same plan with the payload moved after the new image. */
export function appendPayload(view: ElfView, plan: Plan, {kind, offset, size}: Payload): Plan {
  const to = kind === 'AppImage' ? plan.outputSize : sameInPage(plan.outputSize, offset);
  return {
    ...plan,
    inputSize: view.source.size,
    outputSize: to + size,
    payload: {from: offset, to, size},
    notes: [...plan.notes, `${size} appended bytes moved from offset ${offset} to ${to}`],
  };
}

/** The first offset at or after `start` that is congruent to `offset` modulo the page size. */
function sameInPage(start: number, offset: number): number {
  const page = 4096;
  return start + ((((offset - start) % page) + page) % page);
}
