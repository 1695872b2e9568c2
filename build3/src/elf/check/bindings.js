import {hex} from '../../errors.js';
import {DT, PT, SHN, STT} from '../constants.js';
import {Sym} from '../records.js';
import {dynamicSymbolTable, eachSymbol} from '../symbols.js';
import {readDefinedVersions, readNeededVersions, versionIndex} from '../versions.js';
/** Dynamic symbols: their names, their versions, and that what is defined here lies in memory. */
export function checkBindings(view) {
  const table = dynamicSymbolTable(view);
  const {dynamic} = view;
  if (table === undefined || !table.exact || dynamic === undefined) return [];
  const size = dynamic.stringTable.size;
  const ranges = loadRanges(view);
  const versions = versionNumbers(view);
  const versym = readVersym(view, table.count);
  const problems = [];
  const entrySize = Sym.size(view.format.elfClass);
  eachSymbol(view, table.offset, table.count, ({st_name, st_value, st_shndx, st_info}, i) => {
    if (problems.length > enough) return;
    const say = (code, what) =>
      problems.push({code, message: `dynamic symbol ${i}: ${what}`, offset: table.offset + i * entrySize});
    if (st_name >= size) say('STRING_OUTSIDE', `st_name ${hex(st_name)} lies outside DT_STRTAB`);
    const isPlaced = st_shndx !== SHN.SHN_UNDEF && st_shndx < SHN.SHN_LORESERVE;
    const isAddress = (st_info & 0xf) !== STT.STT_TLS && (st_info & 0xf) !== STT.STT_SECTION;
    if (isPlaced && isAddress && !ranges.some(([start, end]) => st_value >= start && st_value <= end))
      say('SYMBOL_OUTSIDE', `st_value ${hex(st_value)} is in no PT_LOAD`);
    const version = versionIndex(versym[i] ?? 0);
    if (version > 1 && !versions.has(version))
      say('NO_SUCH_VERSION', `DT_VERSYM says ${version}, which no version has`);
  });
  return problems;
}
/** More than the caller lists. */
const enough = 100;
function loadRanges({programHeaders}) {
  return programHeaders
    .filter(({p_type}) => p_type === PT.PT_LOAD)
    .map(({p_vaddr, p_memsz, p_align}) => [p_vaddr, p_vaddr + BigInt(p_memsz) + BigInt(p_align)]);
}
function versionNumbers(view) {
  const numbers = new Set();
  for (const {versions} of readNeededVersions(view))
    for (const {record} of versions) numbers.add(versionIndex(record.vna_other));
  for (const {record} of readDefinedVersions(view)) numbers.add(versionIndex(record.vd_ndx));
  return numbers;
}
function readVersym(view, count) {
  const address = view.dynamic?.value(DT.DT_VERSYM);
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  if (offset === undefined) return new Uint16Array();
  const bytes = view.source.read(offset, count * 2);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({length: count}, (_, i) => data.getUint16(i * 2, view.format.littleEndian));
}
//# sourceMappingURL=bindings.js.map
