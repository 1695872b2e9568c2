/*
 * A longer file and bytes behind its image (elf/payload.ts): nobody can know how the program looks for them. So the
 * edit is refused until the user says which of the two to keep: the offset ('keep', the new bytes go behind the
 * payload) or the place at the end of the file ('move').
 */
import {findPayload, type Payload} from '../elf/payload.js';
import {Shdr} from '../elf/records.js';
import {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {overlaySource} from '../source/overlay.js';
import {Draft, noStep, type Step} from './draft.js';
import type {Plan} from './plan.js';
import {moveSectionHeaders} from './space.js';

/** What to do with a payload when the file has to grow. */
export type PayloadChoice = 'keep' | 'move';

/**
 * Find what the planner has to decide about: the payload of a file that a plan makes longer.
 *
 * @throws ElfError PAYLOAD when nobody said what to do with it
 */
export function decidePayload(
  view: ElfView,
  plan: Plan,
  choice: PayloadChoice | undefined,
): Payload | undefined {
  const payload = plan.outputSize > plan.inputSize ? findPayload(view) : undefined;
  if (payload === undefined || choice !== undefined) return payload;
  const what = payload.kind === 'AppImage' ? 'the file system of an AppImage' : 'data';
  throw new ElfError(
    'PAYLOAD',
    `the edit needs a longer file, and ${what} behind the program would no longer be found`,
    {
      path: view.path,
      offset: payload.offset,
      expected: '--payload keep (its offset) or --payload move (to the new end)',
      got: `${payload.size} bytes`,
      value: payload,
    },
  );
}

/** The file without its payload, for planning on. */
export function withoutPayload(view: ElfView, {offset}: Payload): ElfView {
  return new ElfView(overlaySource(view.source, [], offset));
}

/** Put the section headers last: AppImage's runtime takes their end for the end of the image. */
export function moveSectionHeadersLast(view: ElfView): Step {
  const draft = new Draft(view);
  const size = draft.sectionHeaders.length * Shdr.size(view.format.elfClass);
  if (size === 0 || draft.sectionHeaderOffset + size === draft.size) return noStep(view);
  moveSectionHeaders(draft, draft.size);
  return draft.finish();
}

/** The same plan with the payload behind the image that it makes. */
export function appendPayload(view: ElfView, plan: Plan, {kind, offset, size}: Payload): Plan {
  const to = kind === 'AppImage' ? plan.outputSize : sameInPage(plan.outputSize, offset);
  return {
    ...plan,
    inputSize: view.source.size,
    outputSize: to + size,
    payload: {from: offset, to, size},
    notes: [...plan.notes, `${size} bytes behind the program moved from offset ${offset} to ${to}`],
  };
}

/** The first offset from `start` on that has the same place in a page as another one. */
function sameInPage(start: number, offset: number): number {
  const page = 4096;
  return start + ((((offset - start) % page) + page) % page);
}
