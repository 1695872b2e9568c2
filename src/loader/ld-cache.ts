/*
 * /etc/ld.so.cache, as glibc's loader reads it (elf/dl-cache.c, sysdeps/generic/dl-cache.h); cache-search.ts looks
 * names up in it.
 *
 * Two layouts. The new one starts with `glibc-ld.so.cache1.1`; its offsets count from that. The old one starts with
 * `ld.so-1.7.0`, has 12-byte entries and is usually followed by a new one, aligned; then the new one is used. A cache
 * that is damaged or written for another byte order is ignored rather than reported, as ld.so does it.
 */
import {defineRecord, type Format} from '../elf/record.js';
import {RecordTable} from '../elf/record-table.js';
import {decodeString} from '../elf/strings.js';

/** A cache's entries in the order of the file, which ldconfig sorted; each is decoded when it is looked at. */
export interface LdCache {
  readonly layout: 'new' | 'old';
  /** What the offsets `key` (a name) and `value` (a path) refer to. */
  readonly strings: Uint8Array;
  readonly entries: {readonly keys: readonly number[]; at(index: number): RawEntry};
  /** The subdirectories of glibc-hwcaps that entries refer to by number. */
  readonly hwcapsNames: readonly string[];
}

/** An entry as it is stored; the old layout has no `hwcap`. */
interface RawEntry {
  readonly flags: number;
  readonly key: number;
  readonly value: number;
  readonly hwcap?: bigint;
}

/** One line of the cache: a name, and where ldconfig found it. */
export interface CacheEntry {
  readonly path: string;
  readonly flags: number;
  /** The subdirectory of glibc-hwcaps it is in; undefined for an ordinary entry. */
  readonly hwcaps: string | undefined;
  /** The legacy hwcap bits of an ordinary entry, 0 mostly. */
  readonly legacyHwcap: bigint;
}

/** The entry at an index; undefined when its path is outside the cache. */
export function cacheEntry(cache: LdCache, index: number): CacheEntry | undefined {
  const {value, flags, hwcap = 0n} = cache.entries.at(index);
  const path = stringAt(cache.strings, value);
  return path === undefined ? undefined : {path, flags, ...describeHwcap(hwcap, cache.hwcapsNames)};
}

/** Read a cache. This never fails; an unusable cache has no entries. */
export function readLdCache(bytes: Uint8Array, {littleEndian}: Format): LdCache {
  const format: Format = {elfClass: 64, littleEndian};
  const start = locateNewLayout(bytes, format);
  if (start === undefined) return readOldLayout(bytes, format);
  return start < 0 ? noCache : readNewLayout(bytes.subarray(start), format);
}

const newMagic = 'glibc-ld.so.cache1.1';
const oldMagic = 'ld.so-1.7.0';
const extensionMagic = 0xeaa42174;

const OldHeader = defineRecord('cache_file', {nlibs: 'word'});
const OldEntry = defineRecord('file_entry', {flags: 'word', key: 'word', value: 'word'});
const NewHeader = defineRecord('cache_file_new', {
  nlibs: 'word',
  len_strings: 'word',
  flags: 'byte',
  padding0: 'byte',
  padding1: 'byte',
  padding2: 'byte',
  extension_offset: 'word',
  unused0: 'word',
  unused1: 'word',
  unused2: 'word',
});
const NewEntry = defineRecord('file_entry_new', {
  flags: 'word',
  key: 'word',
  value: 'word',
  osversion: 'word',
  hwcap: 'addr',
});
const Extension = defineRecord('cache_extension', {magic: 'word', count: 'word'});
const ExtensionSection = defineRecord('cache_extension_section', {
  tag: 'word',
  flags: 'word',
  offset: 'word',
  size: 'word',
});

/** The magic of the old layout is padded to a word. */
const oldHeaderOffset = 12;
const oldEntriesOffset = oldHeaderOffset + OldHeader.size(64);
const newEntriesOffset = newMagic.length + NewHeader.size(64);

const noCache: LdCache = {
  layout: 'new',
  strings: new Uint8Array(),
  entries: new RecordTable(NewEntry, 'key', new Uint8Array(), {elfClass: 64, littleEndian: true}),
  hwcapsNames: [],
};

/** Where the new layout starts; undefined when there is only the old one, -1 when there is neither. */
function locateNewLayout(bytes: Uint8Array, format: Format): number | undefined {
  if (startsWith(bytes, newMagic)) return 0;
  if (!startsWith(bytes, oldMagic) || bytes.length <= oldEntriesOffset) return -1;
  const {nlibs} = OldHeader.decode(bytes, format, oldHeaderOffset);
  const end = oldEntriesOffset + nlibs * OldEntry.size(64);
  if (end > bytes.length) return -1;
  // Aligned to 8 where that is the alignment of a 64-bit integer; i386 and m68k align it to 4.
  return [Math.ceil(end / 8) * 8, end].find((offset) => startsWith(bytes.subarray(offset), newMagic));
}

function readNewLayout(bytes: Uint8Array, format: Format): LdCache {
  if (bytes.length <= newEntriesOffset) return noCache;
  const {nlibs, flags, extension_offset} = NewHeader.decode(bytes, format, newMagic.length);
  const size = nlibs * NewEntry.size(64);
  const otherOrder = (flags & 3) !== 0 && (flags & 3) !== (format.littleEndian ? 2 : 3);
  if (otherOrder || bytes.length - newEntriesOffset < size) return noCache;
  const entries = bytes.subarray(newEntriesOffset, newEntriesOffset + size);
  return {
    layout: 'new',
    strings: bytes,
    entries: new RecordTable(NewEntry, 'key', entries, format),
    hwcapsNames: readHwcapsNames(bytes, extension_offset, format),
  };
}

function readOldLayout(bytes: Uint8Array, format: Format): LdCache {
  const {nlibs} = OldHeader.decode(bytes, format, oldHeaderOffset);
  const end = oldEntriesOffset + nlibs * OldEntry.size(64);
  const entries = bytes.subarray(oldEntriesOffset, end);
  return {
    layout: 'old',
    strings: bytes.subarray(end),
    entries: new RecordTable(OldEntry, 'key', entries, format),
    hwcapsNames: [],
  };
}

/** The names that hwcap indices refer to: section 1 of the extension directory. */
function readHwcapsNames(bytes: Uint8Array, directory: number, format: Format): string[] {
  const sections = directory + Extension.size(64);
  if (directory === 0 || directory % 4 !== 0 || sections > bytes.length) return [];
  const {magic, count} = Extension.decode(bytes, format, directory);
  const size = ExtensionSection.size(64);
  if (magic !== extensionMagic || count > (bytes.length - sections) / size) return [];
  for (let i = 0; i < count; i++) {
    const section = ExtensionSection.decode(bytes, format, sections + i * size);
    if (section.tag === 1) return readNameOffsets(bytes, section, format);
  }
  return [];
}

function readNameOffsets(bytes: Uint8Array, {offset, size}: {offset: number; size: number}, format: Format) {
  if (offset + size > bytes.length) return [];
  const data = new DataView(bytes.buffer, bytes.byteOffset + offset, size);
  return Array.from(
    {length: Math.floor(size / 4)},
    (_, i) => stringAt(bytes, data.getUint32(i * 4, format.littleEndian)) ?? '',
  );
}

const hwcapExtension = 1n << 62n;
/** The other bits that such an entry may have: its index, and the ISA level that its file asks for. */
const hwcapIndexBits = 0xffffffffn;
const hwcapIsaBits = 0x3ffn << 32n;

/** An invalid index becomes a level that no CPU has, so no loader takes the entry. */
function describeHwcap(hwcap: bigint, names: readonly string[]): Pick<CacheEntry, 'hwcaps' | 'legacyHwcap'> {
  if ((hwcap & ~(hwcapIndexBits | hwcapIsaBits)) !== hwcapExtension)
    return {hwcaps: undefined, legacyHwcap: hwcap};
  return {hwcaps: names[Number(hwcap & hwcapIndexBits)] ?? '', legacyHwcap: 0n};
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .subarray(0, text.length)
    .equals(Buffer.from(text));
}

/**
 * No file has a longer path (PATH_MAX). The end of a longer string is not searched for: a hundred thousand entries may
 * share it.
 */
const longestString = 4096;

function stringAt(bytes: Uint8Array, offset: number): string | undefined {
  const piece = bytes.subarray(offset, offset + longestString);
  const end = piece.indexOf(0);
  return end < 0 ? undefined : decodeString(piece.subarray(0, end));
}
