import {roundUp} from '../elf/notes.js';
import {NT_PACKED, type PackedContents, packedOwner} from '../elf/packed.js';
import type {Format} from '../elf/record.js';
import {Nhdr} from '../elf/records.js';

/** Make the note that elf/packed.ts reads. */
export function encodeContents(contents: PackedContents, format: Format): Uint8Array {
  const name = new TextEncoder().encode(`${packedOwner}\0`);
  const text = new TextEncoder().encode(`${JSON.stringify(contents)}\0`);
  const head = Nhdr.encode({n_namesz: name.length, n_descsz: text.length, n_type: NT_PACKED}, format);
  const at = head.length + roundUp(name.length, 4);
  const bytes = new Uint8Array(at + roundUp(text.length, 4));
  bytes.set(head);
  bytes.set(name, head.length);
  bytes.set(text, at);
  return bytes;
}
