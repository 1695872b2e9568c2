/*
 * Renaming dynamic symbols.
 *
 * A name is in .dynstr, and its hash decides where ld.so looks for it. DT_HASH lists symbols in chains of any order, so
 * it is rebuilt and nothing else moves. DT_GNU_HASH requires the exported symbols sorted by bucket, so they change
 * places, and everything that refers to symbols by index is updated: DT_VERSYM and the relocations. MIPS cannot sort
 * its symbols (they follow the order of the GOT), so DT_MIPS_XHASH has a table of indexes instead, and only that is
 * sorted.
 */
import {DT, EM, machineDT, SHN} from '../../elf/constants.js';
import {gnuHash, sysvHash} from '../../elf/hash.js';
import {Sym} from '../../elf/records.js';
import {toByteString} from '../../elf/strings.js';
import {dynamicSymbolNames, eachSymbol, type SymbolTable} from '../../elf/symbols.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {type Draft, type EditResult, unchanged} from '../layout/draft.js';
import {encode} from '../layout/encode.js';
import {distanceMoved} from '../layout/moved-tables.js';
import {placeStrings} from '../layout/string-table.js';
import {fillGnuHash, fillSysvHash, fillXhash, type HashedName} from './hash-tables.js';
import {requireDynamic} from './loaded.js';
import {reorderSymbols} from './symbol-order.js';
import {requireSymbols} from './symbol-table.js';

/**
 * Plan new names for dynamic symbols, defined or undefined, all at once. Versions stay. A name not found gets only a
 * note.
 *
 * @throws ElfError UNSAFE_EDIT when symbols would have to change places and something unknown may refer to them by
 *   index
 */
export function renameSymbols(draft: Draft, names: Readonly<Record<string, string>>): EditResult {
  const {view} = draft;
  requireDynamic(view);
  const table = requireSymbols(view);
  if (table.count > mostSymbols) throw tooMany(view, table.count);
  const oldNames = dynamicSymbolNames(view, table.count);
  const wanted = new Map(Object.entries(names).map(([from, to]) => [toByteString(from), {from, to}]));
  const renamed = oldNames.flatMap((name, i) => {
    const pair = wanted.get(name);
    return pair === undefined || pair.from === pair.to ? [] : [{i, ...pair}];
  });
  const found = new Set(renamed.map(({from}) => from));
  const absent = Object.entries(names).filter(([from, to]) => from !== to && !found.has(from));
  const notes = absent.slice(0, mostNotes).map(([from]) => `no dynamic symbol ${from} to rename`);
  if (renamed.length === 0) return {...unchanged(view), notes};
  const places = placeNames(draft, table, renamed);
  const symbols = readSymbols(draft, table);
  notes.push(...duplicateDefinitions(symbols, oldNames, renamed));
  const newNames = [...oldNames];
  renamed.forEach(({i, to}, k) => {
    newNames[i] = toByteString(to);
    const symbol = symbols[i];
    if (symbol !== undefined) symbol.st_name = places[k] ?? 0;
  });
  writeTables(draft, symbols, newNames.map(hashedName));
  draft.placed('in-place');
  const pairs = new Map(renamed.map(({from, to}) => [from, to]));
  for (const [from, to] of pairs) draft.changes.push(`dynamic symbol: ${from} -> ${to}`);
  draft.notes.push(...notes);
  return encode(draft);
}

/**
 * Which of two definitions of a name is found is arbitrary; that is only a note, as versions make two definitions
 * legitimate.
 */
function duplicateDefinitions(
  symbols: readonly Sym[],
  names: readonly string[],
  renamed: readonly {readonly i: number; readonly to: string}[],
): string[] {
  const moving = new Set(renamed.map(({i}) => i));
  const isDefined = (i: number) => symbols[i]?.st_shndx !== SHN.SHN_UNDEF;
  const defined = new Set(names.filter((_, i) => !moving.has(i) && isDefined(i)));
  return renamed
    .filter(({i, to}) => isDefined(i) && defined.has(toByteString(to)))
    .slice(0, mostNotes)
    .map(({to}) => `${to} is now defined twice`);
}

/**
 * A map may list the symbols of a whole set of libraries; a few notes are enough to show that some are missing here.
 */
const mostNotes = 5;

/** The largest libraries export a few hundred thousand. */
const mostSymbols = 1 << 22;

function tooMany({path}: ElfView, count: number): ElfError {
  return new ElfError('BAD_ELF', 'too many dynamic symbols', {
    path,
    expected: `at most ${mostSymbols}`,
    got: `${count}`,
  });
}

function hashedName(name: string): HashedName {
  const bytes = new Uint8Array(name.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = name.charCodeAt(i);
  return {isEmpty: bytes.length === 0, sysv: sysvHash(bytes), gnu: gnuHash(bytes)};
}

interface Renamed {
  readonly i: number;
  readonly to: string;
}

function placeNames(draft: Draft, table: SymbolTable, renamed: readonly Renamed[]): number[] {
  const symbols = new Set(renamed.map(({i}) => i));
  const released: number[] = [];
  eachSymbol(draft.view, table.offset, table.count, (name, i) => {
    if (symbols.has(i)) released.push(name);
  });
  const texts = renamed.map(({to}) => to);
  return placeStrings(draft, texts, {released: [...new Set(released)], withdrawn: {symbols}});
}

/** The symbols as the draft has them: symbols in moved sections have new values. */
function readSymbols(draft: Draft, {offset, count}: SymbolTable): Sym[] {
  const size = Sym.size(draft.view.format.elfClass);
  const bytes = draft.read(offset + distanceMoved(draft, DT.DT_SYMTAB), count * size);
  return Array.from({length: count}, (_, i) => Sym.decode(bytes, draft.view.format, i * size));
}

function writeTables(draft: Draft, symbols: Sym[], names: HashedName[]): void {
  const {view} = draft;
  const has = (tag: bigint) => view.dynamic?.value(tag) !== undefined;
  const order = has(DT.DT_GNU_HASH) ? fillGnuHash(draft, names) : symbols.map((_, i) => i);
  reorderSymbols(draft, symbols, order);
  const sorted = order.map((i) => names[i] ?? hashedName(''));
  if (has(DT.DT_HASH)) fillSysvHash(draft, sorted);
  const {DT_MIPS_XHASH} = machineDT[8];
  if (view.header.e_machine === EM.EM_MIPS && has(DT_MIPS_XHASH)) fillXhash(draft, sorted, DT_MIPS_XHASH);
}
