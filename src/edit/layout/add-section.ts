/*
 * Add a section header for bytes that strip and objcopy would otherwise drop: they copy what sections describe, not
 * what segments describe. It goes last, so that no section index changes. The section header table moves if something
 * follows it, and so do the names.
 */
import {SHF, SHN, SHT} from '../../elf/constants.js';
import {roundUp} from '../../elf/notes.js';
import {Shdr} from '../../elf/records.js';
import {byteString, concatenate, encodeString} from '../../elf/strings.js';
import type {Range} from '../../source/range-set.js';
import {requireSectionNames} from '../damage.js';
import type {Draft} from './draft.js';
import {knownRanges} from './occupied.js';

/** Loaded bytes for a section to describe. */
export interface Described extends Range {
  readonly address: bigint;
  readonly align: number;
}

/** Describe loaded bytes by a section. Does nothing for a file without section headers, or with too many. */
export function addSection(draft: Draft, name: string, {offset, size, address, align}: Described): void {
  const {view, sectionHeaders} = draft;
  requireSectionNames(view);
  const names = sectionHeaders[view.e_shstrndx];
  if (names === undefined || sectionHeaders.length + 1 >= SHN.SHN_LORESERVE) return;
  if (draft.loadAt(names.sh_offset) !== undefined) return;
  const old = {offset: draft.sectionHeaderOffset, size: sizeOfHeaders(draft)};
  draft.clear(old.offset, old.size, 'the place of the section headers');
  const sh_name = placeName(draft, names, encodeString(name), old);
  const end = old.offset + old.size === draft.size ? endOfKnown(draft, old) : draft.size;
  sectionHeaders.push({
    sh_name,
    sh_type: SHT.SHT_PROGBITS,
    sh_flags: SHF.SHF_ALLOC,
    sh_addr: address,
    sh_offset: offset,
    sh_size: size,
    sh_link: 0,
    sh_info: 0,
    sh_addralign: align,
    sh_entsize: 0,
  });
  draft.sectionHeaderOffset = roundUp(end, 8);
  draft.reach(draft.sectionHeaderOffset + sizeOfHeaders(draft));
}

function sizeOfHeaders({view, sectionHeaders}: Draft): number {
  return sectionHeaders.length * Shdr.size(view.format.elfClass);
}

/**
 * Find a name, or a longer one that ends with it, or append it to the others; all names move to the end of the file if
 * there is no room.
 */
function placeName(draft: Draft, names: Shdr, name: Uint8Array, freed: Range): number {
  const content = draft.read(names.sh_offset, names.sh_size).slice();
  const found = byteString(content).indexOf(byteString(name));
  if (found >= 0) return found;
  const start = names.sh_size;
  const end = names.sh_offset + start;
  const next = knownRanges(draft, freed).filter((range) => range.end > end);
  const hasRoom = next.every((range) => range.start >= end + name.length);
  if (hasRoom) draft.write(end, name, 'the name of a section');
  else {
    const to = Math.max(draft.size, endOfKnown(draft, freed));
    draft.clear(names.sh_offset, start, 'the place of the section names');
    draft.write(to, concatenate([content, name]), 'the names of sections');
    names.sh_offset = to;
  }
  names.sh_size = start + name.length;
  return start;
}

/** The end of everything that headers describe, except for one range. */
function endOfKnown(draft: Draft, except: Range): number {
  const loads = draft.programHeaders.map(({p_offset, p_filesz}) => p_offset + p_filesz);
  const known = knownRanges(draft, except).map(({end}) => end);
  return [...loads, ...known].reduce((last, end) => Math.max(last, end), 0);
}
