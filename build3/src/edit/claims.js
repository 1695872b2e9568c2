/*
 * Which bytes of a file belong to somebody, as far as headers and DT_* entries tell. Whatever else is zero may be
 * free; see space.ts for which of it is trusted to be.
 */
import {EM, machinePT, PT, SHF, SHT} from '../elf/constants.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../elf/records.js';
/** Everything in the file that belongs to somebody. Without section headers, all of every LOAD does. */
export function listClaims(draft, except) {
  const loads = draft.sectionHeaders.length === 0 ? loadClaims(draft.programHeaders) : [];
  return [...listKnown(draft, except), ...loads];
}
/** The same without what is only known to lie somewhere in a LOAD. */
export function listKnown(draft, except) {
  const {view, programHeaders, sectionHeaders} = draft;
  const {elfClass} = view.format;
  const claims = [
    claim(0, EI_NIDENT + Ehdr.size(elfClass), true),
    claim(draft.programHeaderOffset, programHeaders.length * Phdr.size(elfClass), true),
    claim(draft.sectionHeaderOffset, sectionHeaders.length * Shdr.size(elfClass), false),
  ];
  for (const section of sectionHeaders) {
    if (section.sh_type === SHT.SHT_NOBITS || section.sh_type === SHT.SHT_NULL) continue;
    claims.push(claim(section.sh_offset, section.sh_size, isLinkerTable(section)));
  }
  for (const {p_type, p_offset, p_filesz} of programHeaders) {
    if (containers.has(p_type)) continue;
    claims.push(claim(p_offset, p_filesz, isTableSegment(p_type, view.header.e_machine)));
  }
  for (const table of draft.tables) claims.push(claim(table.offset, table.size, true));
  for (const {offset, size} of draft.taken) claims.push(claim(offset, size, true));
  return claims.filter(
    ({start, end}) =>
      end > start && !(except !== undefined && start === except.offset && end === start + except.size),
  );
}
const containers = new Set([PT.PT_NULL, PT.PT_LOAD, PT.PT_PHDR, PT.PT_GNU_RELRO, PT.PT_GNU_STACK]);
const tableTypes = new Set([
  SHT.SHT_NOTE,
  SHT.SHT_HASH,
  SHT.SHT_GNU_HASH,
  SHT.SHT_DYNSYM,
  SHT.SHT_STRTAB,
  SHT.SHT_GNU_VERSYM,
  SHT.SHT_GNU_VERNEED,
  SHT.SHT_GNU_VERDEF,
  SHT.SHT_RELA,
  SHT.SHT_REL,
  SHT.SHT_RELR,
]);
/** A segment that is the linker's own table; it may move when nothing names its bytes. */
export function isTableSegment(p_type, e_machine) {
  const names = tableSegmentsOf;
  return tableSegments.has(p_type) || (names[e_machine]?.includes(p_type) ?? false);
}
const tableSegments = new Set([PT.PT_INTERP, PT.PT_NOTE, PT.PT_GNU_PROPERTY]);
const tableSegmentsOf = {
  [EM.EM_MIPS]: [machinePT[8].PT_MIPS_REGINFO, machinePT[8].PT_MIPS_OPTIONS, machinePT[8].PT_MIPS_ABIFLAGS],
};
export function isLinkerTable({sh_type, sh_flags}) {
  return tableTypes.has(sh_type) && (sh_flags & SHF.SHF_ALLOC) !== 0;
}
function claim(start, size, isTable) {
  return {start, end: start + size, isTable};
}
/** Without section headers nothing says what a LOAD holds, so all of it is taken. */
function loadClaims(programHeaders) {
  return programHeaders
    .filter((phdr) => phdr.p_type === PT.PT_LOAD)
    .map(({p_offset, p_filesz}) => claim(p_offset, p_filesz, false));
}
export function mergeClaims(claims) {
  const merged = [];
  for (const next of [...claims].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last !== undefined && next.start < last.end) {
      merged[merged.length - 1] = {
        start: last.start,
        end: Math.max(last.end, next.end),
        isTable: next.end > last.end ? last.isTable && next.isTable : last.isTable,
      };
    } else merged.push(next);
  }
  return merged;
}
//# sourceMappingURL=claims.js.map
