/*
 * Where a program at fixed addresses goes.
 *
 * A program that is not PIE is at a fixed address already, and stays there. For a PIE the address must be free in every
 * process, on every kernel, and should be one that nothing run by the program wants: an emulator maps its guest at the
 * guest's own addresses where it can (guest_base 0).
 *
 * x86-64: where the kernel puts a PIE, but above the highest address that it draws for one: 2/3 of the address space and
 * 28 random bits of pages, so 0x555555554000 to 0x565555554000. Up to 0x568000000000 that region is for programs in
 * the address maps of the sanitizers, old and new, as well (it must be for their own PIEs), so a guest or a program that uses them
 * does not claim it. Stack, vDSO and mappings grow down from 0x7fffffffffff, or up from 0x2aaaaaaaa000 with an unlimited stack;
 * QEMU puts guests below 4 GiB, at 0x4000000000, 0x5500000000 and 0x555555554000.
 *
 * aarch64: a kernel may have as few as 36 bits of addresses (16 KiB pages), Android's and the Raspberry Pi's have 39, so the
 * same share of the space is elsewhere on each. 12 GiB exists on all: above what 32-bit guests, alpha and mips64 programs
 * (4.5 GiB) are linked to, below 16 GiB, where the kernel starts to place mappings on the smallest, and where the sanitizers' shadow memory
 * begins. (On x86-64 AddressSanitizer's shadow begins at 2 GiB.)
 */
import {EM, ET} from '../../elf/constants.js';
import type {ElfView} from '../../elf/view.js';

/** How far the addresses of a program are from those in its headers when it is packed at fixed addresses. */
export function fixedBase({header: {e_type, e_machine}}: ElfView): bigint {
  if (e_type !== ET.ET_DYN) return 0n;
  return e_machine === EM.EM_AARCH64 ? 0x3_0000_0000n : 0x5660_0000_0000n;
}
