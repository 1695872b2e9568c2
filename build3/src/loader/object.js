/*
 * What a loader wants to know of an ELF file, read in one go. The file is closed again at once, so a closure of
 * hundreds of libraries holds facts and no descriptors.
 *
 * Reading judges nothing: a file that no loader would take is described as far as it can be read, and
 * candidate.ts says what which loader does with it.
 */
import {DT, PT} from '../elf/constants.js';
import {readNotes} from '../elf/notes.js';
import {Ident} from '../elf/records.js';
import {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {dlopenNotes} from './dlopen-notes.js';
import {pagedSource} from './paged.js';
import {readVersions} from './versions.js';
/**
 * Read a file's facts, and close it.
 *
 * @throws ElfError FILE_SYSTEM when it cannot be read
 */
export function readObject(source, withVersions = false) {
  return withSource(source, (bytes) => describeObject(bytes, withVersions));
}
/** Do something with the bytes of a file, and close it. */
export function withSource(source, use) {
  try {
    return use(pagedSource(source));
  } finally {
    source.close();
  }
}
/** The same of bytes from anywhere. */
export function describeObject(source, withVersions = false) {
  const facts = {...nothing, size: source.size};
  try {
    const identity = source.read(0, Math.min(identSize, source.size));
    facts.magic = [0x7f, 0x45, 0x4c, 0x46].every((byte, i) => identity[i] === byte);
    if (!facts.magic || identity.length < identSize) return facts;
    facts.ident = Ident.decode(identity, {elfClass: 64, littleEndian: true});
    facts.padded = identity.subarray(Ident.size(64)).every((byte) => byte === 0);
    const view = new ElfView(source);
    facts.header = view.header;
    const {e_machine, e_flags} = view.header;
    facts.machine = {e_machine, e_flags, ...view.format};
    facts.segments = describeSegments(view);
    facts.dynamic = view.dynamic && describeDynamic(view, view.dynamic, withVersions);
    facts.dlopen = dlopenNotes(readNotes(view));
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    facts.problem = error;
  }
  return facts;
}
const identSize = 16;
const nothing = {
  size: 0,
  magic: false,
  ident: undefined,
  padded: false,
  header: undefined,
  machine: undefined,
  segments: undefined,
  dynamic: undefined,
  dlopen: [],
  problem: undefined,
};
function describeSegments(view) {
  return {interpreter: view.interpreter?.path, loadable: view.segment(PT.PT_LOAD) !== undefined};
}
const needKinds = new Map([
  [DT.DT_NEEDED, 'needed'],
  [DT.DT_AUXILIARY, 'auxiliary'],
  [DT.DT_FILTER, 'filter'],
]);
function describeDynamic(view, dynamic, withVersions) {
  const needs = [];
  for (const {d_tag, d_val} of dynamic.entries) {
    const kind = needKinds.get(d_tag);
    if (kind !== undefined) needs.push({name: dynamic.stringAt(d_val), kind});
  }
  return {
    needs,
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
//# sourceMappingURL=object.js.map
