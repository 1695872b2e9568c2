/*
 * Check that the headers and tables of a file are consistent. Each rule says where the problem is; none repairs
 * anything.
 *
 * Rules about the kernel follow load_elf_binary (fs/binfmt_elf.c), rules about ld.so follow elf/dl-load.c, dl-version.c
 * and dl-lookup.c, and the rest follow the gABI. A rule that rejects what current linkers write is wrong: every ELF
 * file on a Debian system passes.
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

/** Rules about headers; these are cheap, because headers are few. */
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

/** The rules that also hold for a separate debug file, whose program headers describe another file. */
const debugFileRules: readonly Rule[] = [checkHeader, checkTable, checkSections];

/** Rules that look at every symbol and relocation. */
const tableRules: readonly Rule[] = [checkBindings, checkHashTables, checkRelocations];

/**
 * List what is inconsistent in a file; empty when nothing is. Never throws because of the content of a file that could
 * be opened.
 *
 * @throws ElfError FILE_SYSTEM when the file cannot be read to its end
 * @example
 *   await using file = await openElf('qemu-arm');
 *   for (const {code, message} of checkElf(file.view)) console.log(code, message);
 */
export function checkElf(view: ElfView): Problem[] {
  return withoutRepeats([...checkHeaders(view), ...tableRules.flatMap((rule) => apply(rule, view))]);
}

/** Like `checkElf`, for the headers only; the cost does not grow with the number of symbols. */
export const checkHeaders: (view: ElfView) => readonly Problem[] = memoizedPerView((view) =>
  rulesFor(view).flatMap((rule) => apply(rule, view)),
);

/**
 * List what is unusual in a file but not wrong: in a boot loader, firmware or kernel, segments that are writable and
 * executable or out of order; a search path that depends on the working directory. Empty for nearly every file.
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

/** If a table cannot be read, every rule that needs it reports the same problem; keep the first. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  const said = new Set<string>();
  return problems.filter(({code, message, offset}) => {
    const text = `${code} ${message} ${offset}`;
    return !said.has(text) && said.add(text);
  });
}

/** A damaged file may break one rule in a million places; the first few are enough. */
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
    // A disk read error is not a problem with the file.
    if (!(error instanceof ElfError) || error.code === 'FILE_SYSTEM') throw error;
    problems.push({code: 'UNREADABLE', message: error.reason, offset: error.offset ?? 0});
  }
  return problems;
}
