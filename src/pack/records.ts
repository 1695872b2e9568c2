/*
 * What the stub reads (stub/stub.c: struct config, struct library). Places are relative to the configuration itself, so
 * they are valid wherever the kernel puts the program.
 */
import {defineRecord} from '../elf/record.js';

export const Config = defineRecord('config', {
  headers: 'tag',
  header_count: 'addr',
  entry: 'tag',
  loader: 'tag',
  loader_entry: 'tag',
  state: 'tag',
  front: 'tag',
  back: 'tag',
  place: 'tag',
  size: 'addr',
  count: 'word',
  flags: 'word',
});

export const Library = defineRecord('library', {
  hash: 'word',
  name: 'word',
  offset: 'addr',
  size: 'addr',
  head: 'addr',
  cut: 'addr',
  rest: 'addr',
  span: 'addr',
});

/** Config.flags: refuse to open anything that is not inside. */
export const CLOSED = 1;

/** Bytes of `struct state` for this many libraries. */
export function stateSize(libraries: number): number {
  return 5 * 8 + libraries * 24;
}

/** FNV-1a of 32 bits, as the stub computes it. */
export function nameHash(name: Uint8Array): number {
  return name.reduce((hash, byte) => Math.imul(hash ^ byte, 16777619) >>> 0, 2166136261);
}
