/*
 * Move the program header table into a LOAD of its own.
 *
 * Strip tools can lose a table that is where no linker puts one. GNU's put it first in the LOAD that contains it, and
 * anything else there must follow it directly, so nothing else is there. elfutils' zero whatever no section describes,
 * so a section describes it. LLVM's before version 17 lose the LOAD when the table is the first thing in it, so
 * headroom comes first.
 *
 * The LOAD has room for another copy of the table after it. The table grows into it when a later edit needs an entry,
 * and GNU's strip tools put the section's copy there.
 */
import {PF, PT, SHF, SHT} from '../../elf/constants.js';
import {Phdr, type Shdr} from '../../elf/records.js';
import {addSection} from './add-section.js';
import type {Draft} from './draft.js';
import {headroom} from './find-appended-segment.js';
import {insertLoad} from './insert-load.js';

/** Move the table to where it can have `entries` entries. */
export function moveTable(draft: Draft, entries: number): void {
  const {header, format} = draft.view;
  const entry = Phdr.size(format.elfClass);
  const size = entries * entry;
  draft.clear(header.e_phoff, header.e_phnum * entry, 'the place of the program header table');
  const section = sectionOfHeaders(draft);
  const {p_offset, p_vaddr} = insertLoad(draft, {flags: PF.PF_R, size: 2 * size}, {holdsTable: true});
  const offset = p_offset + headroom;
  const address = p_vaddr + BigInt(headroom);
  draft.programHeaderOffset = offset;
  // Only the current length of the table: bytes that a section describes are not free for the next entry.
  const now = draft.programHeaders.length * entry;
  if (section === undefined) addSection(draft, '.phdrs', {offset, address, size: now, align: 8});
  else Object.assign(section, {sh_offset: offset, sh_addr: address, sh_size: now});
  draft.notes.push(
    'the program header table moved to the end of the file; strip and objcopy move it again, and then Linux before ' +
      '5.18 and qemu-user before 8.1 do not find it',
  );
}

/** Make PT_PHDR, and the section if there is one, describe the table's place and length. */
export function describeProgramHeaders(draft: Draft): void {
  const {view, programHeaders, programHeaderOffset: offset} = draft;
  const isSame = offset === view.header.e_phoff && programHeaders.length === view.programHeaders.length;
  // A new PT_PHDR needs its place even if it replaced an unused entry.
  const isNew = view.segment(PT.PT_PHDR) === undefined && programHeaders.some(isHeaderSegment);
  if (isSame && !isNew) return;
  const size = programHeaders.length * Phdr.size(view.format.elfClass);
  const load = draft.loadAt(offset, size);
  if (load === undefined) return;
  const address = load.p_vaddr + BigInt(offset - load.p_offset);
  const section = sectionOfHeaders(draft);
  if (section !== undefined) Object.assign(section, {sh_offset: offset, sh_addr: address, sh_size: size});
  for (const segment of programHeaders) {
    if (!isHeaderSegment(segment)) continue;
    segment.p_paddr += address - segment.p_vaddr;
    segment.p_vaddr = address;
    segment.p_offset = offset;
    segment.p_filesz = size;
    segment.p_memsz = size;
  }
}

function isHeaderSegment({p_type}: Phdr): boolean {
  return p_type === PT.PT_PHDR;
}

/** The section that describes the table and nothing else. */
function sectionOfHeaders({sectionHeaders, programHeaderOffset}: Draft): Shdr | undefined {
  return sectionHeaders.find(
    ({sh_type, sh_flags, sh_offset}) =>
      sh_type === SHT.SHT_PROGBITS && (sh_flags & SHF.SHF_ALLOC) !== 0 && sh_offset === programHeaderOffset,
  );
}
