import {DT} from '../../elf/constants.js';
import {dynamicSymbolTable, eachSymbol, type SymbolTable} from '../../elf/symbols.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import type {Draft} from '../layout/draft.js';
import {distanceMoved} from '../layout/moved-tables.js';

/**
 * The dynamic symbol table, with a count that is reliable enough for writing.
 *
 * If the file does not record the count, it is derived from the start of the next table. That is trusted only if every
 * entry looks like a symbol; zeros at the end are the remains of a table that moved away.
 *
 * @throws ElfError NO_DYNAMIC when there is none, UNSAFE_EDIT when its length cannot be known
 */
export function requireSymbols(view: ElfView): SymbolTable {
  const table = dynamicSymbolTable(view);
  if (table === undefined)
    throw new ElfError('NO_DYNAMIC', 'there is no dynamic symbol table', {path: view.path});
  if (table.exact) return table;
  const size = view.dynamic?.stringTable.size ?? 0;
  let [largestName, count] = [0, 1];
  eachSymbol(view, table.offset, table.count, (name, i) => {
    largestName = Math.max(largestName, name);
    if (name !== 0) count = i + 1;
  });
  if (largestName < size) return {...table, count};
  throw new ElfError('UNSAFE_EDIT', 'cannot determine the number of dynamic symbols', {
    path: view.path,
    expected: 'section headers, DT_HASH, or exported symbols',
    got: 'none of them',
  });
}

/** Bytes of one DT_VERSYM entry. */
const versymSize = 2;

/** Read DT_VERSYM, one number per symbol. */
export function readVersym(view: ElfView, count: number): Uint16Array {
  const offset = view.offsetOfAddress(view.dynamic?.value(DT.DT_VERSYM) ?? 0n);
  if (offset === undefined)
    throw new ElfError('BAD_ELF', 'DT_VERSYM does not point into the file', {path: view.path});
  const bytes = view.source.read(offset, count * versymSize);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({length: count}, (_, i) =>
    data.getUint16(i * versymSize, view.format.littleEndian),
  );
}

/** Write DT_VERSYM, unless the draft has removed it. */
export function writeVersym(draft: Draft, versym: Uint16Array): void {
  const {view} = draft;
  if (draft.value(DT.DT_VERSYM) === undefined) return;
  const data = new DataView(new ArrayBuffer(versym.length * versymSize));
  versym.forEach((value, i) => {
    data.setUint16(i * versymSize, value, view.format.littleEndian);
  });
  const start = view.offsetOfAddress(view.dynamic?.value(DT.DT_VERSYM) ?? 0n) ?? 0;
  const offset = start + distanceMoved(draft, DT.DT_VERSYM);
  draft.write(offset, new Uint8Array(data.buffer), 'symbol versions (DT_VERSYM)');
}
