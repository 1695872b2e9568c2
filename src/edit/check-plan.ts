/*
 * A plan is checked before anybody may apply it. This simulates what kernel and loader map before and after, and
 * trusts none of the code that made the plan: a violation is an error of elfinterp, and the file stays untouched.
 */

import {checkHeaders} from '../elf/check.js';
import {DT, dynamicTagName, PF, PT, segmentTypeName} from '../elf/constants.js';
import type {Phdr} from '../elf/records.js';
import {dynamicSymbolTable} from '../elf/symbols.js';
import {dynamicTables} from '../elf/tables.js';
import type {ElfView} from '../elf/view.js';
import {ElfError, hex} from '../errors.js';
import {checkRequested} from './check-request.js';
import {checkSymbols} from './check-symbols.js';
import {checkVersions} from './check-versions.js';
import type {Plan} from './plan.js';
import type {EditRequest} from './request.js';
import {pageSizeOf} from './space.js';

/** @throws ElfError CHECK_FAILED naming what would be broken */
export function checkPlan(
  before: ElfView,
  after: ElfView,
  plan: Plan,
  request: EditRequest | readonly EditRequest[],
): void {
  const requests: readonly EditRequest[] = Array.isArray(request) ? request : [request];
  checkRequested(before, after, requests);
  checkLoads(before, after);
  checkWritesDeclared(before, plan);
  checkPages(before, after);
  checkOtherSegments(before, after, plan, requests);
  checkTables(before, after, changedTables(requests));
  checkSymbols(before, after, plan, requests);
  checkVersions(before, after, requests);
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
function checkOtherSegments(
  before: ElfView,
  after: ElfView,
  plan: Plan,
  requests: readonly EditRequest[],
): void {
  const isStackAsked = requests.some(({execStack}) => execStack !== undefined);
  const isChecked = ({p_type}: Phdr) =>
    !segmentsThatMayChange.has(p_type) && (!isStackAsked || p_type !== PT.PT_GNU_STACK);
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
  PT.PT_NULL,
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

/** The tables whose content a request means to change; what they say is compared entry by entry elsewhere. */
function changedTables(requests: readonly EditRequest[]): ReadonlySet<bigint> {
  const tags = new Set<bigint>([DT.DT_STRTAB]);
  const add = (...more: bigint[]) => {
    for (const tag of more) tags.add(tag);
  };
  for (const {removeNeeded, replaceNeeded, clearSymbolVersions, renameSymbols} of requests) {
    if (removeNeeded ?? replaceNeeded ?? clearSymbolVersions) add(DT.DT_VERNEED, DT.DT_VERSYM);
    if (renameSymbols === undefined) continue;
    add(DT.DT_SYMTAB, DT.DT_VERSYM, DT.DT_HASH, DT.DT_GNU_HASH, DT.DT_RELA, DT.DT_REL, DT.DT_JMPREL);
  }
  return tags;
}

/** Each dynamic-linking table that moved has the content that it had. */
function checkTables(before: ElfView, after: ElfView, changed: ReadonlySet<bigint>): void {
  if (before.dynamic === undefined) return;
  const now = dynamicTables(after);
  const isGuessed = dynamicSymbolTable(before)?.exact === false;
  for (const table of dynamicTables(before)) {
    if (changed.has(table.tag)) continue;
    const other = now.find(({tag}) => tag === table.tag);
    const name = dynamicTagName(table.tag, before.header.e_machine);
    if (other === undefined) fail(before, `${name} is gone`, 'a table', 'none');
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

function isWritten(plan: Plan, offset: number, size: number): boolean {
  return plan.writes.some(
    (write) => write.offset < offset + size && write.offset + write.bytes.length > offset,
  );
}

/** An edit brings no problem that was not there. */
function checkProblems(before: ElfView, after: ElfView): void {
  const known = new Set(checkHeaders(before).map((problem) => problem.code));
  const fresh = checkHeaders(after).find((problem) => !known.has(problem.code));
  if (fresh !== undefined) fail(before, fresh.message, 'no new problem', fresh.code);
}
