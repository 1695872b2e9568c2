/*
 * A plan is checked before anybody may apply it. This simulates what kernel and loader map before and after, and
 * trusts none of the code that made the plan: a violation is an error of elfinterp, and the file stays untouched.
 */

import {checkElf} from '../elf/check.js';
import {DT, dynamicTagName, PF, PT, segmentTypeName} from '../elf/constants.js';
import {stringTags} from '../elf/dynamic.js';
import type {Phdr} from '../elf/records.js';
import {dynamicSymbolTable, eachSymbol} from '../elf/symbols.js';
import {dynamicTables} from '../elf/tables.js';
import {readDefinedVersions, readNeededVersions} from '../elf/versions.js';
import type {ElfView} from '../elf/view.js';
import {ElfError, hex} from '../errors.js';
import type {Plan} from './plan.js';
import type {EditRequest} from './request.js';
import {pageSizeOf} from './space.js';

/** @throws ElfError CHECK_FAILED naming what would be broken */
export function checkPlan(before: ElfView, after: ElfView, plan: Plan, request: EditRequest): void {
  checkRequested(before, after, request);
  checkLoads(before, after);
  checkWritesDeclared(before, plan);
  checkPages(before, after);
  checkOtherSegments(before, after, plan);
  checkTables(before, after);
  checkStrings(before, after, plan);
  checkProblems(before, after);
}

function fail(view: ElfView, what: string, expected: string, got: string): never {
  throw new ElfError('CHECK_FAILED', `internal error, nothing was written: ${what}`, {
    path: view.path,
    expected,
    got,
  });
}

function loadsOf(view: ElfView): readonly Phdr[] {
  return view.programHeaders.filter((phdr) => phdr.p_type === PT.PT_LOAD);
}

/** The result reads as the request says, and every string that it does not speak of reads as before. */
function checkRequested(before: ElfView, after: ElfView, request: EditRequest): void {
  const expect = (what: string, expected: unknown, got: unknown) => {
    const [wanted, found] = [JSON.stringify(expected) ?? 'none', JSON.stringify(got) ?? 'none'];
    if (wanted !== found) fail(before, `${what} would not read as it should`, wanted, found);
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

/** Every byte that was mapped is mapped at the same address, from the same place in the file, with the same permissions. */
function checkLoads(before: ElfView, after: ElfView): void {
  for (const old of loadsOf(before)) {
    const now = loadsOf(after).find((load) => load.p_vaddr === old.p_vaddr);
    const name = `the LOAD at ${hex(old.p_vaddr)}`;
    if (now === undefined) fail(before, `${name} is gone`, 'a LOAD there', 'none');
    for (const field of ['p_flags', 'p_offset', 'p_paddr', 'p_align'] as const) {
      if (now[field] !== old[field])
        fail(before, `${name}: ${field} changes`, hex(old[field]), hex(now[field]));
    }
    const isFixed = (old.p_flags & PF.PF_W) !== 0 || old.p_filesz !== old.p_memsz;
    const isSame = now.p_filesz === old.p_filesz && now.p_memsz === old.p_memsz;
    if (isFixed && !isSame)
      fail(before, `${name} is writable and changes its size`, `${old.p_filesz}`, `${now.p_filesz}`);
    if (now.p_filesz !== now.p_memsz && !isSame)
      fail(before, `${name} gets a BSS`, `${now.p_filesz}`, `${now.p_memsz}`);
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
      fail(before, `an undeclared write: ${reason}`, 'a declared range', hex(at));
  }
}

/** LOADs ascend, are congruent to their file offsets, and share no page that they did not share before. */
function checkPages(before: ElfView, after: ElfView): void {
  const page = BigInt(pageSizeOf(before));
  const shared = (loads: readonly Phdr[]) =>
    loads.filter((load, i) => {
      const previous = loads[i - 1];
      return (
        previous !== undefined &&
        (previous.p_vaddr + BigInt(previous.p_memsz) - 1n) / page >= load.p_vaddr / page
      );
    });
  const [old, now] = [loadsOf(before), loadsOf(after)];
  now.forEach((load, i) => {
    const previous = now[i - 1];
    if (previous !== undefined && load.p_vaddr < previous.p_vaddr + BigInt(previous.p_memsz)) {
      fail(before, 'LOADs overlap or are out of order', `above ${hex(previous.p_vaddr)}`, hex(load.p_vaddr));
    }
    if (
      (load.p_vaddr - BigInt(load.p_offset)) % BigInt(Math.max(1, load.p_align)) !== 0n &&
      load.p_align > 1
    ) {
      const was = old.find((o) => o.p_vaddr === load.p_vaddr);
      if (was === undefined || was.p_offset !== load.p_offset) {
        fail(before, 'a LOAD is not congruent to its alignment', hex(load.p_offset), hex(load.p_vaddr));
      }
    }
  });
  if (shared(now).length > shared(old).length)
    fail(before, 'two LOADs share a page', 'separate pages', hex(page));
}

/** Segments that describe bytes still describe the same ones, wherever they are now. */
function checkOtherSegments(before: ElfView, after: ElfView, plan: Plan): void {
  const isChecked = ({p_type}: Phdr) => !segmentsThatMayChange.has(p_type);
  const old = before.programHeaders.filter(isChecked);
  const now = after.programHeaders.filter(isChecked);
  if (old.length !== now.length)
    fail(before, 'the number of segments changes', `${old.length}`, `${now.length}`);
  old.forEach((segment, i) => {
    const other = now[i];
    const name = segmentTypeName(segment.p_type, before.header.e_machine);
    const fields = ['p_type', 'p_flags', 'p_filesz', 'p_memsz', 'p_align'] as const;
    for (const field of fields) {
      if (other?.[field] !== segment[field])
        fail(before, `${name}: ${field} changes`, hex(segment[field]), `${other?.[field]}`);
    }
    if (other === undefined || segment.p_type === PT.PT_GNU_STACK) return;
    const stays = other.p_offset === segment.p_offset && !isWritten(plan, segment.p_offset, segment.p_filesz);
    if (!stays) requireSameBytes(before, after, segment, other, name);
  });
}

const segmentsThatMayChange: ReadonlySet<number> = new Set([
  PT.PT_LOAD,
  PT.PT_INTERP,
  PT.PT_DYNAMIC,
  PT.PT_PHDR,
  PT.PT_GNU_RELRO,
]);

interface FileRange {
  readonly p_offset: number;
  readonly p_filesz: number;
}

function requireSameBytes(
  before: ElfView,
  after: ElfView,
  old: FileRange,
  now: FileRange,
  name: string,
): void {
  const piece = 1 << 16;
  for (let done = 0; done < old.p_filesz; done += piece) {
    const length = Math.min(piece, old.p_filesz - done);
    const a = before.source.read(old.p_offset + done, length);
    const b = after.source.read(now.p_offset + done, length);
    if (a.some((byte, i) => byte !== b[i]))
      fail(before, `${name} would hold other bytes`, 'the same', 'different ones');
  }
}

/** Each dynamic-linking table that moved has the content that it had; .dynstr is compared string by string. */
function checkTables(before: ElfView, after: ElfView): void {
  if (before.dynamic === undefined) return;
  const now = dynamicTables(after);
  const isGuessed = dynamicSymbolTable(before)?.exact === false;
  for (const table of dynamicTables(before)) {
    const other = now.find(({tag}) => tag === table.tag);
    const name = dynamicTagName(table.tag, before.header.e_machine);
    if (other === undefined) fail(before, `${name} is gone`, 'a table', 'none');
    if (table.tag === DT.DT_STRTAB) continue;
    if (other.size !== table.size && !(isGuessed && sizedBySymbols.has(table.tag)))
      fail(before, `${name} changes its size`, `${table.size}`, `${other.size}`);
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

/** Where nothing says how many symbols there are, these tables seem to reach to the next one, also when it moves. */
const sizedBySymbols: ReadonlySet<bigint> = new Set([DT.DT_SYMTAB, DT.DT_VERSYM, DT.DT_GNU_HASH]);

/** Every string that a symbol or a version refers to reads as before. */
function checkStrings(before: ElfView, after: ElfView, plan: Plan): void {
  const [old, now] = [before.dynamic, after.dynamic];
  if (old === undefined || now === undefined) return;
  const {offset, size} = old.stringTable;
  if (offset === now.stringTable.offset && !isWritten(plan, offset, size)) return;
  const read = (view: ElfView, index: number) => view.dynamic?.stringAt(BigInt(index));
  const compare = (index: number, what: string) => {
    const [a, b] = [read(before, index), read(after, index)];
    if (a !== b) fail(before, `the name of ${what} changes`, `${a}`, `${b}`);
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

function isWritten(plan: Plan, offset: number, size: number): boolean {
  return plan.writes.some(
    (write) => write.offset < offset + size && write.offset + write.bytes.length > offset,
  );
}

/** An edit brings no problem that was not there. */
function checkProblems(before: ElfView, after: ElfView): void {
  const known = new Set(checkElf(before).map((problem) => problem.code));
  const fresh = checkElf(after).find((problem) => !known.has(problem.code));
  if (fresh !== undefined) fail(before, fresh.message, 'no new problem', fresh.code);
}
