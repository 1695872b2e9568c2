/*
 * Are the headers and tables of a file consistent? Each rule names its place; none of them repairs anything.
 *
 * What the kernel refuses follows load_elf_binary (fs/binfmt_elf.c), what ld.so relies on elf/dl-load.c,
 * dl-version.c and dl-lookup.c, the rest the gABI. A rule that complained of what linkers of today write would be
 * wrong: every ELF file of a Debian system passes.
 */
import {ElfError} from '../errors.js';
import {checkBindings} from './check/bindings.js';
import {checkDynamic, noteRelativePath} from './check/dynamic.js';
import {checkHashTables} from './check/hash.js';
import {checkHeader} from './check/header.js';
import {checkNotes} from './check/notes.js';
import {checkOverlaps} from './check/overlaps.js';
import type {Problem, Rule} from './check/problem.js';
import {checkRelocations} from './check/relocations.js';
import {checkSections} from './check/sections.js';
import {
  checkCovered,
  checkHeaderSegment,
  checkInterpreter,
  checkLoads,
  checkOrder,
  checkOthers,
  checkTable,
  checkWritableCode,
  noteOrder,
  noteWritableCode,
} from './check/segments.js';
import {checkSharedPages} from './check/shared-pages.js';
import {checkVersions} from './check/versions.js';
import {memoizedPerView} from './memoized.js';
import type {ElfView} from './view.js';
import {isDebugFile} from './without-bytes.js';

export type {Problem} from './check/problem.js';

/** Rules about headers, which are few. */
const headerRules: readonly Rule[] = [
  checkHeader,
  checkTable,
  checkLoads,
  checkOrder,
  checkCovered,
  checkOthers,
  checkHeaderSegment,
  checkWritableCode,
  checkSharedPages,
  checkInterpreter,
  checkDynamic,
  checkSections,
  checkVersions,
  checkNotes,
  checkOverlaps,
];

/** Those that hold for a separate debug file too: its program headers describe another file. */
const debugFileRules: readonly Rule[] = [checkHeader, checkTable, checkSections];

/** Rules that look at every symbol and relocation. */
const tableRules: readonly Rule[] = [checkBindings, checkHashTables, checkRelocations];

/**
 * List what is inconsistent in a file; empty when nothing is. Throws for no content of a file that could be opened.
 *
 * @throws ElfError FILE_SYSTEM when the file cannot be read to its end
 * @example
 *   await using file = await openElf('qemu-arm');
 *   for (const {code, message} of checkElf(file.view)) console.log(code, message);
 */
export function checkElf(view: ElfView): Problem[] {
  return withoutRepeats([...checkHeaders(view), ...tableRules.flatMap((rule) => apply(rule, view))]);
}

/** The same for the headers alone, whose cost does not grow with the number of symbols. */
export const checkHeaders: (view: ElfView) => readonly Problem[] = memoizedPerView((view) =>
  rulesFor(view).flatMap((rule) => apply(rule, view)),
);

/**
 * List what is unusual in a file but not wrong: segments that can be written to and executed, or in disorder, in a boot
 * loader, firmware or kernel; a search path that depends on the working directory. Empty for nearly every file.
 */
export function checkElfNotes(view: ElfView): Problem[] {
  return [noteWritableCode, noteOrder, noteRelativePath].flatMap((rule) => apply(rule, view));
}

function rulesFor(view: ElfView): readonly Rule[] {
  try {
    return isDebugFile(view) ? debugFileRules : headerRules;
  } catch (error) {
    if (!(error instanceof ElfError) || error.code === 'FILE_SYSTEM') throw error;
    return headerRules;
  }
}

/** A table that cannot be read stops every rule that wants to, each with the same words. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  const said = new Set<string>();
  return problems.filter(({code, message, offset}) => {
    const text = `${code} ${message} ${offset}`;
    return !said.has(text) && said.add(text);
  });
}

/** A damaged file may break one rule in a million places; the first few say enough. */
const mostOfARule = 20;

function apply(rule: Rule, view: ElfView): Problem[] {
  const problems: Problem[] = [];
  try {
    for (const problem of rule(view)) {
      if (problems.length === mostOfARule) {
        problems.push({
          ...problem,
          message: `${problem.message}; further problems of this kind are not listed`,
        });
        break;
      }
      problems.push(problem);
    }
  } catch (error) {
    // A read error of the disk is not a problem of the file.
    if (!(error instanceof ElfError) || error.code === 'FILE_SYSTEM') throw error;
    problems.push({code: 'UNREADABLE', message: error.reason, offset: error.offset ?? 0});
  }
  return problems;
}
