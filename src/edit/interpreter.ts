/*
 * Setting PT_INTERP. The kernel reads the string at p_offset, ld.so reads it again at p_vaddr, so it must be
 * mapped; nothing else refers to it. It goes where the old one was if it fits between its neighbours there, else
 * into the first room of a non-writable LOAD.
 */

import {PT, SHN, SHT, STT} from '../elf/constants.js';
import {Phdr, Sym} from '../elf/records.js';
import {encodeString} from '../elf/strings.js';
import {eachSymbol} from '../elf/symbols.js';
import type {ElfView, Interpreter} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {Draft, noStep, type Step} from './draft.js';
import {findRooms, type Place, type Room, takePlace, vacate} from './space.js';

/**
 * Plan another interpreter. The path is taken as it is; see `checkRequest` for what is refused.
 *
 * @throws ElfError NO_INTERPRETER for a static program or a library, NO_ROOM when there is no slack
 */
export function setInterpreter(view: ElfView, path: string): Step {
  const old = view.interpreter;
  if (old === undefined) throw noInterpreter(view);
  if (old.path === path && old.size === encodeString(path).length) return noStep(view);
  const bytes = encodeString(path);
  const draft = new Draft(view);
  const place = findPlace(draft, old, bytes.length);
  draft.write(place.offset, bytes, `the interpreter, ${path}`);
  redirect(draft, old, place, bytes.length);
  draft.climb(place.offset === old.offset ? 1 : 2);
  draft.changes.push(`interpreter: ${old.path} -> ${path}`);
  return draft.finish();
}

/** Say why there is no interpreter to set. */
export function noInterpreter(view: ElfView): ElfError {
  const kind =
    view.dynamic === undefined ? 'a statically linked program' : 'a shared library or a static-pie program';
  return new ElfError('NO_INTERPRETER', 'there is no interpreter: the file has no PT_INTERP', {
    path: view.path,
    expected: 'a dynamically linked program',
    got: kind,
  });
}

/** In the old place or in a room; bytes that a symbol names stay as they are when the string goes elsewhere. */
function findPlace(draft: Draft, old: Interpreter, size: number): Place {
  const isNamed = size > old.size && hasSymbolAt(draft.view, old);
  if (!isNamed) vacate(draft, old, 'the place of the old interpreter');
  const rooms = findRooms(draft, isNamed ? undefined : old);
  const place = takePlace(rooms, size, 1, homeIn(draft, rooms, size) ?? old.offset);
  if (place !== undefined) return place;
  throw new ElfError(
    'NO_ROOM',
    'no room for the new interpreter without a new segment, which is not made yet',
    {
      path: draft.view.path,
      offset: old.offset,
      expected: `${size} bytes of slack in a read-only segment`,
      got: 'less',
      value: size,
    },
  );
}

/**
 * Linkers put .interp right behind the program headers. A string that an edit moved away goes back there when it
 * fits again, so that setting the old interpreter gives the old file.
 */
function homeIn(draft: Draft, rooms: readonly Room[], size: number): number | undefined {
  const {view, programHeaders} = draft;
  const end = view.header.e_phoff + programHeaders.length * Phdr.size(view.format.elfClass);
  return rooms.find((room) => room.kind === 'gap' && room.offset === end && room.size >= size)?.offset;
}

/**
 * Libraries that can be run (libcap, libc) declare the string as a variable in section .interp, so their code may
 * read it where it is.
 */
function hasSymbolAt(view: ElfView, {size}: Interpreter): boolean {
  const entrySize = Sym.size(view.format.elfClass);
  const start = view.segment(PT.PT_INTERP)?.p_vaddr ?? 0n;
  let found = false;
  for (const table of view.sectionHeaders) {
    if (table.sh_type !== SHT.SHT_SYMTAB && table.sh_type !== SHT.SHT_DYNSYM) continue;
    eachSymbol(
      view,
      table.sh_offset,
      Math.floor(table.sh_size / entrySize),
      ({st_info, st_shndx, st_value}) => {
        const isInside = st_value >= start && st_value < start + BigInt(size);
        found ||= isInside && st_shndx !== SHN.SHN_UNDEF && (st_info & 0xf) !== STT.STT_SECTION;
      },
    );
  }
  return found;
}

function redirect(draft: Draft, old: Interpreter, place: Place, size: number): void {
  const segment = draft.programHeaders[old.index];
  if (segment === undefined) return;
  const distance = place.address - segment.p_vaddr;
  segment.p_offset = place.offset;
  segment.p_vaddr = place.address;
  segment.p_paddr += distance;
  segment.p_filesz = size;
  segment.p_memsz = size;
  draft.moveSection(old, {offset: place.offset, size, address: place.address});
}
