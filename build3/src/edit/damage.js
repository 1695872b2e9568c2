/*
 * Whose fault is a plan that the checker refuses? Of a sound file it is elfinterp's, an internal error to be reported.
 * In a damaged file structures lie over one another or lead astray, so that changing one changes another, and no
 * planner could do better: then the file is named, and what is wrong with it.
 */
import {checkElf} from '../elf/check.js';
import {DT, dynamicTagName, PT, segmentTypeName} from '../elf/constants.js';
import {Ehdr, EI_NIDENT, Phdr} from '../elf/records.js';
import {dynamicTables} from '../elf/tables.js';
import {ElfError} from '../errors.js';
/** Turn a failed check of a plan for a damaged file into an error about the file; any other error stays. */
export function explainFailedCheck(view, error) {
  if (!(error instanceof ElfError) || error.code !== 'CHECK_FAILED') return error;
  const damage = findOverlap(view) ?? checkElf(view)[0]?.message;
  if (damage === undefined) return error;
  return new ElfError('UNSAFE_EDIT', `the file is damaged, and editing it would damage it more: ${damage}`, {
    path: view.path,
    cause: error,
  });
}
/** Two structures that share bytes which can only be one of them. */
function findOverlap(view) {
  const owned = [...headers(view), ...segments(view), ...tables(view)].sort((a, b) => a.start - b.start);
  let widest;
  for (const next of owned) {
    if (widest !== undefined && next.start < widest.end && next.group !== widest.group)
      return `${widest.what} and ${next.what} lie over one another`;
    if (widest === undefined || next.end > widest.end) widest = next;
  }
  return undefined;
}
function headers(view) {
  const {elfClass} = view.format;
  const {e_phoff} = view.header;
  return [
    owned('the ELF header', 0, EI_NIDENT + Ehdr.size(elfClass)),
    owned('the program headers', e_phoff, view.programHeaders.length * Phdr.size(elfClass)),
  ];
}
function owned(what, start, size, group = what) {
  return {what, start, end: start + size, group};
}
/** Segments that speak of bytes of their own; the others contain what belongs to somebody else. */
function segments(view) {
  return view.programHeaders
    .filter(({p_type, p_filesz}) => p_filesz > 0 && !containers.has(p_type))
    .map(({p_type, p_offset, p_filesz}) => {
      const name = segmentTypeName(p_type, view.header.e_machine);
      return owned(name, p_offset, p_filesz, notes.has(p_type) ? 'notes' : name);
    });
}
const notes = new Set([PT.PT_NOTE, PT.PT_GNU_PROPERTY]);
const containers = new Set([PT.PT_NULL, PT.PT_LOAD, PT.PT_PHDR, PT.PT_GNU_RELRO, PT.PT_GNU_STACK]);
const relocationTags = new Set([DT.DT_REL, DT.DT_RELA, DT.DT_JMPREL]);
function tables(view) {
  try {
    return dynamicTables(view)
      .filter(({size}) => size > 0)
      .map(({tag, offset, size}) => {
        const name = dynamicTagName(tag, view.header.e_machine);
        return owned(name, offset, size, relocationTags.has(tag) ? 'relocations' : name);
      });
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}
//# sourceMappingURL=damage.js.map
