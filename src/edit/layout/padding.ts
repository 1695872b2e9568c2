/*
 * Padding: zeros between two sections, caused by the alignment of the second one. Section headers show that nothing
 * else is there.
 *
 * Bytes put there neither make the file longer nor need a segment. So the file still works for programs that append to
 * themselves: `bun build --compile` extends the LOAD that holds its data over whatever follows it in the file, and then
 * fixes section headers, but not program headers.
 */
import {PF} from '../../elf/constants.js';
import {roundUp} from '../../elf/notes.js';
import {hasFileBytes} from '../../elf/without-bytes.js';
import type {Range} from '../../source/range-set.js';
import {isZero} from '../../source/source.js';
import type {Draft, Place} from './draft.js';
import {mergeOccupied, occupiedRanges} from './occupied.js';
import {isAddressed, isNamed} from './references.js';

/** Enough room for any table; a sparse file may have more zeros than fit into memory. */
export const mostZeros = 1 << 24;

/** At most this many places are tried: each try scans all symbols and relocations. */
export const mostTried = 16;

/** Return a test for gaps: is the gap there only because of the alignment of the section after it? */
export function paddingTest({sectionHeaders}: Draft): (gap: Range) => boolean {
  const alignments = new Map<number, number>();
  for (const section of sectionHeaders) {
    const {sh_offset, sh_addr, sh_addralign: align} = section;
    if (!hasFileBytes(section) || align === 0 || sh_addr % BigInt(align) !== 0n) continue;
    alignments.set(sh_offset, Math.max(align, alignments.get(sh_offset) ?? 0));
  }
  return ({offset, size}) => size < (alignments.get(offset + size) ?? 0);
}

/** Find a place between the sections of a writable LOAD; undefined when none is large enough. */
export function findWritablePlace(draft: Draft, size: number, align: number): Place | undefined {
  const isPadding = paddingTest(draft);
  const occupied = mergeOccupied(occupiedRanges(draft));
  let tried = 0;
  for (const [i, {end}] of occupied.entries()) {
    const gap = {offset: end, size: (occupied[i + 1]?.start ?? end) - end};
    const offset = roundUp(end, align);
    if (offset + size > end + gap.size || gap.size > mostZeros || !isPadding(gap)) continue;
    if (tried++ === mostTried) break;
    const load = draft.loadAt(offset, size);
    if (load === undefined || (load.p_flags & (PF.PF_W | PF.PF_X)) !== PF.PF_W) continue;
    if (!isZero(draft, end, gap.size)) continue;
    const address = load.p_vaddr + BigInt(offset - load.p_offset);
    const range = {low: address, high: address + BigInt(size)};
    if (isNamed(draft.view, range) || isAddressed(draft, range)) continue;
    return {offset, address};
  }
  return undefined;
}
