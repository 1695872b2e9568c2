/*
 * Padding: zeros between two sections, because the second is aligned so that it cannot begin earlier. Section headers
 * show that nothing else is there.
 *
 * What goes there neither makes the file longer nor takes a segment. So the file still suits programs that append to
 * themselves: `bun build --compile` enlarges the LOAD that holds its data over whatever follows it in the file,
 * and sets section headers right afterwards, but not program headers.
 */
import {PF, SHT} from '../elf/constants.js';
import {roundUp} from '../elf/notes.js';
import type {Range} from '../source/range-set.js';
import {isZero} from '../source/source.js';
import {isAddressed, isNamed} from './addressed.js';
import {listClaims, mergeClaims} from './claims.js';
import type {Draft, DynamicPlace} from './draft.js';

/** Would the section that ends a gap begin elsewhere if its alignment let it? */
export function isPadding({sectionHeaders}: Draft, {offset, size}: Range): boolean {
  return sectionHeaders.some(
    ({sh_type, sh_offset, sh_addr, sh_addralign: align}) =>
      sh_type !== SHT.SHT_NOBITS &&
      sh_offset === offset + size &&
      size < align &&
      sh_addr % BigInt(align) === 0n,
  );
}

/** Take a place between the sections of a LOAD that can be written to; undefined when none is large enough. */
export function takeWritablePlace(
  draft: Draft,
  size: number,
  align: number,
): Omit<DynamicPlace, 'capacity'> | undefined {
  const claims = mergeClaims(listClaims(draft));
  for (const [i, {end}] of claims.entries()) {
    const gap = {offset: end, size: (claims[i + 1]?.start ?? end) - end};
    const offset = roundUp(end, align);
    const load = draft.loadAt(offset, size);
    if (offset + size > end + gap.size || !isPadding(draft, gap) || !isZero(draft, end, gap.size)) continue;
    if (load === undefined || (load.p_flags & (PF.PF_W | PF.PF_X)) !== PF.PF_W) continue;
    const address = load.p_vaddr + BigInt(offset - load.p_offset);
    const range = {low: address, high: address + BigInt(size)};
    if (isNamed(draft.view, range) || isAddressed(draft, range)) continue;
    draft.taken.push({offset, size});
    return {offset, address};
  }
  return undefined;
}
