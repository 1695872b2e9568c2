/*
 * Check a plan before anybody can apply it. This simulates what kernel and loader map before and after, and shares no
 * code with the planner: a violation is a bug in elfinterp, and the file stays untouched.
 *
 * The file after the edit is computed from the plan's writes, not from the planner's view of it. Large tables are
 * checked only where something was written or moved; `checkPlanFully` checks every entry, and the tests and the fuzzer
 * make sure that the two agree.
 */

import {checkElf, checkElfNotes, checkHeaders, type Problem} from '../../elf/check.js';
import {DT, dynamicTagName, EM, machineDT, PF, PT, SHF, SHT} from '../../elf/constants.js';
import {memoizedPerView} from '../../elf/memoized.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../../elf/records.js';
import {dynamicSymbolTable} from '../../elf/symbols.js';
import {isMachineTable, isTableSegment} from '../../elf/table-kinds.js';
import {dynamicTables, sizedBySymbols, tagsOfSections} from '../../elf/tables.js';
import {ElfView} from '../../elf/view.js';
import {hasFileBytes} from '../../elf/without-bytes.js';
import {hex} from '../../errors.js';
import {overlaySource} from '../../source/overlay.js';
import {RangeSet} from '../../source/range-set.js';
import {failCheck, requireSameBytes} from './fail.js';
import {hasReadableNames} from './names.js';
import {checkOtherEntries} from './other-entries.js';
import type {Promised, Requested} from './promise.js';
import {checkRequested} from './requested.js';
import {checkSegments} from './segments.js';
import {checkNames, checkSymbols} from './symbols.js';
import {checkBindings, checkVersions} from './versions.js';

/** @throws ElfError CHECK_FAILED naming what would be broken */
export function checkPlan(before: ElfView, plan: Promised, requests: readonly Requested[]): void {
  const after = viewAfter(before, plan);
  checkRequested(before, after, requests);
  checkSegments(before, after, plan, requests);
  checkWritesDeclared(before, plan);
  checkMappedWrites(before, plan);
  checkTables(before, after, changedTables(requests));
  checkSymbols(before, after, plan, requests);
  checkVersions(before, after, plan, requests);
  checkOtherEntries(before, after, requests);
  checkProblems(before, after, checkHeaders);
}

/** The same, but for every entry of every table, whether or not the plan could have changed it. */
export function checkPlanFully(before: ElfView, plan: Promised, requests: readonly Requested[]): void {
  const after = viewAfter(before, plan);
  checkPlan(before, plan, requests);
  if (hasReadableNames(before)) {
    checkNames(before, after, requests);
    checkBindings(before, after, requests);
  }
  checkProblems(before, after, checkElf);
}

function viewAfter({source}: ElfView, {writes, outputSize}: Promised): ElfView {
  return new ElfView(overlaySource(source, writes, outputSize));
}

/** Every write is inside a range that an edit declared. */
function checkWritesDeclared(before: ElfView, plan: Promised): void {
  const declared = new RangeSet(plan.regions);
  for (const {offset, bytes, reason} of plan.writes) {
    const end = declared.endAt(offset) ?? offset;
    if (end < offset + bytes.length)
      failCheck(before, `an undeclared write: ${reason}`, 'a declared range', hex(end));
  }
}

/**
 * Writes to mapped bytes only overwrite headers, the linker's own tables, or filler outside every other section: never
 * anything that code addresses.
 */
function checkMappedWrites(before: ElfView, plan: Promised): void {
  const owned = ownedRanges(before);
  const others = otherSections(before);
  const isNamed = before.sectionHeaders.length > 0;
  const [mapped, writable] = [mappedRanges(before, 0), mappedRanges(before, PF.PF_W)];
  for (const {offset, bytes, before: old, reason} of plan.writes) {
    for (const piece of mapped.within({offset, size: bytes.length})) {
      const end = piece.offset + piece.size;
      for (let at = piece.offset; at < end; at++) {
        if (bytes[at - offset] === old[at - offset]) continue;
        const ownedUpTo = owned.endAt(at);
        if (ownedUpTo !== undefined) {
          at = Math.min(end, ownedUpTo) - 1;
          continue;
        }
        // In a writable segment, zeros may be variables, unless sections show where those are.
        const isFree = isNamed
          ? fillers.has(old[at - offset] ?? 0)
          : old[at - offset] === 0 && writable.endAt(at) === undefined;
        if (!isFree || others.endAt(at) !== undefined)
          failCheck(before, `${reason} would be written over other content`, 'a table, or zeros', hex(at));
      }
    }
  }
}

/** Zero, and the X or Z with which patchelf overwrites a section that it moved. */
const fillers: ReadonlySet<number> = new Set([0, 0x58, 0x5a]);

/** The file ranges of LOADs that have a flag. */
function mappedRanges({programHeaders}: ElfView, flag: number): RangeSet {
  return new RangeSet(
    programHeaders
      .filter(({p_type, p_flags}) => p_type === PT.PT_LOAD && (p_flags & flag) === flag)
      .map(({p_offset, p_filesz}) => ({offset: p_offset, size: p_filesz})),
  );
}

/** The ranges that belong to the linker: headers, PT_INTERP, notes, the dynamic section and its tables. */
const ownedRanges = memoizedPerView((view) => {
  const {elfClass} = view.format;
  const {e_machine, e_phoff, e_shoff} = view.header;
  const segments = view.programHeaders.filter(
    ({p_type}) => p_type === PT.PT_DYNAMIC || isTableSegment(p_type, e_machine),
  );
  const sections = view.sectionHeaders.filter(
    (section) =>
      tableSections.has(section.sh_type) ||
      isMachineTable(section, e_machine) ||
      isPointedAt(view, tagsOfSections[section.sh_type], section.sh_addr),
  );
  return new RangeSet([
    {offset: 0, size: EI_NIDENT + Ehdr.size(elfClass)},
    {offset: e_phoff, size: view.programHeaders.length * Phdr.size(elfClass)},
    {offset: e_shoff, size: view.sectionHeaders.length * Shdr.size(elfClass)},
    ...segments.map(({p_offset, p_filesz}) => ({offset: p_offset, size: p_filesz})),
    ...sections.map(({sh_offset, sh_size}) => ({offset: sh_offset, size: sh_size})),
    ...dynamicTables(view),
  ]);
});

/**
 * Whether an entry points at a section. The section of a hash table, for example, may be longer than the table itself.
 */
function isPointedAt({dynamic}: ElfView, tag: bigint | undefined, address: bigint): boolean {
  return tag !== undefined && dynamic?.value(tag) === address;
}

/** The sections that are loaded, except .dynstr, which may be longer than DT_STRSZ says. */
const otherSections = memoizedPerView(
  (view) =>
    new RangeSet(
      view.sectionHeaders
        .filter(
          (section) =>
            hasFileBytes(section) && (section.sh_flags & SHF.SHF_ALLOC) !== 0 && !isDynstr(view, section),
        )
        .map(({sh_offset, sh_size}) => ({offset: sh_offset, size: sh_size})),
    ),
);

function isDynstr(view: ElfView, {sh_type, sh_addr}: Shdr): boolean {
  return sh_type === SHT.SHT_STRTAB && isPointedAt(view, DT.DT_STRTAB, sh_addr);
}

const tableSections: ReadonlySet<number> = new Set([
  SHT.SHT_DYNAMIC,
  SHT.SHT_NOTE,
  SHT.SHT_DYNSYM,
  SHT.SHT_SYMTAB,
]);

/** The tables whose content a request means to change; they are compared entry by entry elsewhere. */
function changedTables(requests: readonly Requested[]): ReadonlySet<bigint> {
  const tags = new Set<bigint>([DT.DT_STRTAB]);
  const add = (...more: bigint[]) => {
    for (const tag of more) tags.add(tag);
  };
  for (const {removeNeeded, replaceNeeded, clearSymbolVersions, renameSymbols} of requests) {
    if (removeNeeded ?? replaceNeeded ?? clearSymbolVersions) add(DT.DT_VERNEED, DT.DT_VERSYM);
    if (renameSymbols === undefined) continue;
    add(DT.DT_SYMTAB, DT.DT_VERSYM, DT.DT_HASH, DT.DT_GNU_HASH, DT.DT_RELA, DT.DT_REL, DT.DT_JMPREL);
    add(machineDT[EM.EM_MIPS].DT_MIPS_XHASH);
  }
  return tags;
}

/** Each dynamic-linking table that moved has the same content as before. */
function checkTables(before: ElfView, after: ElfView, changed: ReadonlySet<bigint>): void {
  if (before.dynamic === undefined) return;
  const now = dynamicTables(after);
  const isGuessed = dynamicSymbolTable(before)?.exact === false;
  for (const table of dynamicTables(before)) {
    if (changed.has(table.tag)) continue;
    const other = now.find(({tag}) => tag === table.tag);
    const name = dynamicTagName(table.tag, before.header.e_machine);
    if (other === undefined) failCheck(before, `${name} is gone`, 'a table', 'none');
    if (other.size !== table.size && !(isGuessed && sizedBySymbols.has(table.tag)))
      failCheck(before, `${name} changes its size`, `${table.size}`, `${other.size}`);
    if (other.offset === table.offset) continue;
    requireSameBytes(
      before,
      after,
      {p_offset: table.offset, p_filesz: table.size},
      {p_offset: other.offset, p_filesz: table.size},
      name,
    );
  }
}

/** Problems of names that hash tables have elsewhere (elf/check/hash.ts). */
const ofHashes = ['NOT_FOUND', 'WRONG_CHAIN'];

/** An edit must not introduce a new problem. */
function checkProblems(before: ElfView, after: ElfView, check: (view: ElfView) => readonly Problem[]): void {
  const problems = check(after);
  if (problems.length === 0) return;
  // A first interpreter or needed library makes the file one that a loader maps, where a note counts as a problem.
  const known = new Set([...check(before), ...checkElfNotes(before)].map((problem) => problem.code));
  // A name beyond the string table is whatever follows the table, and so is its hash.
  if (known.has('STRING_OUTSIDE')) for (const code of ofHashes) known.add(code);
  const fresh = problems.find((problem) => !known.has(problem.code));
  if (fresh !== undefined) failCheck(before, fresh.message, 'no new problem', fresh.code);
}
