/*
 * Notes, found by PT_NOTE, or by SHT_NOTE when there are no program headers. One segment may hold several.
 */
import {PT, SHT} from './constants.js';
import {Nhdr} from './records.js';
import {decodeString} from './strings.js';
import type {ElfView} from './view.js';

export interface Note {
  /** Who defines the type: "GNU", "FDO", "Go", ... */
  readonly name: string;
  readonly type: number;
  readonly description: Uint8Array;
  /** File offset of the note's header. */
  readonly offset: number;
}

/** More bytes of notes than this mean a damaged file or a core file; the rest is not read. */
const mostBytes = 1 << 20;

/** More bytes of notes than this in all sections together mean that sections overlap; the rest is not checked. */
const mostChecked = 16 * mostBytes;

/**
 * Read every note that can be read. A note that runs past its segment ends the walk of that segment.
 *
 * @param type read only the notes of this type
 */
export function readNotes(view: ElfView, type?: number): Note[] {
  let left = mostBytes;
  return noteRanges(view).flatMap(({offset, size, align}) => {
    const length = Math.max(0, Math.min(size, left, view.source.size - offset));
    left -= length;
    return readRange(view, offset, length, align, type);
  });
}

/**
 * Read the notes of SHT_NOTE sections. mold puts notes of both alignments into one PT_NOTE, where those with the
 * smaller alignment cannot be found without the sections.
 */
export function readSectionNotes(view: ElfView): Note[] {
  let left = mostBytes;
  return noteSections(view).flatMap(({offset, size, align}) => {
    if (offset + size > view.source.size || size > left) return [];
    left -= size;
    return readRange(view, offset, size, align);
  });
}

interface NoteRange {
  readonly offset: number;
  readonly size: number;
  readonly align: number;
}

function noteRanges(view: ElfView): NoteRange[] {
  const {e_phoff, e_phnum} = view.header;
  if (e_phoff !== 0 && e_phnum !== 0) {
    return view
      .segments(PT.PT_NOTE)
      .map(({p_offset, p_filesz, p_align}) => ({offset: p_offset, size: p_filesz, align: p_align}));
  }
  return noteSections(view);
}

function noteSections({sectionHeaders}: ElfView): NoteRange[] {
  return sectionHeaders
    .filter((section) => section.sh_type === SHT.SHT_NOTE)
    .map((section) => ({offset: section.sh_offset, size: section.sh_size, align: section.sh_addralign}));
}

/** A note whose sizes make it run past its section or segment. */
interface BrokenNote {
  readonly offset: number;
  /** The file offset where it would end. */
  readonly end: number;
  /** The end of the section or segment. */
  readonly limit: number;
}

/** Find broken notes in SHT_NOTE sections, or in PT_NOTE segments if the file has no section headers. */
export function findBrokenNotes(view: ElfView): BrokenNote[] {
  const ranges = view.sectionHeaders.length > 0 ? noteSections(view) : noteRanges(view);
  let left = mostChecked;
  return ranges.flatMap(({offset, size, align}) => {
    if (size > mostBytes || size > left || offset + size > view.source.size) return [];
    left -= size;
    const {broken} = walkRange(view, offset, size, align);
    return broken === undefined ? [] : [broken];
  });
}

function readRange(view: ElfView, start: number, length: number, align: number, type?: number): Note[] {
  return walkRange(view, start, length, align, type).notes;
}

function walkRange(
  view: ElfView,
  start: number,
  length: number,
  align: number,
  type?: number,
): {notes: Note[]; broken?: BrokenNote} {
  const unit = align === 8 ? 8 : 4;
  const bytes = view.source.read(Math.min(start, view.source.size), length);
  const headerSize = Nhdr.size(view.format.elfClass);
  const notes: Note[] = [];
  for (let at = 0; at + headerSize <= length; ) {
    const {n_namesz, n_descsz, n_type} = Nhdr.decode(bytes, view.format, at);
    const nameAt = at + headerSize;
    const descriptionAt = roundUp(nameAt + n_namesz, unit);
    const end = descriptionAt + n_descsz;
    if (end > length) return {notes, broken: {offset: start + at, end: start + end, limit: start + length}};
    if (type === undefined || type === n_type) {
      const name = decodeString(bytes.subarray(nameAt, nameAt + Math.max(0, n_namesz - 1)));
      notes.push({name, type: n_type, description: bytes.subarray(descriptionAt, end), offset: start + at});
    }
    at = roundUp(end, unit);
  }
  return {notes};
}

/** Round `value` up to a multiple of `unit`. */
export function roundUp(value: number, unit: number): number {
  return unit <= 1 ? value : Math.ceil(value / unit) * unit;
}
