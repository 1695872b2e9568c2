/*
 * Setting PT_INTERP. The kernel reads the string at p_offset, ld.so reads it again at p_vaddr, so it must be
 * mapped; nothing else refers to it. It goes where the old one was if it fits between its neighbours there, else
 * into the first free range of a non-writable LOAD, else into a new one at the end of the file.
 */

import {PT} from '../../elf/constants.js';
import {noInterpreter} from '../../elf/kind.js';
import {Phdr} from '../../elf/records.js';
import {encodeString} from '../../elf/strings.js';
import type {ElfView} from '../../elf/view.js';
import type {Range} from '../../source/range-set.js';
import {requireAppended, takeAppended} from '../layout/appended-segment.js';
import {type Draft, type EditResult, unchanged} from '../layout/draft.js';
import {type FreeRange, findFreeSpace, type Place, takePlace, vacate} from '../layout/free-space.js';
import {isNamed} from '../layout/references.js';
import {type MappedRange, relocate} from '../layout/relocate.js';

/**
 * Plan another interpreter. The path is taken as it is; see `checkRequest` for what is refused.
 *
 * @throws ElfError NO_INTERPRETER for a static program or a library, NO_ROOM when there is no slack and a new
 *   segment cannot be made
 */
export function setInterpreter(draft: Draft, path: string): EditResult {
  const {view} = draft;
  const old = view.interpreter;
  if (old === undefined) throw noInterpreter(view);
  if (old.path === path && old.size === encodeString(path).length) return unchanged(view);
  const bytes = encodeString(path);
  const found = findPlace(draft, bytes.length);
  return found === undefined ? moveTo(draft.startAgain(), bytes, path) : write(draft, found, bytes, path);
}

/** In the old place, or in free space. */
function findPlace(draft: Draft, size: number): Place | undefined {
  const free = findFreeSpace(draft, giveUp(draft, size));
  return takePlace(draft, free, size, 1, homeIn(draft, free, size) ?? draft.view.interpreter?.offset);
}

/** In the appended segment. From the start: making it may move the old string, which must stay where it was until then. */
function moveTo(draft: Draft, bytes: Uint8Array, path: string): EditResult {
  requireAppended(draft, bytes.length);
  giveUp(draft, bytes.length);
  return write(draft, takeAppended(draft, bytes.length, 1), bytes, path);
}

function write(draft: Draft, place: Place, bytes: Uint8Array, path: string): EditResult {
  const {interpreter} = draft.view;
  draft.write(place.offset, bytes, `the interpreter, ${path}`);
  relocate(draft, rangeOf(draft), {...place, size: bytes.length});
  draft.placed(place.offset === interpreter?.offset ? 'in-place' : 'slack');
  draft.changes.push(`interpreter: ${interpreter?.path} -> ${path}`);
  return draft.finish();
}

/**
 * Linkers put .interp right after the program headers. A string that an edit moved away goes back there when it
 * fits again, so that setting the old interpreter gives the old file.
 */
function homeIn(draft: Draft, free: readonly FreeRange[], size: number): number | undefined {
  const {view, programHeaders, programHeaderOffset} = draft;
  const end = programHeaderOffset + programHeaders.length * Phdr.size(view.format.elfClass);
  return free.find((range) => range.kind === 'gap' && range.offset === end && range.size >= size)?.offset;
}

/** Clear the old string, unless a symbol names it and the new one goes elsewhere. */
function giveUp(draft: Draft, size: number): Range | undefined {
  const old = rangeOf(draft);
  if (size > old.size && hasSymbolAt(draft.view, old)) return undefined;
  vacate(draft, old, 'the place of the old interpreter');
  return old;
}

function rangeOf({programHeaders}: Draft): MappedRange {
  const segment = programHeaders.find((phdr) => phdr.p_type === PT.PT_INTERP);
  const {p_offset: offset = 0, p_filesz: size = 0, p_vaddr: address = 0n} = segment ?? {};
  return {offset, size, address};
}

/**
 * Libraries that can be run (libcap, libc) declare the string as a variable in section .interp, so their code may
 * read it where it is.
 */
function hasSymbolAt(view: ElfView, {size}: Range): boolean {
  const low = view.segment(PT.PT_INTERP)?.p_vaddr ?? 0n;
  return isNamed(view, {low, high: low + BigInt(size)});
}
