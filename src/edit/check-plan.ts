/*
 * A plan is checked before anybody may apply it. This simulates what kernel and loader map before and after, and
 * trusts none of the code that made the plan: a violation is an error of elfinterp, and the file stays untouched.
 */

import {checkElf} from '../elf/check.js';
import {DT, dynamicTagName, PF, PT, SHF, SHT} from '../elf/constants.js';
import {stringTags} from '../elf/dynamic.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../elf/records.js';
import {dynamicSymbolTable, eachSymbol} from '../elf/symbols.js';
import {dynamicTables} from '../elf/tables.js';
import {readDefinedVersions, readNeededVersions} from '../elf/versions.js';
import type {ElfView} from '../elf/view.js';
import {hex} from '../errors.js';
import {checkSegments, failCheck, isWritten, requireSameBytes} from './check-segments.js';
import {isTableSegment} from './claims.js';
import type {Plan} from './plan.js';
import type {EditRequest} from './request.js';

/** @throws ElfError CHECK_FAILED naming what would be broken */
export function checkPlan(before: ElfView, after: ElfView, plan: Plan, request: EditRequest): void {
  checkRequested(before, after, request);
  checkSegments(before, after, plan);
  checkWritesDeclared(before, plan);
  checkMappedWrites(before, plan);
  checkTables(before, after);
  checkStrings(before, after, plan);
  checkProblems(before, after);
}

/** The result reads as the request says, and every string that it does not speak of reads as before. */
function checkRequested(before: ElfView, after: ElfView, request: EditRequest): void {
  const expect = (what: string, expected: unknown, got: unknown) => {
    const [wanted, found] = [JSON.stringify(expected) ?? 'none', JSON.stringify(got) ?? 'none'];
    if (wanted !== found) failCheck(before, `${what} would not read as it should`, wanted, found);
  };
  expect('the interpreter', request.interpreter ?? before.interpreter?.path, after.interpreter?.path);
  const setsPath =
    request.rpath !== undefined || request.runpath !== undefined || request.removeRpath === true;
  expect('DT_RPATH', setsPath ? request.rpath : before.dynamic?.rpath, after.dynamic?.rpath);
  expect('DT_RUNPATH', setsPath ? request.runpath : before.dynamic?.runpath, after.dynamic?.runpath);
  for (const tag of stringTags) {
    if (tag === DT.DT_RPATH || tag === DT.DT_RUNPATH) continue;
    const name = dynamicTagName(tag, before.header.e_machine);
    expect(name, before.dynamic?.strings(tag), after.dynamic?.strings(tag));
  }
}

/** Whatever is written inside mapped bytes was declared by the edit that wants it. */
function checkWritesDeclared(before: ElfView, plan: Plan): void {
  const regions = [...plan.regions].sort((a, b) => a.offset - b.offset);
  for (const {offset, bytes, reason} of plan.writes) {
    let at = offset;
    for (const region of regions) {
      if (region.offset <= at) at = Math.max(at, region.offset + region.size);
    }
    if (at < offset + bytes.length)
      failCheck(before, `an undeclared write: ${reason}`, 'a declared range', hex(at));
  }
}

/**
 * What is written over mapped bytes is written over headers, the linker's own tables, or zeros outside every other
 * section: never over anything that code addresses.
 */
function checkMappedWrites(before: ElfView, plan: Plan): void {
  const owned = listOwned(before);
  const others = before.sectionHeaders.filter(
    (s) => s.sh_type !== SHT.SHT_NOBITS && (s.sh_flags & SHF.SHF_ALLOC) !== 0 && s.sh_size > 0,
  );
  for (const {p_type, p_offset, p_filesz, p_flags} of before.programHeaders) {
    if (p_type !== PT.PT_LOAD) continue;
    for (const {offset, bytes, before: old, reason} of plan.writes) {
      const end = Math.min(offset + bytes.length, p_offset + p_filesz);
      for (let at = Math.max(offset, p_offset); at < end; at++) {
        if (bytes[at - offset] === old[at - offset]) continue;
        const owner = owned.find((o) => at >= o.offset && at < o.offset + o.size);
        if (owner !== undefined) {
          at = Math.min(end, owner.offset + owner.size) - 1;
          continue;
        }
        const isFree = old[at - offset] === 0 && (p_flags & PF.PF_W) === 0;
        if (!isFree || others.some((s) => at >= s.sh_offset && at < s.sh_offset + s.sh_size))
          failCheck(before, `${reason} would be written over other content`, 'a table, or zeros', hex(at));
      }
    }
  }
}

/** The ranges whose content is the linker's: headers, PT_INTERP, notes, the dynamic section and its tables. */
function listOwned(view: ElfView): {offset: number; size: number}[] {
  const {elfClass} = view.format;
  const {e_machine, e_phoff, e_shoff} = view.header;
  const segments = view.programHeaders.filter(
    ({p_type}) => p_type === PT.PT_DYNAMIC || isTableSegment(p_type, e_machine),
  );
  const sections = view.sectionHeaders.filter((section) => tableSections.has(section.sh_type));
  return [
    {offset: 0, size: EI_NIDENT + Ehdr.size(elfClass)},
    {offset: e_phoff, size: view.programHeaders.length * Phdr.size(elfClass)},
    {offset: e_shoff, size: view.sectionHeaders.length * Shdr.size(elfClass)},
    ...segments.map(({p_offset, p_filesz}) => ({offset: p_offset, size: p_filesz})),
    ...sections.map(({sh_offset, sh_size}) => ({offset: sh_offset, size: sh_size})),
    ...dynamicTables(view).map(({offset, size}) => ({offset, size})),
  ].filter(({size}) => size > 0);
}

const tableSections: ReadonlySet<number> = new Set([
  SHT.SHT_DYNAMIC,
  SHT.SHT_NOTE,
  SHT.SHT_DYNSYM,
  SHT.SHT_SYMTAB,
]);

/** Each dynamic-linking table that moved has the content that it had; .dynstr is compared string by string. */
function checkTables(before: ElfView, after: ElfView): void {
  if (before.dynamic === undefined) return;
  const now = dynamicTables(after);
  for (const table of dynamicTables(before)) {
    const other = now.find(({tag}) => tag === table.tag);
    const name = dynamicTagName(table.tag, before.header.e_machine);
    if (other === undefined) failCheck(before, `${name} is gone`, 'a table', 'none');
    if (table.tag === DT.DT_STRTAB) continue;
    if (other.size !== table.size)
      failCheck(before, `${name} changes its size`, `${table.size}`, `${other.size}`);
    if (other.offset === table.offset) continue;
    requireSameBytes(
      before,
      after,
      {p_offset: table.offset, p_filesz: table.size},
      {p_offset: other.offset, p_filesz: other.size},
      name,
    );
  }
}

/** Every string that a symbol or a version refers to reads as before. */
function checkStrings(before: ElfView, after: ElfView, plan: Plan): void {
  const [old, now] = [before.dynamic, after.dynamic];
  if (old === undefined || now === undefined) return;
  const {offset, size} = old.stringTable;
  if (offset === now.stringTable.offset && !isWritten(plan, offset, size)) return;
  const read = (view: ElfView, index: number) => view.dynamic?.stringAt(BigInt(index));
  const compare = (index: number, what: string) => {
    const [a, b] = [read(before, index), read(after, index)];
    if (a !== b) failCheck(before, `the name of ${what} changes`, `${a}`, `${b}`);
  };
  const symbols = dynamicSymbolTable(before);
  if (symbols?.exact)
    eachSymbol(before, symbols.offset, symbols.count, ({st_name}, i) => compare(st_name, `symbol ${i}`));
  for (const {record, versions} of readNeededVersions(before)) {
    compare(record.vn_file, 'a needed version file');
    for (const version of versions) compare(version.record.vna_name, 'a needed version');
  }
  for (const {names} of readDefinedVersions(before))
    for (const {record} of names) compare(record.vda_name, 'a version');
}

/** An edit brings no problem that was not there. */
function checkProblems(before: ElfView, after: ElfView): void {
  const known = new Set(checkElf(before).map((problem) => problem.code));
  const fresh = checkElf(after).find((problem) => !known.has(problem.code));
  if (fresh !== undefined) failCheck(before, fresh.message, 'no new problem', fresh.code);
}
