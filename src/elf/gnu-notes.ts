/*
 * What the notes of the GNU tools say: the build id, the oldest kernel that glibc runs on, and the program
 * properties by which a linker promises that every object in a file supports a hardware protection.
 *
 * Sources: the gABI's "Note Section"; the x86-64 and AArch64 psABIs, "Program Property".
 */
import {EM, NT} from './constants.js';
import {type Note, roundUp} from './notes.js';
import {AbiTag, Property, PropertyBits} from './records.js';
import type {ElfView} from './view.js';

/** NT_GNU_BUILD_ID in hexadecimal digits; undefined when there is none. */
export function buildId(notes: readonly Note[]): string | undefined {
  const note = gnuNote(notes, NT.NT_GNU_BUILD_ID);
  return note && [...note.description].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** NT_GNU_ABI_TAG as in "Linux 3.2.0"; undefined when there is none. */
export function abiTag(view: ElfView, notes: readonly Note[]): string | undefined {
  const note = gnuNote(notes, NT.NT_GNU_ABI_TAG);
  if (note === undefined || note.description.length < AbiTag.size(view.format.elfClass)) return undefined;
  const {os, major, minor, subminor} = AbiTag.decode(note.description, view.format);
  return `${abiSystems[os] ?? `system ${os}`} ${major}.${minor}.${subminor}`;
}

const abiSystems: readonly string[] = ['Linux', 'Hurd', 'Solaris', 'FreeBSD', 'NetBSD', 'Syllable', 'NaCl'];

/** The hardware protections that a file was built for, as in ["IBT", "SHSTK"] or ["BTI", "PAC"]. */
export function featuresOf(view: ElfView, notes: readonly Note[]): string[] {
  const known = featureNames[view.header.e_machine];
  const note = gnuNote(notes, NT.NT_GNU_PROPERTY_TYPE_0);
  if (known === undefined || note === undefined) return [];
  const bits = propertyBits(view, note.description, known.type);
  return known.bits.filter((_, i) => (bits & (1 << i)) !== 0);
}

/** GNU_PROPERTY_X86_FEATURE_1_AND and GNU_PROPERTY_AARCH64_FEATURE_1_AND, with names from the lowest bit up. */
const featureNames: Readonly<Record<number, {type: number; bits: readonly string[]}>> = {
  [EM.EM_386]: {type: 0xc0000002, bits: ['IBT', 'SHSTK']},
  [EM.EM_X86_64]: {type: 0xc0000002, bits: ['IBT', 'SHSTK']},
  [EM.EM_AARCH64]: {type: 0xc0000000, bits: ['BTI', 'PAC', 'GCS']},
};

function propertyBits({format}: ElfView, bytes: Uint8Array, type: number): number {
  const headSize = Property.size(format.elfClass);
  for (let at = 0; at + headSize <= bytes.length; ) {
    const {pr_type, pr_datasz} = Property.decode(bytes, format, at);
    const dataAt = at + headSize;
    const isThere = pr_datasz >= PropertyBits.size(format.elfClass) && dataAt + pr_datasz <= bytes.length;
    if (pr_type === type) return isThere ? PropertyBits.decode(bytes, format, dataAt).bits : 0;
    at = roundUp(dataAt + pr_datasz, format.elfClass / 8);
  }
  return 0;
}

function gnuNote(notes: readonly Note[], type: number): Note | undefined {
  return notes.find((note) => note.name === 'GNU' && note.type === type);
}
