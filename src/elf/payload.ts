/*
 * Bytes behind the ELF image: a squashfs (AppImage), a script or archive with a trailer (programs compiled by deno,
 * older bun, nexe), files at offsets that the program knows (pkg). Such a program finds them in one of three ways:
 * from the end of the file, at an offset that was written into it, or where the image ends as the section headers
 * tell it (AppImage's runtime). An edit that leaves the length of the file alone satisfies all three; one that
 * makes it longer cannot.
 *
 * What the program headers map is no payload: a blob that postject injects has a segment of its own.
 */
import {isZero} from '../source/source.js';
import {PT, SHT} from './constants.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from './records.js';
import type {ElfView} from './view.js';

/** Bytes that follow the last one that the headers speak of. */
export interface Payload {
  /** An AppImage finds its file system at the end of the section headers; of others nothing is known. */
  readonly kind: 'AppImage' | 'unknown';
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
  return {kind: isAppImage(view) ? 'AppImage' : 'unknown', offset, size};
}

/** The file offset behind the last byte that belongs to a header table, a segment or a section. */
export function imageEnd(view: ElfView): number {
  const {elfClass} = view.format;
  const {e_phoff, e_shoff} = view.header;
  const segments = view.programHeaders.filter((phdr) => phdr.p_type !== PT.PT_NULL && phdr.p_filesz > 0);
  const sections = view.sectionHeaders.filter(
    ({sh_type}) => sh_type !== SHT.SHT_NULL && sh_type !== SHT.SHT_NOBITS,
  );
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
