/*
 * The program header table, to a LOAD of its own.
 *
 * Strippers lose a table in places where no linker puts one. GNU's place it first in the LOAD that contains it, and what
 * else is in there must follow it directly: so nothing is. elfutils' fill with zeros what no section describes: so a
 * section does. LLVM's before version 17 lose the LOAD when the table is the first thing in it: so headroom is.
 *
 * The LOAD has as many bytes again after the table. There it grows when a later edit needs an entry, and there GNU's
 * strippers put the section's copy of it.
 */
import {PF} from '../../elf/constants.js';
import {Phdr} from '../../elf/records.js';
import {addSection} from './add-section.js';
import type {Draft} from './draft.js';
import {headroom} from './find-appended-segment.js';
import {insertLoad} from './insert-load.js';

/** Move the table to where it can have `entries`. */
export function moveTable(draft: Draft, entries: number): void {
  const {header, format} = draft.view;
  const entry = Phdr.size(format.elfClass);
  const size = entries * entry;
  draft.clear(header.e_phoff, header.e_phnum * entry, 'the place of the program header table');
  const {p_offset, p_vaddr} = insertLoad(draft, {flags: PF.PF_R, size: 2 * size}, {holdsTable: true});
  const isDescribed = draft.sectionOfHeaders() !== undefined;
  draft.programHeaderOffset = p_offset + headroom;
  const place = {offset: draft.programHeaderOffset, address: p_vaddr + BigInt(headroom), size, align: 8};
  if (!isDescribed) addSection(draft, '.phdrs', place);
  draft.notes.push(
    'the program header table moved to the end of the file; strip and objcopy move it again, and then Linux before ' +
      '5.18 and qemu-user before 8.1 do not find it',
  );
}
