/*
 * Setting PT_INTERP. The kernel reads the string at p_offset and ld.so reads it again at p_vaddr, so it must be mapped;
 * nothing else refers to it. It replaces the old one in place if it fits between its neighbours, else it goes into the
 * first free range of a non-writable LOAD, else into a new LOAD at the end of the file.
 */

import {PT} from '../../elf/constants.js';
import {noInterpreter} from '../../elf/kind.js';
import {Phdr} from '../../elf/records.js';
import {encodeString} from '../../elf/strings.js';
import type {ElfView} from '../../elf/view.js';
import {requireAppended, takeAppended} from '../layout/appended-segment.js';
import {type Draft, type EditResult, unchanged} from '../layout/draft.js';
import {encode} from '../layout/encode.js';
import {type FreeRange, findFreeSpace, findPlace, takePlace, vacate} from '../layout/free-space.js';
import {isNamed} from '../layout/references.js';
import {type MappedRange, relocate} from '../layout/relocate.js';

/**
 * Plan another interpreter. The path is used as is; `checkRequest` refuses invalid ones.
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
  const home = rangeOf(draft);
  const isGivenUp = bytes.length <= home.size || !hasSymbolAt(view, home);
  const free = findFreeSpace(draft, isGivenUp ? home : undefined);
  const found = findPlace(free, bytes.length, homeIn(draft, free, bytes.length) ?? old.offset);
  // Creating a segment may move the old string, so do that first.
  if (found === undefined) requireAppended(draft, bytes.length);
  if (isGivenUp) vacate(draft, rangeOf(draft), 'zeros over the old interpreter');
  const place = found ? takePlace(draft, found) : takeAppended(draft, bytes.length, 1);
  draft.write(place.offset, bytes, `the interpreter, ${path}`);
  relocate(draft, rangeOf(draft), {...place, size: bytes.length});
  draft.placed(place.offset === old.offset ? 'in-place' : 'slack');
  draft.changes.push(`interpreter: ${old.path} -> ${path}`);
  return encode(draft);
}

/**
 * Linkers put .interp right after the program headers. A string that an earlier edit moved elsewhere goes back there
 * when it fits again, so that restoring the old interpreter restores the old file.
 */
function homeIn(draft: Draft, free: readonly FreeRange[], size: number): number | undefined {
  const {view, programHeaders, programHeaderOffset} = draft;
  const end = programHeaderOffset + programHeaders.length * Phdr.size(view.format.elfClass);
  return free.find((range) => range.kind === 'gap' && range.offset === end && range.size >= size)?.offset;
}

function rangeOf({programHeaders}: Draft): MappedRange {
  const segment = programHeaders.find((phdr) => phdr.p_type === PT.PT_INTERP);
  const {p_offset: offset = 0, p_filesz: size = 0, p_vaddr: address = 0n} = segment ?? {};
  return {offset, size, address};
}

/**
 * Libraries that can be run (libcap, libc) declare the string as a variable in section .interp, so their code may read
 * it at its old address. A longer path then leaves the old string in place.
 */
function hasSymbolAt(view: ElfView, {address, size}: MappedRange): boolean {
  return isNamed(view, {low: address, high: address + BigInt(size)});
}
