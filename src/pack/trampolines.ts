/*
 * The jumps from the loader's system calls to the stub and back.
 */
import {EM} from '../elf/constants.js';
import type {CallSite} from './calls.js';

/** Where `common` is in the stub's code (stub.c). */
export const commonOffset = 64;

/** Code for one call site. */
export interface Trampoline {
  /** Goes into the stub's segment. */
  readonly code: Uint8Array;
  /** Replaces the call in the loader; has the length of the site. */
  readonly jump: Uint8Array;
}

/**
 * Redirect a call site to the stub.
 *
 * @param at address of the trampoline
 * @param site with its address where the loader will be
 * @param common address of the stub's `common`
 */
export function trampoline(e_machine: number, site: CallSite, at: bigint, common: bigint): Trampoline {
  return e_machine === EM.EM_AARCH64 ? armTrampoline(site, at, common) : x86Trampoline(site, at, common);
}

/**
 * The wrappers of system calls are leaf functions: they may keep something in the 128 bytes below the stack pointer.
 */
function x86Trampoline({address, length, after}: CallSite, at: bigint, common: bigint): Trampoline {
  const code: number[] = [0x48, 0x8d, 0x64, 0x24, 0x80]; // lea -128(%rsp),%rsp
  const here = () => at + BigInt(code.length);
  code.push(0xe8, ...relative(here() + 5n, common)); // call common
  code.push(0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0); // lea 128(%rsp),%rsp
  code.push(...after);
  code.push(0xe9, ...relative(here() + 5n, address + BigInt(length))); // jmp after the site
  const jump = [0xe9, ...relative(address + 5n, at)];
  const nops = new Array<number>(length - jump.length).fill(0x90);
  return {code: Uint8Array.from(code), jump: Uint8Array.from([...jump, ...nops])};
}

function relative(from: bigint, to: bigint): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, Number(to - from), true);
  return bytes;
}

function armTrampoline({address}: CallSite, at: bigint, common: bigint): Trampoline {
  const words = [
    0xa9bf7bfd, // stp x29, x30, [sp, #-16]!
    branch(at + 4n, common, 0x94000000), // bl common
    0xa8c17bfd, // ldp x29, x30, [sp], #16
    branch(at + 12n, address + 4n), // b after the site
  ];
  return {code: wordBytes(words), jump: wordBytes([branch(address, at)])};
}

function branch(from: bigint, to: bigint, opcode = 0x14000000): number {
  return (opcode | (Number((to - from) >> 2n) & 0x3ffffff)) >>> 0;
}

function wordBytes(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const data = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    data.setUint32(i * 4, word, true);
  });
  return bytes;
}
