/*
 * Which symbols an object defines for others and wants from them, each with its version where it has one.
 */
import {DT, SHN} from '../elf/constants.js';
import {decodeString, StringBudget, stringsIn} from '../elf/strings.js';
import {dynamicSymbolTable, eachSymbol} from '../elf/symbols.js';
import {readDefinedVersions, readNeededVersions} from '../elf/versions.js';
import {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import type {ByteSource} from '../source/source.js';

export interface DynamicSymbol {
  readonly name: string;
  /** Undefined for a symbol without a version. */
  readonly version: string | undefined;
  readonly defined: boolean;
  readonly weak: boolean;
}

/** Whether a file defines every one of some names. A file whose symbols cannot be read defines none. */
export function definesSymbols(source: ByteSource, names: readonly string[]): boolean {
  try {
    const symbols = readDynamicSymbols(new ElfView(source));
    const defined = new Set(symbols.filter((symbol) => symbol.defined).map(({name}) => name));
    return names.every((name) => defined.has(name));
  } catch (error) {
    if (error instanceof ElfError) return false;
    throw error;
  }
}

/** Read the dynamic symbols that take part in binding, local ones left out. @throws ElfError when it is damaged */
export function readDynamicSymbols(view: ElfView): DynamicSymbol[] {
  const table = dynamicSymbolTable(view);
  const {dynamic, source} = view;
  if (table === undefined || dynamic === undefined) return [];
  const {size} = dynamic.stringTable;
  const strings = stringsIn(source, dynamic.stringTable);
  const versionOf = readSymbolVersions(view, table.count);
  const symbols: DynamicSymbol[] = [];
  const budget = new StringBudget(source, size);
  eachSymbol(view, table.offset, table.count, (start, index, section, info) => {
    const binding = info >> 4;
    if (start === 0 || start >= size || binding === STB_LOCAL) return;
    const bytes = strings.at(start);
    budget.take(bytes.length);
    const name = decodeString(bytes);
    const defined = section !== SHN.SHN_UNDEF;
    symbols.push({name, version: versionOf(index), defined, weak: binding === STB_WEAK});
  });
  return symbols;
}

const STB_LOCAL = 0;
const STB_WEAK = 2;
/** The bit of a DT_VERSYM entry that hides a definition from links without a version. */
const VERSYM_HIDDEN = 0x8000;

/** DT_VERSYM holds a number for each symbol; DT_VERNEED and DT_VERDEF give the numbers names. */
function readSymbolVersions(view: ElfView, count: number): (index: number) => string | undefined {
  const address = view.dynamic?.value(DT.DT_VERSYM);
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  if (offset === undefined) return () => undefined;
  const bytes = view.source.read(offset, count * 2);
  const numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const names = versionNames(view);
  return (index) => names.get(numbers.getUint16(index * 2, view.format.littleEndian) & ~VERSYM_HIDDEN);
}

function versionNames(view: ElfView): Map<number, string> {
  const string = (index: number) => view.dynamic?.stringAt(BigInt(index)) ?? '';
  const names = new Map<number, string>();
  for (const {versions} of readNeededVersions(view)) {
    for (const {record} of versions) names.set(record.vna_other & ~VERSYM_HIDDEN, string(record.vna_name));
  }
  // Number 1 is the base version, which is the library itself, not a version of a symbol.
  for (const {
    record,
    names: [own],
  } of readDefinedVersions(view)) {
    if (own !== undefined && record.vd_ndx > 1) names.set(record.vd_ndx, string(own.record.vda_name));
  }
  return names;
}
