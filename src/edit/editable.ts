/*
 * Preconditions for any edit. Reading tolerates a damaged file; editing one could make the damage worse, so the basics
 * are checked first: every segment inside the file, LOADs in order, tables where the header says.
 */

import {PN_XNUM, PT} from '../elf/constants.js';
import {debugFileError, requireLinked} from '../elf/kind.js';
import {packedContents} from '../elf/packed.js';
import type {ElfView} from '../elf/view.js';
import {isDebugFile, isWithoutBytes} from '../elf/without-bytes.js';
import {ElfError} from '../errors.js';

/** @throws ElfError TRUNCATED or BAD_ELF naming what is wrong, UNSUPPORTED for what is not a program or library, PACKED */
export function requireEditable(view: ElfView): void {
  requireLinked(view.header, view.path);
  requireCountable(view);
  refuseDebugFile(view);
  refusePacked(view);
  requireSegmentsInFile(view);
  requireOrder(view);
  requireSectionsInFile(view);
}

/** Only core files have more segments than e_phnum can count; no kernel loads such a program. */
function requireCountable({header, path}: ElfView): void {
  if (header.e_phnum !== PN_XNUM) return;
  throw new ElfError('UNSUPPORTED', 'more program headers than the kernel accepts', {
    path,
    expected: `fewer than ${PN_XNUM}`,
    got: `${header.e_phnum} (PN_XNUM)`,
  });
}

/**
 * Refuse a packed file: what an edit would change is inside, and the list of contents has its hash. @throws ElfError
 * PACKED
 */
export function refusePacked(view: ElfView): void {
  if (packedContents(view) === undefined) return;
  throw new ElfError(
    'PACKED',
    'the file is packed: unpack it, change the program or library, and pack it again',
    {
      path: view.path,
      expected: 'a program or library that is not packed',
    },
  );
}

/** `objcopy --only-keep-debug` keeps the program headers but removes the bytes that they describe. */
function refuseDebugFile(view: ElfView): void {
  const isElsewhere = [PT.PT_DYNAMIC, PT.PT_INTERP].some((p_type) => isWithoutBytes(view, p_type));
  if (isElsewhere || isDebugFile(view)) throw debugFileError(view.path);
}

function requireSegmentsInFile(view: ElfView): void {
  for (const [i, {p_type, p_offset, p_filesz, p_memsz}] of view.programHeaders.entries()) {
    if (p_type === PT.PT_NULL || p_type === PT.PT_GNU_STACK || p_filesz === 0) continue;
    if (p_offset + p_filesz > view.source.size) {
      throw new ElfError('TRUNCATED', `segment ${i} extends past the end of the file`, {
        path: view.path,
        offset: p_offset,
        expected: `${p_filesz} bytes`,
        got: `${Math.max(0, view.source.size - p_offset)} bytes`,
      });
    }
    if (p_type === PT.PT_LOAD && p_filesz > p_memsz) {
      throw new ElfError('BAD_ELF', `segment ${i} is larger in the file than in memory`, {
        path: view.path,
        expected: `at most ${p_memsz} bytes`,
        got: `${p_filesz}`,
      });
    }
  }
}

function requireOrder(view: ElfView): void {
  // A LOAD that maps nothing may have any address.
  const loads = view.programHeaders.filter(({p_type, p_memsz}) => p_type === PT.PT_LOAD && p_memsz > 0);
  for (const [i, load] of loads.entries()) {
    const before = loads[i - 1];
    if (before === undefined || load.p_vaddr >= before.p_vaddr + BigInt(before.p_memsz)) continue;
    throw new ElfError('BAD_ELF', 'PT_LOAD segments overlap or are out of order', {
      path: view.path,
      expected: `an address of 0x${(before.p_vaddr + BigInt(before.p_memsz)).toString(16)} or more`,
      got: `0x${load.p_vaddr.toString(16)}`,
      value: load.p_vaddr,
    });
  }
}

function requireSectionsInFile(view: ElfView): void {
  for (const [i, {sh_type, sh_offset, sh_size}] of view.sectionHeaders.entries()) {
    if (sh_type === 0 || sh_type === 8 || sh_offset + sh_size <= view.source.size) continue;
    throw new ElfError('TRUNCATED', `section ${i} extends past the end of the file`, {
      path: view.path,
      offset: sh_offset,
      expected: `${sh_size} bytes`,
      got: `${Math.max(0, view.source.size - sh_offset)} bytes`,
    });
  }
}
