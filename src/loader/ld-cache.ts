/*
 * /etc/ld.so.cache, as glibc's loader reads it (elf/dl-cache.c, sysdeps/generic/dl-cache.h).
 *
 * Two layouts. The new one starts with `glibc-ld.so.cache1.1`; its offsets count from that. The old one starts with
 * `ld.so-1.7.0`, has 12-byte entries and mostly carries a new one behind them, aligned; then the new one counts.
 * The loader looks a name up by bisection among sorted entries; here they are put in a map once, in file order,
 * because the first of equal names wins. A cache that is damaged or written for another byte order is no cache:
 * nothing in it is an error, as nothing in it is one to ld.so.
 */
import type {MachineFacts} from '../elf/machine.js';
import {defineRecord, type Format} from '../elf/record.js';
import {decodeString} from '../elf/strings.js';

/** One line of the cache: a name, and where ldconfig found it. */
export interface CacheEntry {
  readonly path: string;
  readonly flags: number;
  /** The subdirectory of glibc-hwcaps it lies in; undefined for an ordinary entry. */
  readonly hwcaps: string | undefined;
  /** The legacy hwcap bits of an ordinary entry, 0 mostly. */
  readonly legacyHwcap: bigint;
}

/** The entries by name; look one up with `findInCache`. */
export type LdCache = ReadonlyMap<string, readonly CacheEntry[]>;

/** What decides which entry serves. */
export interface CacheQuery {
  readonly machine: MachineFacts;
  /** Names of glibc-hwcaps subdirectories that are acceptable, best first. */
  readonly hwcaps: readonly string[];
  /** Legacy hwcap bits that are acceptable: none since glibc 2.37. */
  readonly legacyHwcaps: bigint;
}

/** The path that the loader takes from the cache for a name; only this one is tried. */
export function findInCache(cache: LdCache, name: string, query: CacheQuery): CacheEntry | undefined {
  const ids = cacheIds(query.machine);
  const usable = (cache.get(keyOf(name)) ?? []).filter(({flags}) => ids.includes(flags));
  const ranked = query.hwcaps.map((level) => usable.find(({hwcaps}) => hwcaps === level));
  const plain = usable.filter(
    ({hwcaps, legacyHwcap}) => hwcaps === undefined && (legacyHwcap & ~query.legacyHwcaps) === 0n,
  );
  return (
    ranked.find((entry) => entry !== undefined) ?? plain.find(({flags}) => flags === ids[0]) ?? plain.at(-1)
  );
}

/** Read a cache. Whatever the bytes are, the result is a map; an unusable cache gives an empty one. */
export function readLdCache(bytes: Uint8Array, {littleEndian}: Format): LdCache {
  const format: Format = {elfClass: 64, littleEndian};
  const start = locateNewLayout(bytes, format);
  if (start === undefined) return readOldLayout(bytes, format);
  return start < 0 ? new Map() : readNewLayout(bytes.subarray(start), format);
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
  if (bytes.length <= newEntriesOffset) return new Map();
  const header = NewHeader.decode(bytes, format, newMagic.length);
  const entrySize = NewEntry.size(64);
  const otherOrder = (header.flags & 3) !== 0 && (header.flags & 3) !== (format.littleEndian ? 2 : 3);
  if (otherOrder || (bytes.length - newEntriesOffset) / entrySize < header.nlibs) return new Map();
  const names = readHwcapsNames(bytes, header.extension_offset, format);
  return collect(bytes, header.nlibs, (index) => {
    const entry = NewEntry.decode(bytes, format, newEntriesOffset + index * entrySize);
    return {...entry, ...describeHwcap(entry.hwcap, names)};
  });
}

function readOldLayout(bytes: Uint8Array, format: Format): LdCache {
  const {nlibs} = OldHeader.decode(bytes, format, oldHeaderOffset);
  const strings = bytes.subarray(oldEntriesOffset + nlibs * OldEntry.size(64));
  return collect(strings, nlibs, (index) => ({
    ...OldEntry.decode(bytes, format, oldEntriesOffset + index * OldEntry.size(64)),
    hwcaps: undefined,
    legacyHwcap: 0n,
  }));
}

interface RawEntry extends Omit<CacheEntry, 'path'> {
  /** Offsets of the name and of the path among the strings. */
  readonly key: number;
  readonly value: number;
}

function collect(strings: Uint8Array, count: number, entryAt: (index: number) => RawEntry): LdCache {
  const cache = new Map<string, CacheEntry[]>();
  for (let index = 0; index < count; index++) {
    const {key, value, flags, hwcaps, legacyHwcap} = entryAt(index);
    const name = stringAt(strings, key);
    const path = stringAt(strings, value);
    if (name === undefined || path === undefined) continue;
    const entry = {path, flags, hwcaps, legacyHwcap};
    const others = cache.get(keyOf(name));
    if (others === undefined) cache.set(keyOf(name), [entry]);
    else others.push(entry);
  }
  return cache;
}

/** The loader compares runs of digits by their value (_dl_cache_libcmp), so leading zeros do not count. */
function keyOf(name: string): string {
  return /0\d/.test(name) ? name.replace(/(?<!\d)0+(?=\d)/g, '') : name;
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
/** The bits beside that one which such an entry may have: its index, and the ISA level that its file asks for. */
const hwcapIndexBits = 0xffffffffn;
const hwcapIsaBits = 0x3ffn << 32n;

/** An index that leads nowhere names a level that nobody has, so nobody takes the entry. */
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

/** No file has a longer path (PATH_MAX). Past this the end is not searched for: a hundred thousand entries may share it. */
const longestString = 4096;

function stringAt(bytes: Uint8Array, offset: number): string | undefined {
  const piece = bytes.subarray(offset, offset + longestString);
  const end = piece.indexOf(0);
  return end < 0 ? undefined : decodeString(piece.subarray(0, end));
}

/**
 * The values of `flags` that a loader accepts (_dl_cache_check_flags), its own first: a type in the low byte (3 is
 * ELF with libc6) and an ABI in the next.
 */
function cacheIds({e_machine, e_flags, elfClass, littleEndian}: MachineFacts): readonly number[] {
  switch (e_machine) {
    case 8:
      return [mipsId(elfClass, e_flags)];
    case 21:
      return [0x503];
    case 22:
      return [elfClass === 64 ? 0x403 : 3];
    case 40:
      return [(e_flags & 0x400) !== 0 ? 0x903 : 0xb03, 3];
    case 43:
      return [0x103];
    case 50:
      return [0x203];
    case 62:
      return [elfClass === 64 ? 0x303 : 0x803];
    case 183:
      return [littleEndian || elfClass === 64 ? 0xa03 : 3];
    case 243:
      return [(e_flags & 6) === 4 ? 0x1003 : 0xf03];
    case 258:
      return [(e_flags & 7) === 3 ? 0x1103 : 0x1203];
    default:
      return [3, 1];
  }
}

function mipsId(elfClass: 32 | 64, e_flags: number): number {
  const nan2008 = (e_flags & 0x400) !== 0;
  if (elfClass === 64) return nan2008 ? 0xe03 : 0x703;
  if ((e_flags & 0x20) !== 0) return nan2008 ? 0xd03 : 0x603;
  return nan2008 ? 0xc03 : 3;
}
