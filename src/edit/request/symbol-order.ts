/*
 * Reorder dynamic symbols. DT_VERSYM and relocations refer to them by number, so both are updated. Anything else that
 * uses symbol numbers would become wrong, so the edit is refused for a file with tables of an unknown kind.
 */
import {DT, dynamicTagName, EM, SHT} from '../../elf/constants.js';
import {Rel, Rela, Sym} from '../../elf/records.js';
import {relocationSymbol, relocationTables, withRelocationSymbol} from '../../elf/relocations.js';
import {concatenate} from '../../elf/strings.js';
import {dynamicTables} from '../../elf/tables.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import type {Draft} from '../layout/draft.js';
import {writeAtTable} from '../layout/moved-tables.js';
import {readVersym, writeVersym} from './symbol-table.js';

/**
 * Write the dynamic symbols in the given order.
 *
 * @param order for each place the number of the symbol to put there
 */
export function reorderSymbols(draft: Draft, symbols: readonly Sym[], order: readonly number[]): void {
  const {view} = draft;
  const start = view.offsetOfAddress(view.dynamic?.value(DT.DT_SYMTAB) ?? 0n) ?? 0;
  const sorted = order.flatMap((i) => symbols[i] ?? []);
  const bytes = concatenate(sorted.map((symbol) => Sym.encode(symbol, view.format)));
  writeAtTable(draft, DT.DT_SYMTAB, start, bytes, 'dynamic symbols (DT_SYMTAB)');
  if (order.every((symbol, place) => symbol === place)) return;
  requireKnownTables(view);
  if (view.dynamic?.value(DT.DT_VERSYM) !== undefined) {
    const versym = readVersym(view, symbols.length);
    writeVersym(
      draft,
      Uint16Array.from(order, (i) => versym[i] ?? 0),
    );
  }
  const places = new Map(order.map((symbol, place) => [symbol, place]));
  for (const table of relocationTables(view)) moveReferences(draft, table, places);
}

/** A table of relocations; the PLT's table may be the tail of another one. */
type RelocationTable = ReturnType<typeof relocationTables>[number];

function moveReferences(draft: Draft, table: RelocationTable, places: ReadonlyMap<number, number>): void {
  const {view} = draft;
  const type = table.hasAddend ? Rela : Rel;
  const size = type.size(view.format.elfClass);
  const bytes = view.source.read(table.offset, table.size).slice();
  for (let at = 0; at + size <= bytes.length; at += size) {
    const {r_info} = Rel.decode(bytes, view.format, at);
    const old = relocationSymbol(view, r_info);
    const place = places.get(old);
    if (old === 0 || place === undefined || place === old) continue;
    const moved = {r_info: withRelocationSymbol(view, r_info, place)};
    if (table.hasAddend)
      bytes.set(Rela.encode({...Rela.decode(bytes, view.format, at), ...moved}, view.format), at);
    else bytes.set(Rel.encode({...Rel.decode(bytes, view.format, at), ...moved}, view.format), at);
  }
  writeAtTable(draft, table.tag, table.offset, bytes, 'relocations, with the new numbers of their symbols');
}

function requireKnownTables(view: ElfView): void {
  const refuse = (what: string) =>
    new ElfError(
      'UNSAFE_EDIT',
      `the renamed symbols would change places, and ${what} may depend on their order`,
      {
        path: view.path,
      },
    );
  if (view.header.e_machine === EM.EM_MIPS) throw refuse('the GOT of a MIPS file');
  for (const {d_tag} of view.dynamic?.entries ?? []) {
    const name = dynamicTagName(d_tag, view.header.e_machine);
    if (name.startsWith('0x') || countingTags.has(d_tag)) throw refuse(name);
  }
  const covered = dynamicTables(view);
  for (const section of view.sectionHeaders) {
    const isDynamic = view.sectionHeaders[section.sh_link]?.sh_type === SHT.SHT_DYNSYM;
    if (!isDynamic || !countingSections.has(section.sh_type)) continue;
    const isKnown = covered.some(
      ({offset, size}) => section.sh_offset >= offset && section.sh_offset + section.sh_size <= offset + size,
    );
    if (!isKnown) throw refuse(`section ${view.sectionName(section)}`);
  }
}

/** Tags whose tables hold symbol numbers; current linkers do not produce them. */
const countingTags: ReadonlySet<bigint> = new Set([
  DT.DT_SYMTAB_SHNDX,
  DT.DT_SYMINFO,
  DT.DT_GNU_CONFLICT,
  DT.DT_GNU_LIBLIST,
  DT.DT_GNU_PRELINKED,
  DT.DT_MOVETAB,
]);

const countingSections: ReadonlySet<number> = new Set([
  SHT.SHT_REL,
  SHT.SHT_RELA,
  SHT.SHT_GROUP,
  SHT.SHT_SYMTAB_SHNDX,
]);
