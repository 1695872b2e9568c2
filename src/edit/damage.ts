/*
 * Damage that no edit can work around: structures that overlap, so that changing one changes another, and duplicate
 * structures of which kernel and loader may each use a different one. Such a file is refused before anything is
 * planned.
 *
 * If the checker still refuses a plan for a sound file, that is an internal error of elfinterp, to be reported. If the
 * file is damaged in some other way, no planner could do better, and the error names the damage instead.
 */

import {findIntruder, findOverlap, findOverrun} from '../elf/check/overlaps.js';
import {checkElf} from '../elf/check.js';
import {DT, dynamicTagName, PT, SHT, segmentTypeName} from '../elf/constants.js';
import {memoizedPerView} from '../elf/memoized.js';
import type {Phdr} from '../elf/records.js';
import {gnuHashTable} from '../elf/symbols.js';
import {isTableSegment} from '../elf/table-kinds.js';
import {isTableTag} from '../elf/tables.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {RangeSet} from '../source/range-set.js';

/** @throws ElfError UNSAFE_EDIT naming the damage */
export function requireUndamaged(view: ElfView): void {
  const damage = findDamage(view);
  if (damage !== undefined) throw unsafe(view, damage);
}

/**
 * Check what loaders and edits of the dynamic section rely on.
 *
 * @throws ElfError UNSAFE_EDIT naming the damage
 */
export function requireSoundDynamic(view: ElfView): void {
  const damage = findBadDynamic(view);
  if (damage !== undefined) throw unsafe(view, damage);
}

/**
 * Check what an edit that moves tables relies on: the segments over the tables move too, in memory and in the file.
 *
 * @throws ElfError UNSAFE_EDIT naming a segment whose address does not map its file bytes
 */
export function requireTablesMapped(view: ElfView): void {
  const strayed = findElsewhere(view, (type) => isTableSegment(type, view.header.e_machine));
  if (strayed !== undefined) throw unsafe(view, mappedElsewhere(view, strayed));
}

const findBadDynamic = memoizedPerView((view) => {
  const {dynamic, source, format} = view;
  if (dynamic === undefined) return undefined;
  if (dynamic.address % BigInt(format.elfClass / 8) !== 0n) return 'the dynamic section is not aligned';
  if (view.offsetOfTable(DT.DT_STRTAB) === undefined) return undefined;
  const {offset, size} = dynamic.stringTable;
  if (size === 0 || source.read(offset + size - 1, 1)[0] !== 0)
    return 'the dynamic string table does not end with a NUL';
  const hash = gnuHashTable(view)?.header;
  if (hash !== undefined && (hash.nbuckets === 0 || hash.nbuckets > mostBuckets))
    return `DT_GNU_HASH has ${hash.nbuckets} buckets`;
  return undefined;
});

/** More than any real table has. */
const mostBuckets = 1 << 24;

/**
 * Check the table of section names before adding a name to it.
 *
 * @throws ElfError UNSAFE_EDIT when it is not valid; a file without section headers needs none
 */
export function requireSectionNames(view: ElfView): void {
  if (view.sectionHeaders.length === 0 || view.e_shstrndx === 0) return;
  const names = view.sectionHeaders[view.e_shstrndx];
  if (names === undefined)
    throw unsafe(view, `there is no section ${view.e_shstrndx} to hold the section names`);
  if (names.sh_type !== SHT.SHT_STRTAB || names.sh_size === 0)
    throw unsafe(
      view,
      `section ${view.e_shstrndx}, which should hold the section names, is not a string table`,
    );
  const stray = view.sectionHeaders.findIndex(({sh_name}) => sh_name >= names.sh_size);
  if (stray >= 0) throw unsafe(view, `the name of section ${stray} is outside the section names`);
}

const findDamage = memoizedPerView(
  (view) =>
    findDouble(view) ?? findLost(view) ?? findOverrun(view) ?? findOverlap(view) ?? findIntruder(view),
);

function unsafe({path}: ElfView, damage: string, cause?: unknown): ElfError {
  return new ElfError('UNSAFE_EDIT', `the file is damaged, and an edit would damage it further: ${damage}`, {
    path,
    cause,
  });
}

/**
 * The kernel uses the first PT_INTERP; ld.so uses the last PT_DYNAMIC, and we use the first. If two entries point at a
 * table, the last one counts, and the other might be left pointing at the table's old place.
 */
function findDouble(view: ElfView): string | undefined {
  const {programHeaders, dynamic} = view;
  for (const [type, name] of [
    [PT.PT_INTERP, 'PT_INTERP'],
    [PT.PT_DYNAMIC, 'PT_DYNAMIC'],
  ] as const) {
    if (programHeaders.filter(({p_type}) => p_type === type).length > 1)
      return `there is more than one ${name}`;
  }
  const tags = (dynamic?.tags ?? []).filter((tag) => isTableTag(view, tag));
  const twice = tags.find((tag, i) => tags.indexOf(tag) < i);
  return twice === undefined
    ? undefined
    : `there is more than one ${dynamicTagName(twice, view.header.e_machine)}`;
}

/** Turn a failed check of a plan for a damaged file into an error about the file; any other error stays. */
export function explainFailedCheck(view: ElfView, error: unknown): unknown {
  if (!(error instanceof ElfError) || error.code !== 'CHECK_FAILED') return error;
  const damage = checkElf(view)[0]?.message;
  return damage === undefined ? error : unsafe(view, damage, error);
}

/**
 * ld.so reads at an address what we read at a file offset. A table outside all segments could end up in one that grows.
 */
function findLost(view: ElfView): string | undefined {
  const dynamic = view.segment(PT.PT_DYNAMIC);
  const isRead = dynamic !== undefined && dynamic.p_filesz > 0;
  const isOfEveryFile = (type: number) => type === PT.PT_INTERP || type === PT.PT_NOTE;
  const strayed = isRead && isElsewhere(view, dynamic) ? dynamic : findElsewhere(view, isOfEveryFile);
  if (strayed !== undefined) return mappedElsewhere(view, strayed);
  const lost = view.dynamic?.entries.find(
    ({d_tag, d_val}) => isTableTag(view, d_tag) && d_val !== 0n && view.offsetOfAddress(d_val) === undefined,
  );
  if (lost === undefined || view.dynamic?.value(sizeTags.get(lost.d_tag) ?? lost.d_tag) === 0n)
    return undefined;
  return `${dynamicTagName(lost.d_tag, view.header.e_machine)} does not point into the file`;
}

function mappedElsewhere({header}: ElfView, {p_type}: Phdr): string {
  return `${segmentTypeName(p_type, header.e_machine)} is mapped from a different place than its header says`;
}

function isElsewhere(view: ElfView, {p_vaddr, p_offset}: Phdr): boolean {
  return view.offsetOfAddress(p_vaddr) !== p_offset;
}

/** A segment that would have to move with its bytes, but whose address does not map these bytes. */
function findElsewhere(view: ElfView, isWatched: (p_type: number) => boolean): Phdr | undefined {
  const mapped = new RangeSet(
    view.segments(PT.PT_LOAD).map(({p_offset, p_filesz}) => ({offset: p_offset, size: p_filesz})),
  );
  return view.programHeaders.find(
    (segment) =>
      segment.p_type !== PT.PT_GNU_PROPERTY &&
      isWatched(segment.p_type) &&
      segment.p_filesz > 0 &&
      mapped.endAt(segment.p_offset) !== undefined &&
      (segment.p_memsz > segment.p_filesz || isElsewhere(view, segment)),
  );
}

const sizeTags: ReadonlyMap<bigint, bigint> = new Map([
  [DT.DT_REL, DT.DT_RELSZ],
  [DT.DT_RELA, DT.DT_RELASZ],
  [DT.DT_RELR, DT.DT_RELRSZ],
  [DT.DT_JMPREL, DT.DT_PLTRELSZ],
]);
