/*
 * Symbol versions along a tree. For every object, before it relocates anything, glibc looks whether the libraries
 * define the versions that the object wants of them (elf/dl-version.c); one that is missing ends the program like
 * a library that is. A library without any versions serves for all, and musl does not look.
 */
import type {Member, Named} from './process.js';
import type {VersionProblem} from './tree.js';

/** Compare what the members of a process want with what the others define. */
export function checkVersions(
  members: readonly Member[],
  names: ReadonlyMap<string, Named>,
): VersionProblem[] {
  const problems: VersionProblem[] = [];
  for (const member of members) {
    for (const {file, version, weak} of member.object.dynamic?.versions?.needs ?? []) {
      const library = names.get(file)?.member;
      const defines = library?.object.dynamic?.versions?.defines;
      if (library === undefined || defines === undefined || weak || defines.has(version)) continue;
      problems.push({version, missingIn: library.index, requiredBy: member.index});
    }
  }
  return problems;
}
