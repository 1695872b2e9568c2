/*
 * Who uses which bytes of the dynamic string table?
 *
 * Linkers merge strings that end alike: "ld.so" may be the tail of another entry's "/lib/ld.so". So a string may
 * be overwritten only where no other reference falls into it, and a reference into its middle keeps the rest of
 * it alive. References come from DT_* entries, dynamic symbols and both version tables; there are no others,
 * unless the file was prelinked, and then every byte counts as used.
 */
import {DT, EM, machineDT} from '../elf/constants.js';
import {stringTags} from '../elf/dynamic.js';
import {dynamicSymbolTable, eachSymbol} from '../elf/symbols.js';
import {readDefinedVersions, readNeededVersions} from '../elf/versions.js';
/**
 * Mark the used bytes of a string table.
 *
 * @param bytes the table's content
 * @param entries the dynamic entries that count; others of the file may be about to go
 */
export function markUsedStrings(view, bytes, entries, {symbols: goneSymbols, versions: goneVersions} = {}) {
  const use = new Uint8Array(bytes.length);
  if (bytes.length > 0) use[0] = 1;
  if (hasForeignReferences(view)) return use.fill(1);
  const mark = (start) => {
    for (let i = start; i < bytes.length && use[i] === 0; i++) {
      use[i] = 1;
      if (bytes[i] === 0) break;
    }
  };
  for (const {d_tag, d_val} of entries) if (stringTags.has(d_tag)) mark(Number(d_val));
  const symbols = dynamicSymbolTable(view);
  if (symbols !== undefined) {
    eachSymbol(view, symbols.offset, symbols.count, ({st_name}, i) => {
      if (!goneSymbols?.has(i)) mark(st_name);
    });
  }
  for (const {record, offset, versions} of readNeededVersions(view)) {
    if (!goneVersions?.has(offset)) mark(record.vn_file);
    for (const version of versions) if (!goneVersions?.has(version.offset)) mark(version.record.vna_name);
  }
  for (const {names} of readDefinedVersions(view)) for (const {record} of names) mark(record.vda_name);
  return use;
}
/** Prelink's tables and IRIX-style library lists hold string offsets too. */
function hasForeignReferences({dynamic, header}) {
  const tags = [DT.DT_GNU_LIBLIST, DT.DT_GNU_CONFLICT, DT.DT_GNU_PRELINKED];
  if (header.e_machine === EM.EM_MIPS) tags.push(machineDT[8].DT_MIPS_LIBLIST);
  return dynamic?.entries.some(({d_tag}) => tags.includes(d_tag)) ?? false;
}
//# sourceMappingURL=string-use.js.map
