/*
 * DT_NEEDED. Only the order among these entries means something (ld.so loads breadth-first in that order), so an
 * entry more takes a spare slot after the last entry of any kind, and the values move, not the slots.
 */
import {DT} from '../../elf/constants.js';
import {Verneed} from '../../elf/records.js';
import {readNeededVersions} from '../../elf/versions.js';
import {type Draft, type EditResult, unchanged} from '../layout/draft.js';
import {makeDynamicRoom} from '../layout/dynamic-room.js';
import {writeAtTable} from '../layout/moved-tables.js';
import {placeString, placeStrings, releaseStrings} from '../layout/string-table.js';
import {refuseGlibcLoader, requireDynamic, requireLoaded} from './loaded.js';
import {dropNeededVersions, unbindSymbols} from './needed-versions.js';

/**
 * Plan one more library. `last` appends it unless it is there already; `first` puts it in front of all others,
 * and one that is there already moves.
 *
 * @throws ElfError NO_DYNAMIC, UNSAFE_EDIT for a static-pie program, NO_ROOM
 */
export function addNeeded(draft: Draft, name: string, where: 'first' | 'last'): EditResult {
  const {view} = draft;
  const names = requireLoaded(view).needed;
  if (where === 'last' ? names.includes(name) : names[0] === name) return unchanged(view);
  refuseGlibcLoader(view, 'a needed library');
  if (!names.includes(name)) makeDynamicRoom(draft, 1);
  const value = BigInt(placeString(draft, name));
  const others = neededValues(draft).filter((_, i) => names[i] !== name);
  setNeeded(draft, where === 'first' ? [value, ...others] : [...others, value]);
  draft.placed(names.includes(name) ? 'in-place' : 'slack');
  draft.changes.push(`needed (DT_NEEDED): ${name} added${where === 'first' ? ' at the front' : ''}`);
  return draft.finish();
}

/**
 * Plan the removal of a library; nothing but a note where it is not needed.
 *
 * ld.so demands that each library of DT_VERNEED is loaded (elf/dl-version.c), so the library's entry there goes
 * too, and the symbols that were bound to one of its versions are looked up without a version from then on.
 * Whether another library has them cannot be known here; the plan notes which ones must be found elsewhere.
 */
export function removeNeeded(draft: Draft, name: string): EditResult {
  const {view} = draft;
  const names = requireDynamic(view).needed;
  if (!names.includes(name)) return {...unchanged(view), notes: [describeAbsent(name, 'removed', names)]};
  const values = neededValues(draft);
  setNeeded(
    draft,
    values.filter((_, i) => names[i] !== name),
  );
  const dropped = dropNeededVersions(draft, ({file}) => file === name);
  const released = values.filter((_, i) => names[i] === name).map(Number);
  releaseStrings(draft, [...released, ...dropped.strings], {versions: dropped.records});
  draft.placed('in-place');
  draft.changes.push(`needed (DT_NEEDED): ${name} removed`);
  const required = unbindSymbols(draft, dropped.indices);
  if (required.length > 0) draft.notes.push(describeRequired(name, required));
  return draft.finish();
}

/**
 * Plan other names for libraries, all at once, so that two may be swapped. The names in DT_VERNEED (vn_file)
 * follow, as ld.so looks them up among what is loaded. A name that is not there is passed over.
 */
export function replaceNeeded(draft: Draft, names: Readonly<Record<string, string>>): EditResult {
  const {view} = draft;
  const dynamic = requireDynamic(view);
  const wanted = new Map(Object.entries(names).filter(([from, to]) => from !== to));
  const target = (index: number | bigint) => wanted.get(dynamic.stringAt(BigInt(index))) ?? '';
  const entries = draft.entries.filter((e) => e.d_tag === DT.DT_NEEDED && target(e.d_val) !== '');
  const files = readNeededVersions(view).filter(({record}) => target(record.vn_file) !== '');
  const notes = [...wanted.keys()]
    .filter((from) => !dynamic.needed.includes(from))
    .map((from) => describeAbsent(from, 'replaced', dynamic.needed));
  if (entries.length + files.length === 0) return {...unchanged(view), notes};
  const released = [...entries.map((e) => Number(e.d_val)), ...files.map(({record}) => record.vn_file)];
  const texts = released.map(target);
  // While the strings are placed these entries refer to none: offset 0 is the empty string.
  for (const entry of entries) entry.d_val = 0n;
  const withdrawn = {versions: new Set(files.map(({offset}) => offset))};
  const places = placeStrings(draft, texts, {released, withdrawn});
  entries.forEach((entry, i) => {
    entry.d_val = BigInt(places[i] ?? 0);
  });
  files.forEach((file, i) => {
    const changed = {...file.record, vn_file: places[entries.length + i] ?? 0};
    writeAtTable(
      draft,
      DT.DT_VERNEED,
      file.offset,
      Verneed.encode(changed, view.format),
      'a name in DT_VERNEED',
    );
  });
  draft.placed('in-place');
  for (const [from, to] of wanted)
    if (dynamic.needed.includes(from)) draft.changes.push(`needed (DT_NEEDED): ${from} -> ${to}`);
  draft.notes.push(...notes);
  return draft.finish();
}

function neededValues(draft: Draft): bigint[] {
  return draft.entries.filter((entry) => entry.d_tag === DT.DT_NEEDED).map((entry) => entry.d_val);
}

/** Give the DT_NEEDED slots these values in order; slots that are missing are added at the end, spare ones go. */
function setNeeded(draft: Draft, values: readonly bigint[]): void {
  const slots = draft.entries.filter((entry) => entry.d_tag === DT.DT_NEEDED);
  values.forEach((d_val, i) => {
    const slot = slots[i];
    if (slot === undefined) draft.entries.push({d_tag: DT.DT_NEEDED, d_val});
    else slot.d_val = d_val;
  });
  const spare = new Set(slots.slice(values.length));
  draft.entries = draft.entries.filter((entry) => !spare.has(entry));
}

/** A misspelt name must not pass for a library that is gone. */
function describeAbsent(name: string, done: string, needed: readonly string[]): string {
  return `${name} is not in DT_NEEDED and was not ${done}; in DT_NEEDED: ${needed.join(', ') || 'nothing'}`;
}

/** Notes are for people: a few names tell which library is missed. */
function describeRequired(library: string, symbols: readonly string[]): string {
  const shown = symbols.slice(0, 5).join(', ');
  const more = symbols.length > 5 ? ` and ${symbols.length - 5} more` : '';
  return `${symbols.length} symbol${symbols.length === 1 ? '' : 's'} of ${library} must now come from another library: ${shown}${more}`;
}
