/*
 * Do symbol versions read as they should? The bindings of dynamic symbols and the demands of DT_VERNEED are read into
 * plain lists before and after; the request determines how the first list becomes the second.
 */
import {DT} from '../../elf/constants.js';
import {dynamicSymbolTable, eachSymbol, readVersym} from '../../elf/symbols.js';
import {readDefinedVersions, readNeededVersions, versionIndex} from '../../elf/versions.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {isWritten} from './fail.js';
import {findRenamed, namelessSymbols} from './names.js';
import type {Promised, Requested} from './promise.js';

/** A version required from a library. */
interface Demand {
  readonly file: string;
  readonly version: string;
  readonly index: number;
  readonly flags: number;
  readonly hash: number;
}

/** @throws ElfError CHECK_FAILED when a version is gone, new, or bound to another symbol */
export function checkVersions(
  before: ElfView,
  after: ElfView,
  plan: Promised,
  requests: readonly Requested[],
): void {
  requireEqual(before, 'DT_VERDEF', definedVersions(before), definedVersions(after));
  if (requests.some(changesBindings) || !hasSameBindings(before, after, plan))
    checkBindings(before, after, requests);
  else requireEqual(before, 'DT_VERNEED', demandsOf(before), demandsOf(after));
}

function changesBindings(request: Requested): boolean {
  const {clearSymbolVersions, renameSymbols, removeNeeded, replaceNeeded} = request;
  return [clearSymbolVersions, renameSymbols, removeNeeded, replaceNeeded].some(
    (field) => field !== undefined,
  );
}

/** Whether no symbol can have a different name or version index now. */
function hasSameBindings(before: ElfView, after: ElfView, plan: Promised): boolean {
  const count = dynamicSymbolTable(before)?.count ?? 0;
  const [old, now] = [before, after].map((view) => view.offsetOfTable(DT.DT_VERSYM));
  // If it moved, checkTables compares its content, as for other tables.
  const isSame = old === undefined || old !== now || !isWritten(plan, old, count * 2);
  return isSame && findRenamed(before, after, plan, count) === undefined;
}

/** Compare each binding. @throws ElfError CHECK_FAILED */
export function checkBindings(before: ElfView, after: ElfView, requests: readonly Requested[]): void {
  const count = dynamicSymbolTable(before)?.count ?? 0;
  const nameless = namelessSymbols(before, count);
  const was = bindingsOf(before, count, nameless);
  const bindings = requests.reduce(unbind, was);
  const demands = keptDemands(before, requests);
  const wasUsed = new Set(was.map(({index}) => index));
  const isUsed = new Set(bindings.map(({index}) => index));
  const expected = demands.filter(({index}) => isUsed.has(index) || !wasUsed.has(index));
  requireEqual(before, 'DT_VERNEED', expected, demandsOf(after));
  const known = new Set(expected.map(({index}) => index));
  const gone = new Set(
    demandsOf(before)
      .map(({index}) => index)
      .filter((index) => !known.has(index)),
  );
  const left = bindings.filter(({index}) => !gone.has(index));
  const now = bindingsOf(after, count, nameless);
  requireEqual(before, 'DT_VERSYM', sortedBindings(left), sortedBindings(now));
}

/** A symbol and the number of its version. */
interface Binding {
  readonly name: string;
  readonly index: number;
  readonly raw: number;
}

/** The symbols that have a version of their own, among the first `count`. */
function bindingsOf(view: ElfView, count: number, nameless: ReadonlySet<number>): Binding[] {
  const table = dynamicSymbolTable(view);
  if (table === undefined || view.dynamic?.value(DT.DT_VERSYM) === undefined) return [];
  const versym = readVersym(view, count);
  const bindings: Binding[] = [];
  eachSymbol(view, table.offset, count, (start, i) => {
    const raw = versym[i] ?? 0;
    if (versionIndex(raw) <= 1) return;
    const name = nameless.has(i) ? undefined : view.dynamic?.stringAt(BigInt(start));
    bindings.push({name: name ?? '', index: versionIndex(raw), raw});
  });
  return bindings;
}

function unbind(bindings: readonly Binding[], request: Requested): Binding[] {
  const names = new Map(Object.entries(request.renameSymbols ?? {}));
  return bindings
    .filter(({name}) => !request.clearSymbolVersions?.includes(name))
    .map((binding) => ({...binding, name: names.get(binding.name) ?? binding.name}));
}

function sortedBindings(bindings: readonly Binding[]): string[] {
  return bindings.map(({name, raw}) => `${name} ${raw}`).sort();
}

function demandsOf(view: ElfView): Demand[] {
  const text = (index: number) => view.dynamic?.stringAt(BigInt(index)) ?? '';
  return readNeededVersions(view).flatMap(({record, versions}) =>
    versions.map(({record: {vna_name, vna_other, vna_flags, vna_hash}}) => ({
      file: text(record.vn_file),
      version: text(vna_name),
      index: versionIndex(vna_other),
      flags: vna_flags,
      hash: vna_hash,
    })),
  );
}

/** Each request starts from the libraries that the previous one leaves. */
function keptDemands(before: ElfView, requests: readonly Requested[]): Demand[] {
  return requests.reduce(keepDemands, demandsOf(before));
}

function keepDemands(demands: readonly Demand[], request: Requested): Demand[] {
  const names = new Map(Object.entries(request.replaceNeeded ?? {}));
  return demands
    .filter(({file}) => !request.removeNeeded?.includes(file))
    .map((demand) => ({...demand, file: names.get(demand.file) ?? demand.file}));
}

function definedVersions(view: ElfView): object[] {
  const text = (index: number) => view.dynamic?.stringAt(BigInt(index)) ?? '';
  return readDefinedVersions(view).map(({record: {vd_ndx, vd_flags, vd_hash}, names}) => ({
    vd_ndx,
    vd_flags,
    vd_hash,
    names: names.map(({record}) => text(record.vda_name)),
  }));
}

function requireEqual(
  view: ElfView,
  what: string,
  expected: readonly unknown[],
  got: readonly unknown[],
): void {
  const at = expected.findIndex((item, i) => JSON.stringify(item) !== JSON.stringify(got[i]));
  if (at < 0 && expected.length === got.length) return;
  const i = at < 0 ? expected.length : at;
  throw new ElfError(
    'CHECK_FAILED',
    `internal error, nothing was written: ${what} would not read as it should`,
    {
      path: view.path,
      expected: JSON.stringify(expected[i]) ?? 'nothing',
      got: JSON.stringify(got[i]) ?? 'nothing',
    },
  );
}
