import {PF, PT} from '../elf/constants.js';
import {encodeString} from '../elf/strings.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {Draft, type Step} from './draft.js';
import {setInterpreter} from './interpreter.js';
import {requireLoaded} from './loaded.js';
import {takeProgramHeader} from './program-header.js';
import {findRooms, takePlace} from './space.js';

/**
 * Plan an interpreter for a file that may have none, as a shared library that shall be run. The string goes into
 * the first room of a non-writable LOAD, and PT_INTERP into a slot of the program header table.
 *
 * @throws ElfError NO_ROOM when either is missing; UNSAFE_EDIT for a static-pie program, which would be
 *   relocated twice
 */
export function addInterpreter(view: ElfView, path: string): Step {
  if (view.interpreter !== undefined) return setInterpreter(view, path);
  requireLoaded(view, 'a static-pie program relocates itself and must not be given to a loader');
  const draft = new Draft(view);
  const bytes = encodeString(path);
  const place = takePlace(findRooms(draft), bytes.length, 1);
  if (place === undefined) {
    throw new ElfError('NO_ROOM', 'no room for an interpreter without a new segment, which is not made yet', {
      path: view.path,
      expected: `${bytes.length} bytes of slack in a read-only segment`,
      got: 'less',
    });
  }
  takeProgramHeader(draft, {
    p_type: PT.PT_INTERP,
    p_flags: PF.PF_R,
    p_offset: place.offset,
    p_vaddr: place.address,
    p_paddr: place.address,
    p_filesz: bytes.length,
    p_memsz: bytes.length,
  });
  draft.write(place.offset, bytes, `the interpreter, ${path}`);
  draft.climb(2);
  draft.changes.push(`interpreter: none -> ${path}`);
  return draft.finish();
}
