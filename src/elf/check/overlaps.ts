/*
 * Structures that overlap, so that changing one changes another: headers, segments that own their bytes, tables that
 * DT_* entries point at, and sections with the program's own content.
 */
import {ElfError} from '../../errors.js';
import {RangeSet} from '../../source/range-set.js';
import {DT, dynamicTagName, PT, SHF, SHT, segmentTypeName} from '../constants.js';
import {memoizedPerView} from '../memoized.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../records.js';
import {dynamicSymbolTable} from '../symbols.js';
import {dynamicTables, sizedBySymbols} from '../tables.js';
import type {ElfView} from '../view.js';
import type {Problem} from './problem.js';

/** No byte belongs to two structures that must not share it. */
export function* checkOverlaps(view: ElfView): Generator<Problem> {
  const message = findOverlap(view) ?? findIntruder(view);
  if (message !== undefined) yield {code: 'OVERLAP', message, offset: 0};
}

interface Owned {
  readonly what: string;
  readonly start: number;
  readonly end: number;
  /** Ranges of one group may share bytes: notes with GNU_PROPERTY, PLT relocations with the others. */
  readonly group: string;
}

/** Find two structures that share bytes that only one of them can own. */
export function findOverlap(view: ElfView): string | undefined {
  const owned = [...headers(view), ...symbols(view), ...segments(view), ...tables(view)]
    .filter(({start, end}) => end > start)
    .sort((a, b) => a.start - b.start);
  let widest: Owned | undefined;
  for (const next of owned) {
    if (widest !== undefined && next.start < widest.end && next.group !== widest.group)
      return `${widest.what} and ${next.what} overlap`;
    if (widest === undefined || next.end > widest.end) widest = next;
  }
  return undefined;
}

function headers(view: ElfView): Owned[] {
  const {elfClass} = view.format;
  const {e_phoff, e_shoff} = view.header;
  return [
    owned('the ELF header', 0, EI_NIDENT + Ehdr.size(elfClass)),
    owned('the program headers', e_phoff, view.programHeaders.length * Phdr.size(elfClass)),
    owned('the section headers', e_shoff, view.sectionHeaders.length * Shdr.size(elfClass)),
  ];
}

/** The debuggers' symbol table, which an edit updates when it moves things, and the section names. */
function symbols({sectionHeaders, e_shstrndx}: ElfView): Owned[] {
  return sectionHeaders
    .filter(({sh_type}, i) => sh_type === SHT.SHT_SYMTAB || (sh_type === SHT.SHT_STRTAB && i === e_shstrndx))
    .map(({sh_type, sh_offset, sh_size}) =>
      owned(sh_type === SHT.SHT_SYMTAB ? 'the symbol table' : 'the section names', sh_offset, sh_size),
    );
}

function owned(what: string, start: number, size: number, group = what): Owned {
  return {what, start, end: start + size, group};
}

/** Segments that own their bytes; the others contain bytes that belong to something else. */
function segments(view: ElfView): Owned[] {
  return view.programHeaders
    .filter(
      (segment) => segment.p_filesz > 0 && !containers.has(segment.p_type) && !coversHeaders(view, segment),
    )
    .map(({p_type, p_offset, p_filesz}) => {
      const name = segmentTypeName(p_type, view.header.e_machine);
      return owned(name, p_offset, p_filesz, notes.has(p_type) ? 'notes' : name);
    });
}

const notes: ReadonlySet<number> = new Set([PT.PT_NOTE]);

/** If patchelf moved the program headers to the place of a note, PT_NOTE still points there; such programs run. */
function coversHeaders(view: ElfView, {p_type, p_offset, p_filesz}: Phdr): boolean {
  const {e_phoff} = view.header;
  const end = e_phoff + view.programHeaders.length * Phdr.size(view.format.elfClass);
  return p_type === PT.PT_NOTE && p_offset < end && e_phoff < p_offset + p_filesz;
}

/**
 * PT_GNU_PROPERTY is inside an ordinary note. When patchelf 0.14 made room for more program headers, it moved the note
 * and left this segment pointing at the headers; such programs are common, run, and can be edited.
 */
const containers: ReadonlySet<number> = new Set([
  PT.PT_NULL,
  PT.PT_GNU_PROPERTY,
  PT.PT_LOAD,
  PT.PT_PHDR,
  PT.PT_GNU_RELRO,
  PT.PT_GNU_STACK,
]);

const relocationTags: ReadonlySet<bigint> = new Set([DT.DT_REL, DT.DT_RELA, DT.DT_JMPREL]);

const tables = memoizedPerView((view): readonly Owned[] => {
  try {
    const isGuessed = dynamicSymbolTable(view)?.exact === false;
    return dynamicTables(view).map(({tag, offset, size}) => {
      const name = dynamicTagName(tag, view.header.e_machine);
      const hasUnknownSize = isGuessed && tag !== DT.DT_GNU_HASH && sizedBySymbols.has(tag);
      // If the length of a table is unknown, at least its first byte belongs to it.
      const known = hasUnknownSize ? Math.min(size, 1) : size;
      return owned(name, offset, known, relocationTags.has(tag) ? 'relocations' : name);
    });
  } catch (error) {
    if (error instanceof ElfError && error.code !== 'FILE_SYSTEM') return [];
    throw error;
  }
});

/** Find a table that runs past the segment that maps it: an edit might mistake the rest for free space. */
export function findOverrun(view: ElfView): string | undefined {
  const loads = new RangeSet(
    view.programHeaders
      .filter(({p_type}) => p_type === PT.PT_LOAD)
      .map(({p_offset, p_filesz}) => ({offset: p_offset, size: p_filesz})),
  );
  const hit = tables(view).find(({start, end}) => end > (loads.endAt(start) ?? end));
  return hit && `${hit.what} is larger than its segment`;
}

/** Find a section of program content that overlaps a header or one of the linker's tables. */
export function findIntruder(view: ElfView): string | undefined {
  const interpreter = view.segment(PT.PT_INTERP);
  const isInterpreter = ({sh_offset, sh_size}: Shdr) =>
    sh_offset === interpreter?.p_offset && sh_size <= interpreter.p_filesz;
  const sections = view.sectionHeaders.filter(
    (section) =>
      contentTypes.has(section.sh_type) &&
      (section.sh_flags & SHF.SHF_ALLOC) !== 0 &&
      !isInterpreter(section),
  );
  const content = new RangeSet(sections.map(({sh_offset, sh_size}) => ({offset: sh_offset, size: sh_size})));
  // A section that covers all of the program headers describes them: deno compile makes one, and so do edits.
  const {e_phoff} = view.header;
  const describesHeaders = (start: number, end: number) =>
    start === e_phoff &&
    sections.some(({sh_offset, sh_size}) => sh_offset <= start && end <= sh_offset + sh_size);
  const dynamic = view.segment(PT.PT_DYNAMIC);
  const linkers = [
    ...headers(view),
    ...tables(view),
    ...(dynamic === undefined ? [] : [owned('PT_DYNAMIC', dynamic.p_offset, dynamic.p_filesz)]),
  ];
  const hit = linkers.find(
    ({start, end}) => content.touches({offset: start, size: end - start}) && !describesHeaders(start, end),
  );
  return hit === undefined ? undefined : `a section overlaps ${hit.what}`;
}

const contentTypes: ReadonlySet<number> = new Set([
  SHT.SHT_PROGBITS,
  SHT.SHT_INIT_ARRAY,
  SHT.SHT_FINI_ARRAY,
  SHT.SHT_PREINIT_ARRAY,
]);
