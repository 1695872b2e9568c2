/*
 * Bytes after the ELF image: a squashfs (AppImage), a script or archive with a trailer (programs compiled by deno,
 * older bun, nexe), files at offsets that the program knows (pkg). Such a program finds them in one of three ways: from
 * the end of the file, at an offset that was written into it, or where the image ends according to the section headers
 * (AppImage's runtime). An edit that keeps the length of the file works with all three; one that makes it longer
 * cannot.
 *
 * Bytes that the program headers map are not a payload: a blob injected by postject, for example, has its own segment.
 */
import {isZero} from '../source/source.js';
import {PT} from './constants.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from './records.js';
import {findText} from './search.js';
import {byteString} from './strings.js';
import type {ElfView} from './view.js';
import {hasFileBytes} from './without-bytes.js';

/** The kind of the appended data, as far as its last bytes or the program reveal it. */
export type PayloadKind =
  | 'AppImage'
  | '.NET'
  | 'Dart'
  | 'deno'
  | 'bun'
  | 'pkg'
  | 'nexe'
  | 'PyInstaller'
  | 'zip'
  | 'unknown';

/** The bytes after the last byte that the headers describe. */
export interface Payload {
  readonly kind: PayloadKind;
  /** File offset of the first byte. */
  readonly offset: number;
  /** Length in bytes, up to the end of the file. */
  readonly size: number;
}

/**
 * Find what follows the ELF image; undefined when nothing does, or nothing but zeros.
 *
 * @example
 *   await using file = await openElf('qemu-arm');
 *   if (findPayload(file.view) === undefined) console.log('nothing is appended to it');
 */
export function findPayload(view: ElfView): Payload | undefined {
  const offset = imageEnd(view);
  const size = view.source.size - offset;
  if (size <= 0 || isZero(view.source, offset, size)) return undefined;
  return {kind: isAppImage(view) ? 'AppImage' : kindByTail(view, size), offset, size};
}

/** The file offset after the last byte that belongs to a header table, a segment or a section. */
function imageEnd(view: ElfView): number {
  const {elfClass} = view.format;
  const {e_phoff, e_shoff} = view.header;
  const segments = view.programHeaders.filter((phdr) => phdr.p_type !== PT.PT_NULL && phdr.p_filesz > 0);
  const sections = view.sectionHeaders.filter(hasFileBytes);
  return [
    ...segments.map(({p_offset, p_filesz}) => p_offset + p_filesz),
    ...sections.map(({sh_offset, sh_size}) => sh_offset + sh_size),
    e_phoff + view.programHeaders.length * Phdr.size(elfClass),
    e_shoff + view.sectionHeaders.length * Shdr.size(elfClass),
  ].reduce((a, b) => Math.max(a, b), EI_NIDENT + Ehdr.size(elfClass));
}

/** AppImage's mark in the padding of e_ident: "AI" and the type (AppImage specification, "Type 2 image format"). */
const appImageMark = [0x41, 0x49, 2];

function isAppImage({source}: ElfView): boolean {
  const mark = source.read(8, appImageMark.length);
  return appImageMark.every((byte, i) => mark[i] === byte);
}

/** Marks near the end of the file; `at` is how far before the end a mark begins. */
const tails: readonly {readonly kind: PayloadKind; readonly at: number; readonly mark: string}[] = [
  {kind: 'Dart', at: 8, mark: '\xdc\xdc\xf6\xf6\0\0\0\0'},
  {kind: 'deno', at: 24, mark: 'd3n0l4nd'},
  {kind: 'deno', at: 40, mark: 'd3n0l4nd'},
  {kind: 'bun', at: 24, mark: '\n---- Bun! ----\n'},
  {kind: 'nexe', at: 32, mark: '<nexe~~sentinel>'},
  {kind: 'PyInstaller', at: 88, mark: 'MEI\x0c\x0b\x0a\x0b\x0e'},
];

/** The end-of-central-directory record of a zip, with the longest comment that it can have (APPNOTE 4.3.16). */
const longestZipEnd = 22 + 0xffff;

function kindByTail({source}: ElfView, size: number): PayloadKind {
  const length = Math.min(size, longestZipEnd);
  const tail = source.read(source.size - length, length);
  const text = byteString(tail);
  const known = tails.find(({at, mark}) => text.startsWith(byteString(bytesOf(mark)), length - at));
  if (known !== undefined) return known.kind;
  const end = text.lastIndexOf('PK\x05\x06');
  if (end < 0 || end + 22 > length) return 'unknown';
  const comment = (tail[end + 20] ?? 0) + 256 * (tail[end + 21] ?? 0);
  return end + 22 + comment === length ? 'zip' : 'unknown';
}

/**
 * The kind of a payload whose own bytes do not show it: .NET's host and pkg's node contain the offset of what was
 * appended. This searches the whole image, so it is called only when needed.
 */
export function kindByProgram({source}: ElfView, {offset, kind}: Payload): PayloadKind {
  if (kind !== 'unknown') return kind;
  const image = {offset: 0, size: offset};
  if (findText(source, image, byteString(bundleMark)) !== undefined) return '.NET';
  return findText(source, image, 'PAYLOAD_POSITION') === undefined ? 'unknown' : 'pkg';
}

/** SHA-256 of ".net core bundle", next to which the host stores the offset of its bundle (bundle_marker.cpp). */
const bundleMark = Uint8Array.of(
  ...[0x8b, 0x12, 0x02, 0xb9, 0x6a, 0x61, 0x20, 0x38, 0x72, 0x7b, 0x93, 0x02, 0x14, 0xd7, 0xa0, 0x32],
  ...[0x13, 0xf5, 0xb9, 0xe6, 0xef, 0xae, 0x33, 0x18, 0xee, 0x3b, 0x2d, 0xce, 0x24, 0xb3, 0x6a, 0xae],
);

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
