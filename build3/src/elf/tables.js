/*
 * The dynamic-linking tables: what DT_* entries point at, with their lengths.
 *
 * Only these entries, section headers and symbols point at them, never code, so an edit may move them when all
 * three follow. Whatever DT_* points at that is not listed here (DT_INIT, DT_PLTGOT, DT_INIT_ARRAY, ...) is
 * addressed by code and stays where it is.
 */
import {DT} from './constants.js';
import {Sym, Verdaux, Verdef, Vernaux, Verneed} from './records.js';
import {dynamicSymbolTable, gnuHashTable, hashWordSize, readHashHeader} from './symbols.js';
import {readDefinedVersions, readNeededVersions} from './versions.js';
/**
 * List the tables in the order of their file offsets.
 *
 * @throws ElfError when a version table is damaged, so that its length cannot be known
 */
export function dynamicTables(view) {
  const word = view.format.elfClass / 8;
  const sized = [
    {tag: DT.DT_HASH, size: () => hashSize(view), align: hashWordSize(view)},
    {tag: DT.DT_GNU_HASH, size: () => gnuHashSize(view), align: word},
    {tag: DT.DT_SYMTAB, size: () => symbolTableSize(view), align: word},
    {tag: DT.DT_STRTAB, size: () => sizeFrom(view, DT.DT_STRSZ), align: 1},
    {tag: DT.DT_VERSYM, size: () => versymSize(view), align: 2},
    {tag: DT.DT_VERNEED, size: () => neededVersionsSize(view), align: word},
    {tag: DT.DT_VERDEF, size: () => definedVersionsSize(view), align: word},
    {tag: DT.DT_REL, size: () => sizeFrom(view, DT.DT_RELSZ), align: word},
    {tag: DT.DT_RELA, size: () => sizeFrom(view, DT.DT_RELASZ), align: word},
    {tag: DT.DT_RELR, size: () => sizeFrom(view, DT.DT_RELRSZ), align: word},
    {tag: DT.DT_JMPREL, size: () => sizeFrom(view, DT.DT_PLTRELSZ), align: word},
  ];
  return sized
    .flatMap(({tag, size, align}) => {
      const address = view.dynamic?.value(tag);
      const offset = address === undefined ? undefined : view.offsetOfAddress(address);
      return address === undefined || offset === undefined
        ? []
        : [{tag, address, offset, size: size(), align}];
    })
    .sort((a, b) => a.offset - b.offset);
}
/** The tags whose tables may move. */
export const tableTags = new Set([
  DT.DT_HASH,
  DT.DT_GNU_HASH,
  DT.DT_SYMTAB,
  DT.DT_STRTAB,
  DT.DT_VERSYM,
  DT.DT_VERNEED,
  DT.DT_VERDEF,
  DT.DT_REL,
  DT.DT_RELA,
  DT.DT_RELR,
  DT.DT_JMPREL,
]);
function sizeFrom(view, sizeTag) {
  return Number(view.dynamic?.value(sizeTag) ?? 0n);
}
function symbolTableSize(view) {
  return (dynamicSymbolTable(view)?.count ?? 0) * Sym.size(view.format.elfClass);
}
function versymSize(view) {
  return (dynamicSymbolTable(view)?.count ?? 0) * 2;
}
function hashSize(view) {
  const {nbucket, nchain} = readHashHeader(view, offsetOfTag(view, DT.DT_HASH));
  return (2 + nbucket + nchain) * hashWordSize(view);
}
function gnuHashSize(view) {
  const table = gnuHashTable(view);
  if (table === undefined) return 0;
  const hashed = (table.symbolCount ?? table.header.symoffset) - table.header.symoffset;
  return table.chains + hashed * 4 - table.offset;
}
function neededVersionsSize(view) {
  const {elfClass} = view.format;
  const ends = readNeededVersions(view).flatMap(({offset, versions}) => [
    offset + Verneed.size(elfClass),
    ...versions.map((version) => version.offset + Vernaux.size(elfClass)),
  ]);
  return Math.max(0, ...ends.map((end) => end - offsetOfTag(view, DT.DT_VERNEED)));
}
function definedVersionsSize(view) {
  const {elfClass} = view.format;
  const ends = readDefinedVersions(view).flatMap(({offset, names}) => [
    offset + Verdef.size(elfClass),
    ...names.map((name) => name.offset + Verdaux.size(elfClass)),
  ]);
  return Math.max(0, ...ends.map((end) => end - offsetOfTag(view, DT.DT_VERDEF)));
}
function offsetOfTag(view, tag) {
  return view.offsetOfAddress(view.dynamic?.value(tag) ?? 0n) ?? 0;
}
//# sourceMappingURL=tables.js.map
