import {DT} from '../../elf/constants.js';
import {eachSymbol} from '../../elf/symbols.js';
import {VER_NDX_GLOBAL, versionIndex} from '../../elf/versions.js';
import {type Draft, type EditResult, unchanged} from '../layout/draft.js';
import {layOut} from '../layout/lay-out.js';
import {requireDynamic} from './loaded.js';
import {dropNeededVersions} from './needed-versions.js';
import {readVersym, requireSymbols, writeVersym} from './symbol-table.js';

/**
 * Plan the removal of the versions of symbols (VER_NDX_GLOBAL), so that any version will do. A needed version that no
 * symbol uses any more is dropped from DT_VERNEED: ld.so would still require it. One that never had a symbol
 * (GLIBC_ABI_DT_RELR) stays.
 */
export function clearSymbolVersions(draft: Draft, names: readonly string[]): EditResult {
  const {view} = draft;
  const dynamic = requireDynamic(view);
  if (dynamic.value(DT.DT_VERSYM) === undefined) return unchanged(view);
  const wanted = new Set(names);
  const table = requireSymbols(view);
  const versym = readVersym(view, table.count);
  const left = new Set<number>();
  const cleared = new Set<string>();
  eachSymbol(view, table.offset, table.count, (start, i) => {
    const index = versionIndex(versym[i] ?? 0);
    const name = index > VER_NDX_GLOBAL ? dynamic.stringAt(BigInt(start)) : '';
    if (name === '' || !wanted.has(name)) return;
    versym[i] = VER_NDX_GLOBAL;
    left.add(index);
    cleared.add(name);
  });
  const absent = names.filter((name) => !cleared.has(name)).map((name) => `no symbol ${name} has a version`);
  if (cleared.size === 0) return {...unchanged(view), notes: absent};
  const used = new Set([...versym].map(versionIndex));
  writeVersym(draft, versym);
  const dropped = dropNeededVersions(draft, ({index}) => left.has(index) && !used.has(index));
  draft.changes.push(`symbol versions cleared: ${[...cleared].join(', ')}`);
  for (const note of absent) draft.notes.push(note);
  return layOut(draft, {released: dropped.strings, withdrawn: {versions: dropped.records}});
}
