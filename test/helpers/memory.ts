/*
 * The memory image, as far as code can see it: every section except the linker's tables.
 */
import {readFileSync} from 'node:fs';
import {SHF, SHT} from '../../src/elf/constants.js';
import type {ElfView} from '../../src/elf/view.js';
import {viewBuffer} from './view-buffer.js';

const contentTypes: ReadonlySet<number> = new Set([
  SHT.SHT_PROGBITS,
  SHT.SHT_INIT_ARRAY,
  SHT.SHT_FINI_ARRAY,
  SHT.SHT_PREINIT_ARRAY,
  0x70000001, // SHT_ARM_EXIDX, SHT_X86_64_UNWIND
]);

/** Name the sections whose bytes a program would find changed at their address; empty when there is none. */
export function damagedSections(beforeFile: string, afterFile: string): string[] {
  const before = viewBuffer(readFileSync(beforeFile));
  const after = viewBuffer(readFileSync(afterFile));
  return before.sectionHeaders
    .filter((s) => contentTypes.has(s.sh_type) && (s.sh_flags & SHF.SHF_ALLOC) !== 0 && s.sh_size > 0)
    .filter((section) => before.sectionName(section) !== '.interp')
    .filter(({sh_addr, sh_size}) => {
      const old = mapped(before, sh_addr, sh_size);
      const now = mapped(after, sh_addr, sh_size);
      return old === undefined || now === undefined || Buffer.compare(old, now) !== 0;
    })
    .map((section) => before.sectionName(section));
}

function mapped(view: ElfView, address: bigint, size: number): Uint8Array | undefined {
  const offset = view.offsetOfAddress(address);
  return offset === undefined ? undefined : view.source.read(offset, size);
}
