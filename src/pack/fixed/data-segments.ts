/*
 * The writable segments of a program at fixed addresses. The program stays in the file as it was; the kernel maps
 * relocated copies of them.
 */
import {PF, PT} from '../../elf/constants.js';
import {roundUp} from '../../elf/notes.js';
import type {Phdr} from '../../elf/records.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {mostCopied} from './segment-copy.js';

/** A segment, and where its copy is in the packed file: on a page of its own. */
export interface CopiedSegment {
  readonly load: Phdr;
  readonly offset: number;
}

/**
 * Place the copies one after another; none for a program whose addresses do not change.
 *
 * @throws ElfError UNSUPPORTED
 */
export function placeDataSegments(
  view: ElfView,
  base: bigint,
  at: number,
  page: number,
): {readonly segments: readonly CopiedSegment[]; readonly end: number} {
  const loads = base === 0n ? [] : view.segments(PT.PT_LOAD).filter(({p_flags}) => (p_flags & PF.PF_W) !== 0);
  const size = loads.reduce((sum, {p_filesz}) => sum + p_filesz, 0);
  if (size > mostCopied) throw tooLarge(view, size);
  let end = at;
  const segments = loads.map((load) => {
    const offset = end;
    end = roundUp(offset + (load.p_offset % page) + load.p_filesz, page);
    return {load, offset};
  });
  return {segments, end};
}

function tooLarge({path}: ElfView, size: number): ElfError {
  return new ElfError('UNSUPPORTED', 'too much data to be relocated for fixed addresses', {
    path,
    expected: `writable segments of at most ${mostCopied} bytes together`,
    got: `${size} bytes`,
  });
}
