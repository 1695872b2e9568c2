/*
 * Is every dynamic symbol still what it was, under the name that the request gives it, and do relocations and hash
 * tables still lead to it? The order of the symbols may differ: a hash table wants its own. The hash tables are
 * asked as ld.so asks them, by other code than the one that fills them.
 */
import {checkHashTables} from '../elf/check/hash.js';
import {EM} from '../elf/constants.js';
import {Rel, Rela} from '../elf/records.js';
import {relocationSymbol, relocationTables} from '../elf/relocations.js';
import {toByteString} from '../elf/strings.js';
import {dynamicSymbolNames, dynamicSymbolTable, eachSymbol} from '../elf/symbols.js';
import {ElfError} from '../errors.js';
/** @throws ElfError CHECK_FAILED naming the symbol */
export function checkSymbols(before, after, plan, requests) {
  const table = dynamicSymbolTable(before);
  if (table === undefined || !isTouched(before, after, plan)) return;
  const renames = requests.flatMap(({renameSymbols}) => (renameSymbols === undefined ? [] : [renameSymbols]));
  if (renames.length === 0) {
    if (table.exact)
      checkNames(before, dynamicSymbolNames(before, table.count), dynamicSymbolNames(after, table.count));
    return;
  }
  const [old, now] = [symbolsOf(before, table.count, renames), symbolsOf(after, table.count, [])];
  checkNames(before, [...old].sort(), [...now].sort());
  checkRelocations(before, after, old, now);
  const known = new Set([...checkHashTables(before)].map(({code}) => code));
  const wrong = [...checkHashTables(after)].find(({code}) => !known.has(code));
  if (wrong !== undefined) fail(before, wrong.message, 'every symbol in the hash tables', wrong.code);
}
function fail(view, what, expected, got) {
  throw new ElfError('CHECK_FAILED', `internal error, nothing was written: ${what}`, {
    path: view.path,
    expected,
    got,
  });
}
/** Names can only change when the string table moves or is written, or the symbol table is. */
function isTouched(before, after, plan) {
  const [old, now] = [before.dynamic?.stringTable, after.dynamic?.stringTable];
  const symbols = dynamicSymbolTable(before);
  if (old === undefined || now === undefined || symbols === undefined) return false;
  if (old.offset !== now.offset || symbols.offset !== dynamicSymbolTable(after)?.offset) return true;
  const starts = [old, {offset: symbols.offset, size: symbols.count}];
  return plan.writes.some((write) =>
    starts.some(
      ({offset, size}) => write.offset < offset + size && write.offset + write.bytes.length > offset,
    ),
  );
}
function checkNames(view, old, now) {
  const at = old.findIndex((name, i) => name !== now[i]);
  if (at >= 0)
    fail(view, `the name of symbol ${at} changes`, JSON.stringify(old[at]), `${JSON.stringify(now[at])}`);
}
/** What a symbol is, in one string, under the name that it shall have. Its value counts only with its section. */
function symbolsOf(view, count, renames) {
  const maps = renames.map(
    (names) => new Map(Object.entries(names).map((pair) => [toByteString(pair[0]), toByteString(pair[1])])),
  );
  const old = dynamicSymbolNames(view, count);
  const found = [];
  forEachSymbol(view, count, ({st_info, st_other, st_shndx, st_size, st_value}, i) => {
    const name = maps.reduce((current, names) => names.get(current) ?? current, old[i] ?? '');
    const base = view.sectionHeaders[st_shndx]?.sh_addr ?? 0n;
    found.push([name, st_info, st_other, st_shndx, st_size, st_value - base].join(' '));
  });
  return found;
}
function forEachSymbol(view, count, visit) {
  const table = dynamicSymbolTable(view);
  if (table !== undefined) eachSymbol(view, table.offset, count, visit);
}
/** Each relocation is of the same kind, at the same place, and speaks of the same symbol. */
function checkRelocations(before, after, old, now) {
  const describe = function* (view, symbols) {
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
    if (next.value !== expected) fail(before, 'a relocation changes', expected, `${next.value}`);
  }
}
//# sourceMappingURL=check-symbols.js.map
