/*
 * Write into a table that the same edit may have moved: growing .dynstr may slide or move its neighbours, so an offset
 * in the original file may be out of date in the draft.
 */
import {ElfError, hex} from '../../errors.js';
import type {Draft} from './draft.js';

/**
 * Write content into the table that a tag points at.
 *
 * @param offset its offset in the original file
 */
export function writeAtTable(
  draft: Draft,
  tag: bigint,
  offset: number,
  bytes: Uint8Array,
  reason: string,
): void {
  draft.write(offset + distanceMoved(draft, tag), bytes, reason);
}

/** How far a table has moved in the file since the draft began. */
export function distanceMoved(draft: Draft, tag: bigint): number {
  const before = draft.view.dynamic?.value(tag);
  const now = draft.value(tag);
  if (before === now || before === undefined) return 0;
  const from = draft.view.offsetOfAddress(before);
  const to = now === undefined ? undefined : draft.offsetOfAddress(now);
  if (from !== undefined && to !== undefined) return to - from;
  throw new ElfError('BAD_ELF', 'a table to be edited is outside the file', {
    path: draft.view.path,
    value: now,
    got: now === undefined ? 'no entry' : hex(now),
  });
}
