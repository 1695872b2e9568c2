/*
 * Remove entries from DT_VERNEED.
 *
 * The table is a two-level linked list with relative links, and sections and DT_VERNEED point at its head. So the
 * remaining records are rewritten from the same start, each library followed by its versions, and the rest is zeroed. A
 * removed version index (vna_other) must not remain in DT_VERSYM: ld.so would read past the end of its version array.
 * The symbols that had it get VER_NDX_GLOBAL, which means "no particular version".
 */
import {DT, SHN, SHT, STB, STT} from '../../elf/constants.js';
import {nullSection, type Shdr, Sym, Vernaux, Verneed} from '../../elf/records.js';
import {concatenate} from '../../elf/strings.js';
import {eachSymbol, eachSymbolOf} from '../../elf/symbols.js';
import {tagsOfSections} from '../../elf/tables.js';
import {
  type NeededVersions,
  readDefinedVersions,
  readNeededVersions,
  VER_NDX_GLOBAL,
  versionIndex,
} from '../../elf/versions.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import type {Draft} from '../layout/draft.js';
import {distanceMoved} from '../layout/moved-tables.js';
import {readVersym, requireSymbols, writeVersym} from './symbol-table.js';

/** One version of one library, as passed to a filter. */
export interface NeededVersion {
  /** The library's name. */
  readonly file: string;
  /** vna_other: its number in DT_VERSYM. */
  readonly index: number;
}

/** What was dropped. */
export interface DroppedVersions {
  /** File offsets of the records. */
  readonly records: ReadonlySet<number>;
  /** Offsets of the names in .dynstr. */
  readonly strings: readonly number[];
  /** Version numbers that no symbol may use any more; see `unbindSymbols`. */
  readonly indices: ReadonlySet<number>;
}

/** Drop versions; a library left without any is dropped too. */
export function dropNeededVersions(
  draft: Draft,
  isDropped: (version: NeededVersion) => boolean,
): DroppedVersions {
  const {view} = draft;
  const before = readNeededVersions(view);
  const after = before.flatMap((library) => keep(view, library, isDropped));
  const [all, kept] = [listRecords(before), listRecords(after)];
  const keptOffsets = new Set(kept.map(({offset}) => offset));
  const gone = all.filter(({offset}) => !keptOffsets.has(offset));
  if (gone.length === 0) return {records: new Set(), strings: [], indices: new Set()};
  requireKnownVersions(view);
  writeNeededVersions(draft, after);
  return {
    records: new Set(gone.map(({offset}) => offset)),
    strings: gone.map(({name}) => name),
    indices: new Set(gone.flatMap(({index}) => (index === undefined ? [] : [index]))),
  };
}

/** If a symbol's version is in no table, it is unknown whether it belongs to a dropped version or to one that stays. */
function requireKnownVersions(view: ElfView): void {
  if (view.dynamic?.value(DT.DT_VERSYM) === undefined) return;
  const known = new Set([0, VER_NDX_GLOBAL]);
  for (const {versions} of readNeededVersions(view))
    for (const {record} of versions) known.add(versionIndex(record.vna_other));
  for (const {record} of readDefinedVersions(view)) known.add(versionIndex(record.vd_ndx));
  const stray = readVersym(view, requireSymbols(view).count).find((raw) => !known.has(versionIndex(raw)));
  if (stray === undefined) return;
  throw new ElfError('UNSAFE_EDIT', 'DT_VERSYM gives a symbol a version that is not defined', {
    path: view.path,
    got: `${versionIndex(stray)}`,
    value: stray,
  });
}

function keep(
  view: ElfView,
  library: NeededVersions,
  isDropped: (version: NeededVersion) => boolean,
): NeededVersions[] {
  const file = view.dynamic?.stringAt(BigInt(library.record.vn_file)) ?? '';
  const versions = library.versions.filter(
    ({record}) => !isDropped({file, index: versionIndex(record.vna_other)}),
  );
  return versions.length === 0 ? [] : [{...library, versions}];
}

interface ListedRecord {
  readonly offset: number;
  /** Offset of its name in .dynstr. */
  readonly name: number;
  readonly index: number | undefined;
}

function listRecords(libraries: readonly NeededVersions[]): ListedRecord[] {
  return libraries.flatMap(({record, offset, versions}): ListedRecord[] => [
    {offset, name: record.vn_file, index: undefined},
    ...versions.map((version) => ({
      offset: version.offset,
      name: version.record.vna_name,
      index: versionIndex(version.record.vna_other),
    })),
  ]);
}

function writeNeededVersions(draft: Draft, libraries: readonly NeededVersions[]): void {
  const {view} = draft;
  const start = view.offsetOfAddress(view.dynamic?.value(DT.DT_VERNEED) ?? 0n) ?? 0;
  const end = listRecords(readNeededVersions(view)).reduce(
    (last, {offset, index}) => Math.max(last, offset + sizeOf(view, index)),
    0,
  );
  const bytes = concatenate(
    libraries.flatMap((library, i) => layOut(view, library, i + 1 === libraries.length)),
  );
  const moved = distanceMoved(draft, DT.DT_VERNEED);
  draft.write(start + moved, bytes, 'DT_VERNEED without what is no longer needed');
  draft.clear(start + moved + bytes.length, end - start - bytes.length, 'the rest of the old DT_VERNEED');
  draft.setValue(DT.DT_VERNEEDNUM, BigInt(libraries.length));
  if (libraries.length === 0) {
    removeTable(draft);
    return;
  }
  for (const section of draft.sectionHeaders) {
    // A section that lost its bytes stays without them.
    if (!isSectionOf(draft, section, DT.DT_VERNEED) || section.sh_size === 0) continue;
    section.sh_info = libraries.length;
    section.sh_size = bytes.length;
  }
}

/** Whether a section describes the table of this tag, rather than just having the same type. */
function isSectionOf(draft: Draft, {sh_type, sh_addr}: Shdr, tag: bigint): boolean {
  return tagsOfSections[sh_type] === tag && sh_addr === draft.value(tag);
}

/**
 * ld.so reads the first record without checking the count, so nothing may point to an empty table. DT_VERDEF uses
 * DT_VERSYM too, so DT_VERSYM is removed only if there is no DT_VERDEF. The section headers become unused.
 */
function removeTable(draft: Draft): void {
  const isLast = draft.value(DT.DT_VERDEF) === undefined;
  const gone: bigint[] = [DT.DT_VERNEED, DT.DT_VERNEEDNUM];
  if (isLast) {
    writeVersym(draft, new Uint16Array(requireSymbols(draft.view).count));
    gone.push(DT.DT_VERSYM);
  }
  const unused = [...draft.sectionHeaders.entries()].filter(([, section]) =>
    gone.some((tag) => isSectionOf(draft, section, tag)),
  );
  draft.replaceEntries(({d_tag}) => gone.includes(d_tag));
  forgetSectionSymbols(draft, new Set(unused.map(([index]) => index)));
  for (const [, section] of unused) Object.assign(section, nullSection);
}

/** Neutralize the STT_SECTION symbols that linkers create for each section, as they are useless without it. */
function forgetSectionSymbols(draft: Draft, sections: ReadonlySet<number>): void {
  const {view} = draft;
  const size = Sym.size(view.format.elfClass);
  const table = view.sectionHeaders.find(({sh_type}) => sh_type === SHT.SHT_SYMTAB);
  if (table === undefined || table.sh_entsize !== size) return;
  const range = {offset: table.sh_offset, count: Math.floor(table.sh_size / size)};
  eachSymbolOf(view, range, sections, (symbol, i) => {
    if ((symbol.st_info & 0xf) !== STT.STT_SECTION) return;
    const unused = {...symbol, st_info: 0, st_shndx: SHN.SHN_ABS, st_value: 0n};
    draft.write(
      table.sh_offset + i * size,
      Sym.encode(unused, view.format),
      'the symbol of an unused section',
    );
  });
}

function sizeOf({format}: ElfView, index: number | undefined): number {
  return (index === undefined ? Verneed : Vernaux).size(format.elfClass);
}

/** One library's records, back to back. */
function layOut({format}: ElfView, {record, versions}: NeededVersions, isLast: boolean): Uint8Array[] {
  const [headSize, size] = [Verneed.size(format.elfClass), Vernaux.size(format.elfClass)];
  const vn_next = isLast ? 0 : headSize + versions.length * size;
  const head = Verneed.encode({...record, vn_cnt: versions.length, vn_aux: headSize, vn_next}, format);
  const tail = versions.map((version, i) =>
    Vernaux.encode({...version.record, vna_next: i + 1 === versions.length ? 0 : size}, format),
  );
  return [head, ...tail];
}

/** Remove the versions with these numbers from their symbols; returns the names of the symbols that are not weak. */
export function unbindSymbols(draft: Draft, indices: ReadonlySet<number>): string[] {
  const {view} = draft;
  if (indices.size === 0 || view.dynamic?.value(DT.DT_VERSYM) === undefined) return [];
  const table = requireSymbols(view);
  const versym = readVersym(view, table.count);
  const required: string[] = [];
  eachSymbol(view, table.offset, table.count, (name, i, section, info) => {
    if (!indices.has(versionIndex(versym[i] ?? 0))) return;
    versym[i] = VER_NDX_GLOBAL;
    const isWeak = info >> 4 === STB.STB_WEAK && section === SHN.SHN_UNDEF;
    if (!isWeak) required.push(view.dynamic?.stringAt(BigInt(name)) ?? '');
  });
  writeVersym(draft, versym);
  return required;
}
