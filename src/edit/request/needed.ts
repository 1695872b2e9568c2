/*
 * DT_NEEDED. Only the order among these entries matters (ld.so loads breadth-first in that order), so an extra entry
 * takes a spare slot after the last entry of any kind, and the values move, not the slots.
 */
import {DT} from '../../elf/constants.js';
import {type Dyn, Verneed} from '../../elf/records.js';
import {hasStringToken} from '../../elf/search-path.js';
import {readNeededVersions} from '../../elf/versions.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {type Draft, type EditResult, type Entry, unchanged} from '../layout/draft.js';
import {encode} from '../layout/encode.js';
import {layOut} from '../layout/lay-out.js';
import {writeAtTable} from '../layout/moved-tables.js';
import {placeStrings} from '../layout/string-table.js';
import {refuseGlibcLoader, requireDynamic, requireLoaded} from './loaded.js';
import {dropNeededVersions, unbindSymbols} from './needed-versions.js';

/**
 * Plan another library. `last` appends it unless it is there already; `first` puts it in front of all others, moving it
 * if it is there already.
 *
 * @throws ElfError NO_DYNAMIC, UNSAFE_EDIT for a static-pie program, NO_ROOM
 */
export function addNeeded(draft: Draft, name: string, where: 'first' | 'last'): EditResult {
  const {view} = draft;
  const names = requireLoaded(view).needed;
  if (where === 'last' ? names.includes(name) : names[0] === name) return unchanged(view);
  refuseGlibcLoader(view, 'a needed library');
  const old = neededEntries(draft);
  const entry = old[names.indexOf(name)] ?? {d_tag: DT.DT_NEEDED, text: name};
  const others = old.filter((_, i) => names[i] !== name);
  setNeeded(draft, where === 'first' ? [entry, ...others] : [...others, entry]);
  draft.changes.push(`needed (DT_NEEDED): ${name} added${where === 'first' ? ' at the front' : ''}`);
  return layOut(draft);
}

/**
 * Plan the removal of a library; nothing but a note where neither DT_NEEDED nor DT_VERNEED has it.
 *
 * ld.so requires each library in DT_VERNEED to be loaded (elf/dl-version.c), so the library's entry there is removed
 * too, and symbols that were bound to one of its versions are then looked up without a version. It is not known here
 * whether another library defines them; the plan notes which ones must be found elsewhere.
 */
export function removeNeeded(draft: Draft, name: string): EditResult {
  const {view} = draft;
  const names = requireDynamic(view).needed;
  const isNeeded = names.includes(name);
  // patchelf leaves the versions of a library that it removes.
  if (!isNeeded && !neededVersionsOf(view).includes(name))
    return {...unchanged(view), notes: [describeAbsent(name, 'removed', names)]};
  setNeeded(
    draft,
    neededEntries(draft).filter((_, i) => names[i] !== name),
  );
  const dropped = dropNeededVersions(draft, ({file}) => file === name);
  placeStrings(draft, [], {released: dropped.strings, withdrawn: {versions: dropped.records}});
  draft.placed('in-place');
  draft.changes.push(`${isNeeded ? 'needed (DT_NEEDED)' : versionsOnly}: ${name} removed`);
  const required = unbindSymbols(draft, dropped.indices);
  if (required.length > 0) draft.notes.push(describeRequired(name, required));
  return encode(draft);
}

/**
 * Plan new names for libraries, all at once, so that two can be swapped. The names in DT_VERNEED (vn_file) change too,
 * as ld.so looks them up among the loaded libraries. A name not found gets only a note.
 *
 * @throws ElfError UNSAFE_EDIT when a library with versions would get a name that ld.so could not match
 */
export function replaceNeeded(draft: Draft, names: Readonly<Record<string, string>>): EditResult {
  const {view} = draft;
  const dynamic = requireDynamic(view);
  const wanted = new Map(Object.entries(names).filter(([from, to]) => from !== to));
  const target = (index: number | bigint) => wanted.get(dynamic.stringAt(BigInt(index))) ?? '';
  const isRenamed = (entry: Entry): entry is Dyn =>
    'd_val' in entry && entry.d_tag === DT.DT_NEEDED && target(entry.d_val) !== '';
  const files = readNeededVersions(view).filter(({record}) => target(record.vn_file) !== '');
  for (const {record} of files) requireFindable(view, target(record.vn_file));
  const versioned = neededVersionsOf(view);
  const notes = [...wanted.keys()]
    .filter((from) => !dynamic.needed.includes(from) && !versioned.includes(from))
    .map((from) => describeAbsent(from, 'replaced', dynamic.needed));
  if (!draft.entries.some(isRenamed) && files.length === 0) return {...unchanged(view), notes};
  draft.entries = draft.entries.map((entry) =>
    isRenamed(entry) ? {d_tag: entry.d_tag, text: target(entry.d_val)} : entry,
  );
  const old = files.map(({record}) => record.vn_file);
  const withdrawn = {versions: new Set(files.map(({offset}) => offset))};
  const places = placeStrings(draft, old.map(target), {released: old, withdrawn});
  files.forEach((file, i) => {
    const changed = {...file.record, vn_file: places[i] ?? 0};
    writeAtTable(
      draft,
      DT.DT_VERNEED,
      file.offset,
      Verneed.encode(changed, view.format),
      'a name in DT_VERNEED',
    );
  });
  draft.placed('in-place');
  for (const [from, to] of wanted) {
    if (dynamic.needed.includes(from)) draft.changes.push(`needed (DT_NEEDED): ${from} -> ${to}`);
    else if (versioned.includes(from)) draft.changes.push(`${versionsOnly}: ${from} -> ${to}`);
  }
  draft.notes.push(...notes);
  return encode(draft);
}

/**
 * ld.so replaces tokens in DT_NEEDED, but not in DT_VERNEED: it would look for the library under the unexpanded name
 * and abort (dl-version.c: Assertion `needed != NULL').
 */
function requireFindable({path}: ElfView, name: string): void {
  if (!hasStringToken(name)) return;
  const bare = name.slice(name.lastIndexOf('/') + 1);
  throw new ElfError(
    'UNSAFE_EDIT',
    'ld.so aborts if the name of a library with versions has a token to expand',
    {
      path,
      expected: `a plain name (${bare}), and the token in the search path`,
      got: name,
    },
  );
}

/** What is said of a library that only the version table names, which ld.so refuses to load. */
const versionsOnly = 'versions needed (DT_VERNEED)';

/** The libraries of DT_VERNEED; none of a damaged one. */
function neededVersionsOf(view: ElfView): string[] {
  try {
    return readNeededVersions(view).map(({record}) => view.dynamic?.stringAt(BigInt(record.vn_file)) ?? '');
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

function neededEntries(draft: Draft): Entry[] {
  return draft.entries.filter(({d_tag}) => d_tag === DT.DT_NEEDED);
}

/** Put these entries into the DT_NEEDED slots in order; missing slots are added at the end, spare ones removed. */
function setNeeded(draft: Draft, needed: readonly Entry[]): void {
  const slots = neededEntries(draft);
  const fresh = new Map(slots.map((slot, i) => [slot, needed[i]]));
  const kept = draft.entries.flatMap((entry) => (fresh.has(entry) ? (fresh.get(entry) ?? []) : entry));
  draft.entries = [...kept, ...needed.slice(slots.length)];
}

/** Without a note, a misspelt name would look like a library removed or replaced. */
function describeAbsent(name: string, done: string, needed: readonly string[]): string {
  return `${name} is not in DT_NEEDED and was not ${done}; in DT_NEEDED: ${needed.join(', ') || 'nothing'}`;
}

/** Notes are for people: a few names are enough to tell which library is missing. */
function describeRequired(library: string, symbols: readonly string[]): string {
  const shown = symbols.slice(0, 5).join(', ');
  const more = symbols.length > 5 ? ` and ${symbols.length - 5} more` : '';
  return `${symbols.length} symbol${symbols.length === 1 ? '' : 's'} of ${library} must now come from another library: ${shown}${more}`;
}
