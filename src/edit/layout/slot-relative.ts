/*
 * DT_MIPS_RLD_MAP_REL is relative to its own entry in the dynamic section, and changes when that moves. A draft holds
 * the absolute address instead.
 */
import {EM, machineDT} from '../../elf/constants.js';
import {Dyn} from '../../elf/records.js';
import type {ElfView} from '../../elf/view.js';

/** Whether the value of a tag is a distance from its entry. */
export function countsFromSlot({header}: ElfView, d_tag: bigint): boolean {
  return header.e_machine === EM.EM_MIPS && d_tag === machineDT[EM.EM_MIPS].DT_MIPS_RLD_MAP_REL;
}

/** The entries of the dynamic section, with addresses in place of such distances. */
export function absoluteEntries(view: ElfView): Dyn[] {
  const {address = 0n, entries = []} = view.dynamic ?? {};
  const size = Dyn.size(view.format.elfClass);
  return entries.map((entry, i) =>
    countsFromSlot(view, entry.d_tag) ? relativeTo(view, entry, -(address + BigInt(i * size))) : {...entry},
  );
}

/** The entry with its value made relative to an address. */
export function relativeTo({format}: ElfView, {d_tag, d_val}: Dyn, address: bigint): Dyn {
  return {d_tag, d_val: BigInt.asUintN(format.elfClass, d_val - address)};
}
