/*
 * Facts about a file that people ask for. No edit depends on them. A fact that cannot be read does not hide the others:
 * it is left out, and the reason is in `unreadable`.
 */
import {ElfError} from '../errors.js';
import {SHT} from './constants.js';
import {abiTag, buildId} from './gnu-notes.js';
import {type Hardening, hardeningOf} from './hardening.js';
import {describeKind, type ElfKind, kindOf} from './kind.js';
import {machineOf} from './machine.js';
import {readNotes, readSectionNotes} from './notes.js';
import {type PackedContents, packedContents, partSource} from './packed.js';
import {relativeInWords} from './search-path.js';
import {oldestGlibc, type WantedVersions, wantedVersions} from './version-names.js';
import {ElfView} from './view.js';

/** Facts about a file that people ask for. */
export interface ElfFacts {
  /** Length of the file in bytes. */
  readonly size: number;
  readonly elfClass: 32 | 64;
  readonly littleEndian: boolean;
  /** The architecture's usual name. */
  readonly machine: string;
  readonly kind: ElfKind;
  /** The kind in words: "PIE program". */
  readonly kindName: string;
  readonly interpreter: string | undefined;
  /** DT_NEEDED in order. */
  readonly needed: readonly string[];
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
  /** Which elements of the search path depend on the working directory, in words; undefined if none do. */
  readonly relativePath: string | undefined;
  readonly soname: string | undefined;
  /** Undefined if the file is neither a program nor a library. */
  readonly hardening: Hardening | undefined;
  /** NT_GNU_BUILD_ID in hexadecimal digits. */
  readonly buildId: string | undefined;
  /** NT_GNU_ABI_TAG, as in "Linux 3.2.0": the oldest kernel that it runs on. */
  readonly abi: string | undefined;
  readonly versions: readonly WantedVersions[];
  /** The oldest glibc that has all of those versions, as in "2.34". */
  readonly glibc: string | undefined;
  /** No SHT_SYMTAB is left. */
  readonly stripped: boolean;
  /** DWARF is in the file itself. */
  readonly debugInfo: boolean;
  readonly hasSections: boolean;
  /** The contents of a packed file; the other facts then describe the program inside. */
  readonly packed: PackedContents | undefined;
  /** What could not be read, one message each. */
  readonly unreadable: readonly string[];
}

/**
 * Describe a file. Never throws for a file that could be opened.
 *
 * @example
 *   await using file = await openElf('qemu-arm');
 *   const {kindName, machine, glibc, hardening} = describeElf(file.view);
 *   console.log(kindName, machine, glibc, hardening?.pie); // PIE program x86_64 2.34 true
 */
export function describeElf(file: ElfView): ElfFacts {
  const unreadable = new Set<string>();
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      unreadable.add(error.message);
      return undefined;
    }
  };
  const packed = attempt(() => packedContents(file));
  const [program] = packed?.parts ?? [];
  const view = packed && program ? new ElfView(partSource(file, packed, program)) : file;
  const kind = attempt(() => kindOf(view)) ?? 'unknown';
  const notes = [...(attempt(() => readSectionNotes(view)) ?? []), ...(attempt(() => readNotes(view)) ?? [])];
  const versions = attempt(() => wantedVersions(view)) ?? [];
  return {
    size: file.source.size,
    ...view.format,
    machine: machineOf(view).name,
    kind,
    kindName: `${packed === undefined ? '' : 'packed '}${describeKind(kind, view)}`,
    interpreter: attempt(() => view.interpreter?.path),
    needed: attempt(() => view.dynamic?.needed) ?? [],
    rpath: attempt(() => view.dynamic?.rpath),
    runpath: attempt(() => view.dynamic?.runpath),
    relativePath: attempt(() => relativeInWords(view.dynamic?.runpath ?? view.dynamic?.rpath)),
    soname: attempt(() => view.dynamic?.soname),
    hardening: isLoaded(kind)
      ? attempt(() => hardeningIn(packed, hardeningOf(view, kind, notes)))
      : undefined,
    buildId: buildId(notes),
    abi: abiTag(view, notes),
    versions,
    glibc: oldestGlibc(versions),
    ...(attempt(() => symbolFacts(view)) ?? {stripped: true, debugInfo: false, hasSections: false}),
    packed,
    unreadable: [...unreadable],
  };
}

/** A program packed at fixed addresses is no longer loaded where the kernel chooses. */
function hardeningIn(packed: PackedContents | undefined, own: Hardening): Hardening {
  return packed?.fixedAddress === true ? {...own, pie: false} : own;
}

function isLoaded(kind: ElfKind): boolean {
  return kind.endsWith('program') || kind === 'shared-library';
}

/** DWARF defines the name `.debug_info`; `.zdebug_info` is the same, compressed in GNU's older format. */
function symbolFacts(view: ElfView): Pick<ElfFacts, 'stripped' | 'debugInfo' | 'hasSections'> {
  const {sectionHeaders} = view;
  return {
    stripped: !sectionHeaders.some(({sh_type}) => sh_type === SHT.SHT_SYMTAB),
    debugInfo: sectionHeaders.some((section) => /^\.z?debug_info$/.test(view.sectionName(section))),
    hasSections: sectionHeaders.length > 0,
  };
}
