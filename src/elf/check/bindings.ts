import {hex} from '../../errors.js';
import {SHN, STT} from '../constants.js';
import {memoryRanges} from '../loads.js';
import {Sym} from '../records.js';
import {address, column, distance, read, scan, wideColumn} from '../scan.js';
import {dynamicSymbolTable, readVersym} from '../symbols.js';
import {readDefinedVersions, readNeededVersions, versionIndex} from '../versions.js';
import type {ElfView} from '../view.js';
import type {Problem} from './problem.js';

/** Check dynamic symbols: their names, their versions, and that those defined here are in memory. */
export function checkBindings(view: ElfView): Problem[] {
  const table = dynamicSymbolTable(view);
  const {dynamic, format} = view;
  if (table === undefined || !table.exact || dynamic === undefined) return [];
  const {size} = dynamic.stringTable;
  // A symbol at the end of a LOAD marks the end; some linkers put it on the next page.
  const memory = memoryRanges(view.programHeaders, ({p_align}) => p_align + 1);
  const isVersion = versionNumbers(view);
  const versym = readVersym(view, table.count);
  const problems: Problem[] = [];
  const entrySize = Sym.size(format.elfClass);
  const [name, info, section] = [
    column(Sym, 'st_name', format),
    column(Sym, 'st_info', format),
    column(Sym, 'st_shndx', format),
  ];
  const value = wideColumn(Sym, 'st_value', format);
  scan(view, Sym, table, (words, count, first) => {
    for (let i = 0, at = 0; i < count; i++, at += name.step) {
      const index = first + i;
      const say = (code: string, what: string) =>
        problems.push({
          code,
          message: `dynamic symbol ${index}: ${what}`,
          offset: table.offset + index * entrySize,
        });
      const st_name = read(words, at, name);
      if (st_name >= size) say('STRING_OUTSIDE', `st_name ${hex(st_name)} is outside DT_STRTAB`);
      if (isAddress(read(words, at, section), read(words, at, info)))
        if (!memory.has(distance(words, at, value, memory.base)))
          say('SYMBOL_OUTSIDE', `st_value ${hex(address(words, at, value))} is not in a PT_LOAD`);
      const version = versionIndex(versym[index] ?? 0);
      if (version > 1 && isVersion[version] !== 1)
        say('NO_SUCH_VERSION', `DT_VERSYM has index ${version}, which is not defined`);
    }
    return problems.length > enough;
  });
  return problems;
}

/** More problems than the caller lists. */
const enough = 100;

function isAddress(st_shndx: number, st_info: number): boolean {
  const isPlaced = st_shndx !== SHN.SHN_UNDEF && st_shndx < SHN.SHN_LORESERVE;
  const type = st_info & 0xf;
  return isPlaced && type !== STT.STT_TLS && type !== STT.STT_SECTION;
}

/** For each version index that a symbol may have, 1 if there is such a version. */
function versionNumbers(view: ElfView): Uint8Array {
  const numbers = new Uint8Array(1 << 15);
  for (const {versions} of readNeededVersions(view))
    for (const {record} of versions) numbers[versionIndex(record.vna_other)] = 1;
  for (const {record} of readDefinedVersions(view)) numbers[versionIndex(record.vd_ndx)] = 1;
  return numbers;
}
