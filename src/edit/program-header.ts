import {PT} from '../elf/constants.js';
import type {Phdr} from '../elf/records.js';
import type {Draft} from './draft.js';
import {dropNull} from './insert-load.js';
import {makeSlot} from './open-load.js';

/**
 * Take a slot of the program header table for another segment. One that must precede the LOADs (PT_INTERP,
 * gABI) is put there; the entries after it move up by one.
 *
 * @throws ElfError NO_ROOM when the table cannot have another entry
 */
export function takeProgramHeader(draft: Draft, fields: Partial<Phdr> & Pick<Phdr, 'p_type'>): Phdr {
  const {programHeaders} = draft;
  const segment = {...emptySegment, ...fields};
  makeSlot(draft);
  dropNull(draft);
  const firstLoad = programHeaders.findIndex(({p_type}) => p_type === PT.PT_LOAD);
  const isEarly = segment.p_type === PT.PT_INTERP && firstLoad >= 0;
  programHeaders.splice(isEarly ? firstLoad : programHeaders.length, 0, segment);
  return segment;
}

const emptySegment: Omit<Phdr, 'p_type'> = {
  p_flags: 0,
  p_offset: 0,
  p_vaddr: 0n,
  p_paddr: 0n,
  p_filesz: 0,
  p_memsz: 0,
  p_align: 1,
};
