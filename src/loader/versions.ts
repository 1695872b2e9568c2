/* The symbol versions that one object needs from its libraries and defines for others. */
import {readDefinedVersions, readNeededVersions} from '../elf/versions.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';

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
