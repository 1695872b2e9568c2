/*
 * A plan is checked before anybody may apply it. This simulates what kernel and loader map before and after, and
 * trusts none of the code that made the plan: a violation is an error of elfinterp, and the file stays untouched.
 */
import {checkHeaders} from '../elf/check.js';
import {DT, dynamicTagName, PF, PT, SHF, SHT} from '../elf/constants.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../elf/records.js';
import {dynamicSymbolTable} from '../elf/symbols.js';
import {dynamicTables} from '../elf/tables.js';
import {hex} from '../errors.js';
import {checkRequested} from './check-request.js';
import {checkSegments, failCheck, requireSameBytes} from './check-segments.js';
import {checkSymbols} from './check-symbols.js';
import {checkVersions} from './check-versions.js';
import {isTableSegment} from './claims.js';
/** @throws ElfError CHECK_FAILED naming what would be broken */
export function checkPlan(before, after, plan, request) {
  const requests = Array.isArray(request) ? request : [request];
  checkRequested(before, after, requests);
  checkSegments(before, after, plan, requests);
  checkWritesDeclared(before, plan);
  checkMappedWrites(before, plan);
  checkTables(before, after, changedTables(requests));
  checkSymbols(before, after, plan, requests);
  checkVersions(before, after, requests);
  checkProblems(before, after);
}
/** Whatever is written inside mapped bytes was declared by the edit that wants it. */
function checkWritesDeclared(before, plan) {
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
function checkMappedWrites(before, plan) {
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
function listOwned(view) {
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
/** The hash table of MIPS (binutils, include/elf/mips.h); no other machine gives this number to code or data. */
const SHT_MIPS_XHASH = 0x7000002b;
const tableSections = new Set([
  SHT_MIPS_XHASH,
  SHT.SHT_DYNAMIC,
  SHT.SHT_NOTE,
  SHT.SHT_DYNSYM,
  SHT.SHT_SYMTAB,
]);
/** The tables whose content a request means to change; what they say is compared entry by entry elsewhere. */
function changedTables(requests) {
  const tags = new Set([DT.DT_STRTAB]);
  const add = (...more) => {
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
function checkTables(before, after, changed) {
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
/** Where nothing says how many symbols there are, these tables seem to reach to the next one, also when it moves. */
const sizedBySymbols = new Set([DT.DT_SYMTAB, DT.DT_VERSYM, DT.DT_GNU_HASH]);
/** An edit brings no problem that was not there. */
function checkProblems(before, after) {
  const known = new Set(checkHeaders(before).map((problem) => problem.code));
  const fresh = checkHeaders(after).find((problem) => !known.has(problem.code));
  if (fresh !== undefined) failCheck(before, fresh.message, 'no new problem', fresh.code);
}
//# sourceMappingURL=check-plan.js.map
