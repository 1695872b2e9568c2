/*
 * Damage that no edit can do justice to: structures that lie over one another, so that changing one changes another,
 * and structures of which there are two where kernel and loader each take the one that they like. Such a file is
 * refused before anything is planned.
 *
 * Whose fault is a plan that the checker refuses all the same? Of a sound file it is elfinterp's, an internal error to
 * be reported. In one that is damaged in some other way no planner could do better: then the file is named, and what
 * is wrong with it.
 */
import {checkElf} from '../elf/check.js';
import {DT, dynamicTagName, PT, SHF, SHT, segmentTypeName} from '../elf/constants.js';
import {oncePerView} from '../elf/once.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../elf/records.js';
import {dynamicSymbolTable} from '../elf/symbols.js';
import {dynamicTables, isTableTag, sizedBySymbols} from '../elf/tables.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {RangeSet} from './range-set.js';

/** @throws ElfError UNSAFE_EDIT naming the damage */
export function requireUndamaged(view: ElfView): void {
  const damage = findDamage(view);
  if (damage !== undefined) throw unsafe(view, damage);
}

const findDamage = oncePerView(
  (view) =>
    findDouble(view) ?? findLost(view) ?? findOverrun(view) ?? findOverlap(view) ?? findIntruder(view),
);

function unsafe({path}: ElfView, damage: string, cause?: unknown): ElfError {
  return new ElfError('UNSAFE_EDIT', `the file is damaged, and editing it would damage it more: ${damage}`, {
    path,
    cause,
  });
}

/**
 * The kernel takes the first PT_INTERP; ld.so takes the last PT_DYNAMIC, and we the first. Of two entries that point at
 * a table the last one counts, and the other would be left pointing at where the table was.
 */
function findDouble(view: ElfView): string | undefined {
  const {programHeaders, dynamic} = view;
  for (const [type, name] of [
    [PT.PT_INTERP, 'PT_INTERP'],
    [PT.PT_DYNAMIC, 'PT_DYNAMIC'],
  ] as const) {
    if (programHeaders.filter(({p_type}) => p_type === type).length > 1) return `there are two ${name}`;
  }
  const tags = (dynamic?.tags ?? []).filter((tag) => isTableTag(view, tag));
  const twice = tags.find((tag, i) => tags.indexOf(tag) < i);
  return twice === undefined ? undefined : `there are two ${dynamicTagName(twice, view.header.e_machine)}`;
}

/** Turn a failed check of a plan for a damaged file into an error about the file; any other error stays. */
export function explainFailedCheck(view: ElfView, error: unknown): unknown {
  if (!(error instanceof ElfError) || error.code !== 'CHECK_FAILED') return error;
  const damage = checkElf(view)[0]?.message;
  return damage === undefined ? error : unsafe(view, damage, error);
}

interface Owned {
  readonly what: string;
  readonly start: number;
  readonly end: number;
  /** Ranges of one group may share bytes: notes with GNU_PROPERTY, PLT relocations with the others. */
  readonly group: string;
}

/** Two structures that share bytes which can only be one of them. */
function findOverlap(view: ElfView): string | undefined {
  const owned = [...headers(view), ...segments(view), ...tables(view)]
    .filter(({start, end}) => end > start)
    .sort((a, b) => a.start - b.start);
  let widest: Owned | undefined;
  for (const next of owned) {
    if (widest !== undefined && next.start < widest.end && next.group !== widest.group)
      return `${widest.what} and ${next.what} lie over one another`;
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

function owned(what: string, start: number, size: number, group = what): Owned {
  return {what, start, end: start + size, group};
}

/** Segments that speak of bytes of their own; the others contain what belongs to somebody else. */
function segments(view: ElfView): Owned[] {
  return view.programHeaders
    .filter(({p_type, p_filesz}) => p_filesz > 0 && !containers.has(p_type))
    .map(({p_type, p_offset, p_filesz}) => {
      const name = segmentTypeName(p_type, view.header.e_machine);
      return owned(name, p_offset, p_filesz, notes.has(p_type) ? 'notes' : name);
    });
}

const notes: ReadonlySet<number> = new Set([PT.PT_NOTE]);
/**
 * PT_GNU_PROPERTY lies in a note like any other. Where patchelf 0.14 made room for more program headers, it
 * moved the note and left this pointing at the headers: such programs run, are many, and can be edited.
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

const tables = oncePerView((view): readonly Owned[] => {
  try {
    const isGuessed = dynamicSymbolTable(view)?.exact === false;
    return dynamicTables(view).map(({tag, offset, size}) => {
      const name = dynamicTagName(tag, view.header.e_machine);
      const hasUnknownSize = isGuessed && tag !== DT.DT_GNU_HASH && sizedBySymbols.has(tag);
      // Of a table without a known length the beginning at least is its own.
      const known = hasUnknownSize ? Math.min(size, 1) : size;
      return owned(name, offset, known, relocationTags.has(tag) ? 'relocations' : name);
    });
  } catch (error) {
    if (error instanceof ElfError && error.code !== 'FILE_SYSTEM') return [];
    throw error;
  }
});

/** What is read at a file offset here, ld.so reads at an address. A table in no segment comes into one that grows. */
function findLost(view: ElfView): string | undefined {
  const dynamic = view.segment(PT.PT_DYNAMIC);
  if (dynamic?.p_filesz === 0) return 'PT_DYNAMIC is empty';
  const strayed = dynamic !== undefined && isElsewhere(view, dynamic) ? dynamic : findElsewhere(view);
  if (strayed !== undefined)
    return `${segmentTypeName(strayed.p_type, view.header.e_machine)} is mapped from another place than it says`;
  const lost = view.dynamic?.entries.find(
    ({d_tag, d_val}) => isTableTag(view, d_tag) && d_val !== 0n && view.offsetOfAddress(d_val) === undefined,
  );
  if (lost === undefined || view.dynamic?.value(sizeTags.get(lost.d_tag) ?? lost.d_tag) === 0n)
    return undefined;
  return `${dynamicTagName(lost.d_tag, view.header.e_machine)} does not lead into the file`;
}

function isElsewhere(view: ElfView, {p_vaddr, p_offset}: Phdr): boolean {
  return view.offsetOfAddress(p_vaddr) !== p_offset;
}

/** A segment that would have to move with its bytes, and whose place in memory is not that of these bytes. */
function findElsewhere(view: ElfView): Phdr | undefined {
  const isMapped = (offset: number) =>
    view.programHeaders.some(
      (p) => p.p_type === PT.PT_LOAD && p.p_offset <= offset && offset < p.p_offset + p.p_filesz,
    );
  return view.programHeaders.find(
    (segment) =>
      (segment.p_type === PT.PT_INTERP || segment.p_type === PT.PT_NOTE) &&
      segment.p_filesz > 0 &&
      isMapped(segment.p_offset) &&
      (segment.p_memsz > segment.p_filesz || isElsewhere(view, segment)),
  );
}

const sizeTags: ReadonlyMap<bigint, bigint> = new Map([
  [DT.DT_REL, DT.DT_RELSZ],
  [DT.DT_RELA, DT.DT_RELASZ],
  [DT.DT_RELR, DT.DT_RELRSZ],
  [DT.DT_JMPREL, DT.DT_PLTRELSZ],
]);

/** A table that is longer than the segment which maps it has bytes that an edit may take for free ones. */
function findOverrun(view: ElfView): string | undefined {
  const loads = new RangeSet(
    view.programHeaders
      .filter(({p_type}) => p_type === PT.PT_LOAD)
      .map(({p_offset, p_filesz}) => ({offset: p_offset, size: p_filesz})),
  );
  const hit = tables(view).find(({start, end}) => end > (loads.endAt(start) ?? end));
  return hit && `${hit.what} is longer than the segment that holds it`;
}

/** A section with content of the program's own where a header or a table of the linker's stands. */
function findIntruder(view: ElfView): string | undefined {
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
  const dynamic = view.segment(PT.PT_DYNAMIC);
  const linkers = [
    ...headers(view),
    ...tables(view),
    ...(dynamic === undefined ? [] : [owned('PT_DYNAMIC', dynamic.p_offset, dynamic.p_filesz)]),
  ];
  const hit = linkers.find(({start, end}) => content.touches({offset: start, size: end - start}));
  return hit === undefined ? undefined : `a section reaches into ${hit.what}`;
}

const contentTypes: ReadonlySet<number> = new Set([
  SHT.SHT_PROGBITS,
  SHT.SHT_INIT_ARRAY,
  SHT.SHT_FINI_ARRAY,
  SHT.SHT_PREINIT_ARRAY,
]);
