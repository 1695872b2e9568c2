/*
 * Where a program at fixed addresses goes.
 *
 * A program that is not PIE is at a fixed address already, and stays there. For a PIE the address must be free in every
 * process, on every kernel, and should be one that nothing run by the program wants: an emulator maps its guest at the
 * guest's own addresses where it can (guest_base 0).
 *
 * x86-64: where the kernel puts a PIE, but above the highest address that it picks for one with the usual 28 random
 * bits (0x555555554000 to 0x565555554000). Up to 0x568000000000 the sanitizers, old and new, leave that region to
 * programs, so neither a guest nor the program wants it for shadow memory. Stack, vDSO and mappings start above
 * 0x6fff00000000 and grow down, or with an unlimited stack start at 0x2aaaaaaaa000 and grow up. QEMU puts guests below
 * 4 GiB, at 0x4000000000, 0x5500000000 and 0x555555554000.
 *
 * aarch64: a kernel has 48 bits of addresses, or 39 (Android, Raspberry Pi), or with 16 KiB pages 36, so no such region
 * is common to all. 12 GiB works on all of them: it is above what 32-bit guests, alpha and mips64 programs (4.5 GiB)
 * are linked to, below 16 GiB, where mappings start on the smallest, and below all shadow memory. (On x86-64
 * AddressSanitizer's begins at 2 GiB.)
 */
import {EM, ET} from '../../elf/constants.js';
import type {ElfView} from '../../elf/view.js';

/** How far the addresses of a program are from those in its headers when it is packed at fixed addresses. */
export function fixedBase({header: {e_type, e_machine}}: ElfView): bigint {
  if (e_type !== ET.ET_DYN) return 0n;
  return e_machine === EM.EM_AARCH64 ? 0x3_0000_0000n : 0x5660_0000_0000n;
}
