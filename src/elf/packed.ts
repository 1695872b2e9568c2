/*
 * What a packed file says about itself: a PT_NOTE named "elfinterp" whose description is JSON text, as in the notes
 * that systemd defines. It lists every part and its place in the file, so that each can be extracted byte for byte.
 */
import {ElfError} from '../errors.js';
import {overlaySource} from '../source/overlay.js';
import {type ByteSource, checkRange} from '../source/source.js';
import {PT} from './constants.js';
import {readNotes} from './notes.js';
import {Ehdr, EI_NIDENT} from './records.js';
import {ElfView} from './view.js';

/** One file inside a packed file. */
export interface PackedPart {
  readonly role: 'program' | 'loader' | 'library';
  /** The names by which it is requested, its file name first; for the program, its file name. */
  readonly names: readonly string[];
  /** DT_SONAME. */
  readonly soname: string | undefined;
  /** NT_GNU_BUILD_ID in hexadecimal digits. */
  readonly buildId: string | undefined;
  /** File offset in the packed file, and length in bytes. */
  readonly offset: number;
  readonly size: number;
  /** Where the bytes from `from` onward are, if they do not follow the earlier ones. */
  readonly rest?: {readonly from: number; readonly offset: number} | undefined;
  /** Permission bits. */
  readonly mode: number;
  /** SHA-256 of the part as it was packed: 64 lowercase hexadecimal digits. */
  readonly sha256: string;
  /** Where it came from, if that was recorded. */
  readonly source: string | undefined;
}

/** What is in a packed file. */
export interface PackedContents {
  /** 2 for a file at fixed addresses. */
  readonly version: 1 | 2;
  readonly generator: string;
  /** Whether the loader opens only files that are inside. */
  readonly closed: boolean;
  /** Whether the loader inside ignores LD_* variables. */
  readonly isolated: boolean;
  /** Whether the file always loads at the same addresses, for which relocations were already applied. */
  readonly fixedAddress?: true | undefined;
  /** The program's own ELF header, from before packing, in hexadecimal digits. */
  readonly header: string;
  /** The program, the loader, then the libraries in load order. */
  readonly parts: readonly PackedPart[];
}

/** The name of the note. */
export const packedOwner = 'elfinterp';
/** n_type, an arbitrary number: "elf" and 1. */
export const NT_PACKED = 0x656c6601;

/**
 * Read the contents of a packed file; undefined when the file is not packed.
 *
 * @throws ElfError BAD_ELF when the file claims to be packed, but its list of parts is invalid
 * @example
 *   await using file = await openElf('qemu-arm-packed');
 *   for (const {names, buildId} of packedContents(file.view)?.parts ?? []) console.log(names[0], buildId);
 */
export function packedContents(view: ElfView): PackedContents | undefined {
  // A packed file has neither. Any other program or library has one, so its notes need not be read.
  if (view.segment(PT.PT_DYNAMIC) !== undefined || view.segment(PT.PT_INTERP) !== undefined) return undefined;
  const note = readNotes(view, NT_PACKED).find(({name}) => name === packedOwner);
  if (note === undefined) return undefined;
  const contents = parse(note.description);
  // The note is after the program, so that no file is inside itself.
  if (isContents(contents, view) && (contents.parts[0]?.size ?? 0) <= note.offset) return contents;
  throw new ElfError('BAD_ELF', 'the list of packed files is damaged', {
    path: view.path,
    offset: note.offset,
  });
}

function parse(description: Uint8Array): unknown {
  try {
    const end = description.findLastIndex((byte) => byte !== 0) + 1;
    return JSON.parse(new TextDecoder().decode(description.subarray(0, end)));
  } catch {
    return undefined;
  }
}

/** View the program inside a packed file as it was before packing; undefined when the file is not packed. */
export function programInside(view: ElfView): ElfView | undefined {
  const contents = packedContents(view);
  const program = contents?.parts.find(({role}) => role === 'program');
  return contents && program && new ElfView(partSource(view, contents, program));
}

/** The bytes of a part, as it was packed. */
export function partSource(view: ElfView, contents: PackedContents, part: PackedPart): ByteSource {
  const {source, path} = view;
  const {offset, size, rest = {from: size, offset: 0}} = part;
  const range: ByteSource = {
    path,
    size,
    read: (at, length) => {
      checkRange(range, at, length);
      if (at + length <= rest.from) return source.read(offset + at, length);
      if (at >= rest.from) return source.read(rest.offset + at - rest.from, length);
      const bytes = new Uint8Array(length);
      bytes.set(source.read(offset + at, rest.from - at));
      bytes.set(source.read(rest.offset, at + length - rest.from), rest.from - at);
      return bytes;
    },
  };
  return part.role === 'program'
    ? overlaySource(range, [{offset: 0, bytes: bytesOfHex(contents.header)}])
    : range;
}

/** More parts than any program has. */
const mostParts = 4096;

function isContents(value: unknown, view: ElfView): value is PackedContents {
  if (!isRecord(value)) return false;
  const {version, generator, closed, isolated, fixedAddress, header, parts} = value;
  const isKnown = fixedAddress === undefined ? version === 1 : version === 2 && fixedAddress === true;
  if (!isKnown || typeof generator !== 'string' || typeof closed !== 'boolean') return false;
  const headerSize = EI_NIDENT + Ehdr.size(view.format.elfClass);
  if (typeof isolated !== 'boolean' || !isHex(header, headerSize) || !Array.isArray(parts)) return false;
  if (parts.length === 0 || parts.length > mostParts || !parts.every((part) => isPart(part, view)))
    return false;
  const list = parts as PackedPart[];
  const names = list.flatMap((part) => part.names);
  return (
    list[0]?.role === 'program' &&
    list[0].offset === 0 &&
    list[0].rest === undefined &&
    (fixedAddress === true || list.every(({rest}) => rest === undefined)) &&
    list[0].size >= headerSize &&
    list.filter(({role}) => role === 'program').length === 1 &&
    list.filter(({role}) => role === 'loader').length <= 1 &&
    new Set(names).size === names.length &&
    !haveOverlap(list)
  );
}

/** Overlapping parts could unpack to any number of bytes. */
function haveOverlap(parts: readonly PackedPart[]): boolean {
  const ranges = parts
    .flatMap(({offset, size, rest = {from: size, offset: 0}}) => [
      {start: offset, end: offset + rest.from},
      {start: rest.offset, end: rest.offset + size - rest.from},
    ])
    .filter(({start, end}) => end > start)
    .sort((a, b) => a.start - b.start);
  return ranges.some(({start}, i) => start < (ranges[i - 1]?.end ?? 0));
}

function isPart(value: unknown, {source}: ElfView): boolean {
  if (!isRecord(value)) return false;
  const {role, names, soname, buildId, offset, size, rest, mode, sha256, source: from} = value;
  const isText = (text: unknown) => text === undefined || typeof text === 'string';
  return (
    (role === 'program' || role === 'loader' || role === 'library') &&
    Array.isArray(names) &&
    names.length > 0 &&
    names.every(isFileName) &&
    isText(soname) &&
    isText(buildId) &&
    isText(from) &&
    isCount(offset) &&
    isCount(size) &&
    (rest === undefined ? offset + size <= source.size : isRest(rest, offset, size, source.size)) &&
    isCount(mode) &&
    mode <= 0o777 &&
    isHex(sha256, 32)
  );
}

function isRest(value: unknown, start: number, size: number, fileSize: number): boolean {
  if (!isRecord(value)) return false;
  const {from, offset} = value;
  if (!isCount(from) || !isCount(offset) || from > size) return false;
  return start + from <= fileSize && offset + size - from <= fileSize;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is a plain file name: all parts are unpacked into one directory. */
export function isFileName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value !== '.' &&
    value !== '..' &&
    !/[/\0]/.test(value) &&
    value.length <= 255
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHex(value: unknown, length: number): boolean {
  return typeof value === 'string' && value.length === length * 2 && /^[0-9a-f]*$/.test(value);
}

function bytesOfHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}
