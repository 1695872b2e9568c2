/*
 * Symbol versions along a tree. For every object, before it relocates anything, glibc looks whether the libraries
 * define the versions that the object wants of them (elf/dl-version.c); one that is missing ends the program like
 * a library that is. A library without any versions serves for all, and musl does not look.
 */

import {readDefinedVersions, readNeededVersions} from '../elf/versions.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import type {Member, Named} from './process.js';

/** The versions of one object. */
export interface ObjectVersions {
  readonly needs: readonly NeededVersion[];
  /** Undefined for an object without versions. */
  readonly defines: ReadonlySet<string> | undefined;
}

export interface NeededVersion {
  /** The library, under the name that the linker knew. */
  readonly file: string;
  readonly version: string;
  readonly weak: boolean;
}

/** A version that a library does not have. */
export interface VersionProblem {
  readonly version: string;
  /** Index of the library's node. */
  readonly missingIn: number;
  /** Index of the node that wants it. */
  readonly requiredBy: number;
}

const VER_FLG_WEAK = 2;

/** Read an object's versions; undefined when its tables are damaged, which is for `checkElf` to report. */
export function readVersions(view: ElfView): ObjectVersions | undefined {
  try {
    return readTables(view);
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

function readTables(view: ElfView): ObjectVersions {
  const string = (index: number) => view.dynamic?.stringAt(BigInt(index)) ?? '';
  const needs: NeededVersion[] = [];
  for (const {record, versions} of readNeededVersions(view)) {
    const file = string(record.vn_file);
    for (const {
      record: {vna_name, vna_flags},
    } of versions) {
      needs.push({file, version: string(vna_name), weak: (vna_flags & VER_FLG_WEAK) !== 0});
    }
  }
  const defines = new Set<string>();
  for (const {
    names: [own],
  } of readDefinedVersions(view)) {
    if (own !== undefined) defines.add(string(own.record.vda_name));
  }
  return {needs, defines: defines.size === 0 ? undefined : defines};
}

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
