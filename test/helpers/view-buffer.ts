import {ElfView} from '../../src/elf/view.js';
import {bufferSource} from '../../src/source/buffer.js';

/** View bytes in memory as ELF. */
export function viewBuffer(bytes: Uint8Array, path?: string): ElfView {
  return new ElfView(bufferSource(bytes, path));
}
