import {PT} from '../elf/constants.js';
import type {Phdr} from '../elf/records.js';
import {ElfError} from '../errors.js';
import type {Draft} from './draft.js';

/**
 * Take a slot of the program header table for another segment. One that must stand before the LOADs (PT_INTERP,
 * gABI) is put there; the entries between move up by one.
 *
 * @throws ElfError NO_ROOM when the table has no PT_NULL to give
 */
export function takeProgramHeader(draft: Draft, fields: Partial<Phdr> & Pick<Phdr, 'p_type'>): Phdr {
  const {programHeaders} = draft;
  const slot = programHeaders.findIndex(({p_type}) => p_type === PT.PT_NULL);
  if (slot < 0) {
    throw new ElfError('NO_ROOM', 'no room for another program header, and the table does not move yet', {
      path: draft.view.path,
      offset: draft.view.header.e_phoff,
      expected: 'a PT_NULL entry',
      got: 'none',
    });
  }
  const segment = {...emptySegment, ...fields};
  programHeaders.splice(slot, 1);
  const firstLoad = programHeaders.findIndex(({p_type}) => p_type === PT.PT_LOAD);
  const isEarly = segment.p_type === PT.PT_INTERP && firstLoad >= 0 && firstLoad < slot;
  programHeaders.splice(isEarly ? firstLoad : slot, 0, segment);
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
