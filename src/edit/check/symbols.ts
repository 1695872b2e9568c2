/*
 * Is every dynamic symbol unchanged except for the name that the request gives it, and do relocations and hash tables
 * still lead to it? The order of the symbols may differ: a hash table requires its own. The hash tables are searched
 * the way ld.so does, by code separate from the code that fills them.
 */

import {checkHashTables} from '../../elf/check/hash.js';
import {EM} from '../../elf/constants.js';
import {Rel, Rela, type Shdr, Sym} from '../../elf/records.js';
import {relocationSymbol, relocationTables} from '../../elf/relocations.js';
import {toByteString} from '../../elf/strings.js';
import {dynamicSymbolNames, dynamicSymbolTable, type SymbolTable} from '../../elf/symbols.js';
import type {ElfView} from '../../elf/view.js';
import {RangeSet} from '../../source/range-set.js';
import {failCheck} from './fail.js';
import {findRenamed, namelessSymbols} from './names.js';
import type {Promised, Requested} from './promise.js';

/** @throws ElfError CHECK_FAILED naming the symbol */
export function checkSymbols(
  before: ElfView,
  after: ElfView,
  plan: Promised,
  requests: readonly Requested[],
): void {
  const table = dynamicSymbolTable(before);
  if (table === undefined) return;
  if (requests.some(({renameSymbols}) => renameSymbols !== undefined)) {
    checkRenamed(before, after, requests);
    return;
  }
  checkWrittenSymbols(before, after, plan, table);
  if (!table.exact) return;
  const at = findRenamed(before, after, plan, table.count);
  if (at !== undefined) failName(before, after, at);
}

/** Compare the name of every symbol, unless some are to be renamed. @throws ElfError CHECK_FAILED naming the symbol */
export function checkNames(before: ElfView, after: ElfView, requests: readonly Requested[]): void {
  const table = dynamicSymbolTable(before);
  if (table === undefined || !table.exact) return;
  if (requests.some(({renameSymbols}) => renameSymbols !== undefined)) return;
  const nameless = namelessSymbols(before, table.count);
  const now = dynamicSymbolNames(after, table.count);
  const at = dynamicSymbolNames(before, table.count).findIndex(
    (name, i) => name !== now[i] && !nameless.has(i),
  );
  if (at >= 0) failName(before, after, at);
}

function failName(before: ElfView, after: ElfView, at: number): never {
  const [old, now] = [before, after].map((view) => JSON.stringify(dynamicSymbolNames(view, at + 1)[at]));
  failCheck(before, `the name of symbol ${at} changes`, `${old}`, `${now}`);
}

/** Without moving the table, a plan may change only the value of a symbol, which follows its section. */
function checkWrittenSymbols(before: ElfView, after: ElfView, plan: Promised, table: SymbolTable): void {
  if (dynamicSymbolTable(after)?.offset !== table.offset || !table.exact) return;
  const size = Sym.size(before.format.elfClass);
  const written = new RangeSet(plan.writes.map(({offset, bytes}) => ({offset, size: bytes.length})));
  for (const {offset, size: length} of written.within({offset: table.offset, size: table.count * size})) {
    const first = Math.floor((offset - table.offset) / size);
    const last = Math.floor((offset + length - 1 - table.offset) / size);
    for (let i = first; i <= last; i++) {
      const [old, now] = [before, after].map((view) =>
        Sym.decode(view.source.read(table.offset + i * size, size), view.format),
      );
      const same = {...now, st_value: old?.st_value};
      const isKept = Object.entries(old ?? {}).every(([field, value]) => same[field as keyof Sym] === value);
      if (!isKept) failCheck(before, `symbol ${i} changes`, 'another value at most', 'another symbol');
    }
  }
}

/** Compare all symbols, in any order, and what refers to them. */
function checkRenamed(before: ElfView, after: ElfView, requests: readonly Requested[]): void {
  const count = dynamicSymbolTable(before)?.count ?? 0;
  const renames = requests.flatMap(({renameSymbols}) => (renameSymbols === undefined ? [] : [renameSymbols]));
  const {sectionHeaders} = before;
  const [old, now] = [
    symbolsOf(before, count, sectionHeaders, renames),
    symbolsOf(after, count, sectionHeaders),
  ];
  const [expected, found] = [[...old].sort(), [...now].sort()];
  const at = expected.findIndex((symbol, i) => symbol !== found[i]);
  if (at >= 0) failCheck(before, 'a symbol changes', `${expected[at]}`, `${found[at]}`);
  checkRelocations(before, after, old, now);
  const known = new Set([...checkHashTables(before)].map(({code}) => code));
  const wrong = [...checkHashTables(after)].find(({code}) => !known.has(code));
  if (wrong !== undefined) failCheck(before, wrong.message, 'every symbol in the hash tables', wrong.code);
}

/**
 * Describe each symbol as a string, under the name that it should have. Its value is relative to its section's address,
 * unless it is outside the section: lld assigns RISC-V's `__global_pointer$` to an unrelated section.
 *
 * @param sections the sections before the edit; one may have grown over symbols that mark its end
 */
function symbolsOf(
  view: ElfView,
  count: number,
  sections: readonly Shdr[],
  renames: readonly Readonly<Record<string, string>>[] = [],
): string[] {
  const maps = renames.map(
    (names) => new Map(Object.entries(names).map((pair) => [toByteString(pair[0]), toByteString(pair[1])])),
  );
  const old = dynamicSymbolNames(view, count);
  const {offset = 0} = dynamicSymbolTable(view) ?? {};
  const bytes = view.source.read(offset, count * Sym.size(view.format.elfClass));
  return Sym.decodeAll(bytes, view.format).map(({st_info, st_other, st_shndx, st_size, st_value}, i) => {
    const name = maps.reduce((current, names) => names.get(current) ?? current, old[i] ?? '');
    const base = view.sectionHeaders[st_shndx]?.sh_addr ?? 0n;
    const distance = st_value - base;
    const isInside = distance >= 0n && distance < BigInt(Math.max(1, sections[st_shndx]?.sh_size ?? 0));
    return [name, st_info, st_other, st_shndx, st_size, isInside ? distance : `at ${st_value}`].join(' ');
  });
}

/** Each relocation has the same type, place and symbol as before. */
function checkRelocations(
  before: ElfView,
  after: ElfView,
  old: readonly string[],
  now: readonly string[],
): void {
  const describe = function* (view: ElfView, symbols: readonly string[]): Generator<string> {
    for (const {offset, size, hasAddend} of relocationTables(view)) {
      const step = (hasAddend ? Rela : Rel).size(view.format.elfClass);
      const bytes = view.source.read(offset, size);
      for (let at = 0; at + step <= size; at += step) {
        const {r_offset, r_info} = Rel.decode(bytes, view.format, at);
        const symbol = relocationSymbol(view, r_info);
        const type = view.format.elfClass === 32 ? r_info & 0xffn : r_info & 0xffffffffn;
        const addend = hasAddend ? Rela.decode(bytes, view.format, at).r_addend : 0n;
        const kind = view.header.e_machine === EM.EM_MIPS ? '' : type;
        yield [r_offset, kind, addend, symbol === 0 ? 'none' : symbols[symbol]].join(' ');
      }
    }
  };
  const found = describe(after, now);
  for (const expected of describe(before, old)) {
    const next = found.next();
    if (next.value !== expected) failCheck(before, 'a relocation changes', expected, `${next.value}`);
  }
}
