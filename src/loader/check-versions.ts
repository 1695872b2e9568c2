/*
 * Symbol versions in a tree. Before it relocates anything, glibc checks for every object that the libraries define the
 * versions that the object needs from them (elf/dl-version.c); a missing version ends the program like a missing
 * library. A library without any versions satisfies all of them, and musl does not check.
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
