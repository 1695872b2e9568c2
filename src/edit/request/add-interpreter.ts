import {ET, PF, PT} from '../../elf/constants.js';
import {Phdr} from '../../elf/records.js';
import {encodeString} from '../../elf/strings.js';
import {ElfError, hex} from '../../errors.js';
import {addSection} from '../layout/add-section.js';
import {takeAppended, takeProgramHeader} from '../layout/appended-segment.js';
import type {Draft, EditResult} from '../layout/draft.js';
import {encode} from '../layout/encode.js';
import {findFreeSpace, findPlace, takePlace} from '../layout/free-space.js';
import {setInterpreter} from './interpreter.js';
import {requireLoaded} from './loaded.js';

/**
 * Plan an interpreter for a file that may have none, such as a shared library that should be executable. The string
 * goes into the first free range of a non-writable LOAD, and PT_INTERP into a slot of the program header table.
 *
 * @throws ElfError NO_ROOM when there is no room for either; UNSAFE_EDIT for a static-pie program, which would be
 *   relocated twice, or when the loader could not find the program header table
 */
export function addInterpreter(draft: Draft, path: string): EditResult {
  const {view} = draft;
  if (view.interpreter !== undefined) return setInterpreter(draft, path);
  requireLoaded(view, 'a static-pie program relocates itself and cannot have a loader');
  const bytes = encodeString(path);
  if (view.header.e_type === ET.ET_DYN && view.segment(PT.PT_PHDR) === undefined) addHeaderSegment(draft);
  const segment = takeProgramHeader(draft, {p_type: PT.PT_INTERP, p_flags: PF.PF_R});
  const found = findPlace(findFreeSpace(draft), bytes.length);
  const place = found ? takePlace(draft, found) : takeAppended(draft, bytes.length, 1);
  segment.p_offset = place.offset;
  segment.p_vaddr = place.address;
  segment.p_paddr = place.address;
  segment.p_filesz = bytes.length;
  segment.p_memsz = bytes.length;
  draft.write(place.offset, bytes, `the interpreter, ${path}`);
  addSection(draft, '.interp', {...place, size: bytes.length, align: 1});
  draft.placed('slack');
  draft.changes.push(`interpreter: none -> ${path}`);
  return encode(draft);
}

/**
 * GNU ld gives a library PT_PHDR only together with PT_INTERP. Without it the loaders of glibc (rtld_setup_main_map)
 * and musl assume that the kernel loaded the file at address 0. The table's final position is filled in at the end
 * (encode.ts).
 */
function addHeaderSegment(draft: Draft): void {
  const {elfClass} = draft.view.format;
  takeProgramHeader(draft, {p_type: PT.PT_PHDR, p_flags: PF.PF_R, p_align: elfClass / 8});
  const {programHeaderOffset: offset, programHeaders} = draft;
  if (draft.loadAt(offset, programHeaders.length * Phdr.size(elfClass)) !== undefined) return;
  throw new ElfError(
    'UNSAFE_EDIT',
    'the loader would not find the program header table, which is not in memory',
    {
      path: draft.view.path,
      expected: 'the table in a LOAD',
      got: `it at ${hex(offset)}`,
    },
  );
}
