/*
 * What a loader needs to know about an ELF file, read in one go. The file is closed again at once, so a closure of
 * hundreds of libraries holds facts, not descriptors.
 *
 * Reading judges nothing: a file that no loader would accept is described as far as it can be read, and candidate.ts
 * decides what each loader does with it.
 */

import {DT, PT} from '../elf/constants.js';
import type {DynamicSection} from '../elf/dynamic.js';
import type {MachineFacts} from '../elf/machine.js';
import {type PackedContents, packedContents, partSource} from '../elf/packed.js';
import {type Ehdr, Ident} from '../elf/records.js';
import {ElfView} from '../elf/view.js';
import {isDebugFile} from '../elf/without-bytes.js';
import {ElfError} from '../errors.js';
import type {FileSource} from '../source/file.js';
import {type ByteSource, isElfMagic} from '../source/source.js';
import {type DlopenNote, readDlopenNotes} from './dlopen-notes.js';
import {type ObjectVersions, readVersions} from './versions.js';

/** A library that an object asks for in its dynamic section. */
interface Need {
  readonly name: string;
  readonly kind: 'needed' | 'auxiliary' | 'filter';
}

/** What the dynamic section says to the loader. */
interface DynamicFacts {
  /** DT_NEEDED, DT_AUXILIARY and DT_FILTER in the order of their entries. */
  readonly needs: readonly Need[];
  readonly soname: string | undefined;
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
  readonly flags1: bigint;
  /** DT_AUDIT and DT_DEPAUDIT: libraries that audit the loader. */
  readonly audit: readonly string[];
  /** Symbol versions needed from and defined for others; undefined if they were not requested. */
  readonly versions: ObjectVersions | undefined;
}

/** What the program headers say to the loader. */
interface SegmentFacts {
  readonly interpreter: string | undefined;
  readonly loadable: boolean;
}

/** The part of a file that decides what a loader does with it. Every field may be missing from a damaged file. */
export interface ObjectFile {
  readonly size: number;
  readonly magic: boolean;
  readonly ident: Ident | undefined;
  /** Whether the padding of e_ident is zero, as glibc demands. */
  readonly padded: boolean;
  readonly header: Ehdr | undefined;
  readonly machine: MachineFacts | undefined;
  readonly segments: SegmentFacts | undefined;
  readonly dynamic: DynamicFacts | undefined;
  /** Whether its segments are in another file, and only what debuggers read is in this one. */
  readonly isDebugFile: boolean;
  /** The libraries that it declares it opens with dlopen(3). */
  readonly dlopen: readonly DlopenNote[];
  /** For a packed file, what is inside; all other fields then describe the program inside. */
  readonly packed: PackedContents | undefined;
  /** What could not be read, if anything. */
  readonly problem: ElfError | undefined;
}

/**
 * Read a file's facts, and close it.
 *
 * @throws ElfError FILE_SYSTEM when it cannot be read
 */
export function readObject(source: FileSource, withVersions = false): ObjectFile {
  return withSource(source, (bytes) => describeObject(bytes, withVersions));
}

/** Use a file and close it. Its bytes are gone afterwards, so the result must not refer to them. */
export function withSource<T>(source: FileSource, use: (source: ByteSource) => T): T {
  try {
    return use(source);
  } finally {
    source.recycle();
  }
}

/** The same for bytes from anywhere. */
export function describeObject(source: ByteSource, withVersions = false): ObjectFile {
  const facts: Writable<ObjectFile> = {...nothing, size: source.size};
  try {
    const identity = source.read(0, Math.min(identSize, source.size));
    facts.magic = isElfMagic(identity);
    if (!facts.magic || identity.length < identSize) return facts;
    facts.ident = Ident.decode(identity, {elfClass: 64, littleEndian: true});
    facts.padded = identity.subarray(Ident.size(64)).every((byte) => byte === 0);
    const outer = new ElfView(source);
    // Describe the outer file first: a loader judges a file by its header even if it is damaged further on.
    describeView(facts, outer, withVersions);
    facts.packed = packedContents(outer);
    const [program] = facts.packed?.parts ?? [];
    const view = facts.packed && program ? new ElfView(partSource(outer, facts.packed, program)) : outer;
    if (view !== outer) describeView(facts, view, withVersions);
    facts.dlopen = readDlopenNotes(view);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    facts.problem = error;
  }
  return facts;
}

/** Fill in what is in the header, the program headers and the dynamic section, as far as it can be read. */
function describeView(facts: Writable<ObjectFile>, view: ElfView, withVersions: boolean): void {
  facts.header = view.header;
  const {e_machine, e_flags} = view.header;
  facts.machine = {e_machine, e_flags, ...view.format};
  facts.segments = describeSegments(view);
  facts.dynamic = view.dynamic && describeDynamic(view, view.dynamic, withVersions);
  facts.isDebugFile = view.dynamic === undefined && isWithoutContent(view);
}

/** No loader reads section headers, so damaged ones are no problem here. */
function isWithoutContent(view: ElfView): boolean {
  try {
    return isDebugFile(view);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return false;
  }
}

type Writable<T> = {-readonly [Name in keyof T]: T[Name]};

const identSize = 16;

const nothing: ObjectFile = {
  size: 0,
  magic: false,
  ident: undefined,
  padded: false,
  header: undefined,
  machine: undefined,
  segments: undefined,
  dynamic: undefined,
  isDebugFile: false,
  dlopen: [],
  packed: undefined,
  problem: undefined,
};

function describeSegments(view: ElfView): SegmentFacts {
  return {interpreter: view.interpreter?.path, loadable: view.segment(PT.PT_LOAD) !== undefined};
}

function describeDynamic(view: ElfView, dynamic: DynamicSection, withVersions: boolean): DynamicFacts {
  return {
    needs: describeNeeds(dynamic),
    soname: dynamic.soname,
    rpath: dynamic.rpath,
    runpath: dynamic.runpath,
    flags1: dynamic.value(DT.DT_FLAGS_1) ?? 0n,
    audit: [DT.DT_AUDIT, DT.DT_DEPAUDIT]
      .flatMap((tag) => dynamic.strings(tag))
      .flatMap((list) => list.split(':')),
    versions: withVersions ? readVersions(view) : undefined,
  };
}

function describeNeeds(dynamic: DynamicSection): Need[] {
  const needs: Need[] = [];
  dynamic.tags.forEach((tag, index) => {
    const kind = needKind(tag);
    if (kind !== undefined) needs.push({name: dynamic.stringOf(index), kind});
  });
  return needs;
}

function needKind(tag: bigint): Need['kind'] | undefined {
  if (tag === DT.DT_NEEDED) return 'needed';
  if (tag === DT.DT_AUXILIARY) return 'auxiliary';
  return tag === DT.DT_FILTER ? 'filter' : undefined;
}
