/*
 * The places in glibc's loader where it enters the kernel to open and map files, found by what the code does.
 *
 * On x86-64 each wrapper sets eax, executes `syscall` and compares the result with -4096. `syscall` and the comparison
 * together are long enough for a jump. On aarch64 `svc #0` is as long as a branch, and the number is in x8.
 *
 * Loaders differ in the wrappers they have: fstat and newfstatat come and go, stat was there until 2.32. `required`
 * lists what every loader must have; if one is missing, nothing is packed, because a library would be opened by a call
 * that bypasses the handler.
 */
import {EM, PF, PT} from '../elf/constants.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';

/** One place that enters the kernel. */
export interface CallSite {
  /** The system call, as in "openat". */
  readonly call: string;
  /** Offset in the loader's file. */
  readonly offset: number;
  readonly address: bigint;
  /** Number of bytes that are replaced by a jump. */
  readonly length: number;
  /** Those of the replaced instructions that must run after the call. */
  readonly after: Uint8Array;
}

type Numbers = ReadonlyMap<number, string>;

const x86Numbers: Numbers = new Map([
  [0, 'read'],
  [3, 'close'],
  [4, 'stat'],
  [5, 'fstat'],
  [6, 'lstat'],
  [9, 'mmap'],
  [17, 'pread64'],
  [257, 'openat'],
  [262, 'newfstatat'],
]);

const armNumbers: Numbers = new Map([
  [56, 'openat'],
  [57, 'close'],
  [63, 'read'],
  [67, 'pread64'],
  [79, 'newfstatat'],
  [80, 'fstat'],
  [222, 'mmap'],
]);

/** One of each group. */
const required: readonly (readonly string[])[] = [
  ['openat'],
  ['read'],
  ['pread64'],
  ['fstat', 'newfstatat'],
  ['mmap'],
  ['close'],
];

/** A number is never further away than this from the instruction that uses it. */
const mostBytesBefore = 20;
const mostInstructionsBefore = 15;

/**
 * Find the system calls of glibc's loader that open and map files.
 *
 * @throws ElfError UNSUPPORTED naming the call that was not found, or that is made in an unknown way
 */
export function findCalls(loader: ElfView): CallSite[] {
  const find = loader.header.e_machine === EM.EM_AARCH64 ? findArmCalls : findX86Calls;
  const sites = loader
    .segments(PT.PT_LOAD)
    .filter(({p_flags}) => (p_flags & PF.PF_X) !== 0)
    .flatMap(({p_offset, p_filesz, p_vaddr}) =>
      find(loader.source.read(p_offset, p_filesz), loader.path).map((site) => ({
        ...site,
        offset: p_offset + site.offset,
        address: p_vaddr + BigInt(site.offset),
      })),
    );
  const missing = required.find((names) => !sites.some(({call}) => names.includes(call)));
  if (missing !== undefined) {
    throw new ElfError('UNSUPPORTED', `the system call ${missing.join(' or ')} was not found in the loader`, {
      path: loader.path,
      expected: 'the loader of glibc 2.28 or later',
      value: missing[0],
    });
  }
  return sites;
}

type Found = Omit<CallSite, 'address'>;

/**
 * Calls that glibc also makes in other ways, which do not matter here: anonymous maps, closing without checking the
 * result.
 */
const elsewhereToo: ReadonlySet<string> = new Set(['mmap', 'close']);

/** cmp $-4096,%rax and cmp $-4096,%eax. */
const comparisons: readonly (readonly number[])[] = [
  [0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff],
  [0x3d, 0x00, 0xf0, 0xff, 0xff],
];

function findX86Calls(code: Uint8Array, path: string | undefined): Found[] {
  const sites: Found[] = [];
  for (let at = code.indexOf(0x0f); at >= 0; at = code.indexOf(0x0f, at + 1)) {
    if (code[at + 1] !== 0x05) continue;
    const call = x86Numbers.get(x86NumberBefore(code, at) ?? -1);
    if (call === undefined) continue;
    const comparison = comparisons.find((bytes) => bytes.every((byte, i) => code[at + 2 + i] === byte));
    if (comparison !== undefined) {
      const after = Uint8Array.from(comparison);
      sites.push({call, offset: at, length: 2 + after.length, after});
    } else if (!elsewhereToo.has(call)) {
      throw unknownCode(call, at, path);
    }
  }
  return sites;
}

/** The value of eax: `mov $N,%eax`, or `xor %eax,%eax`; the one next to the call counts. */
function x86NumberBefore(code: Uint8Array, at: number): number | undefined {
  for (let i = at - 2; i >= Math.max(0, at - mostBytesBefore); i--) {
    if (code[i] === 0x31 && code[i + 1] === 0xc0) return 0;
    const isMove = code[i] === 0xb8 && i + 5 <= at && code[i + 3] === 0 && code[i + 4] === 0;
    if (isMove) return (code[i + 1] ?? 0) | ((code[i + 2] ?? 0) << 8);
  }
  return undefined;
}

const svc = 0xd4000001;

function findArmCalls(code: Uint8Array): Found[] {
  const data = new DataView(code.buffer, code.byteOffset, code.length);
  const sites: Found[] = [];
  for (let at = 0; at + 4 <= code.length; at += 4) {
    if (data.getUint32(at, true) !== svc) continue;
    const call = armNumbers.get(armNumberBefore(data, at) ?? -1);
    if (call !== undefined) sites.push({call, offset: at, length: 4, after: new Uint8Array()});
  }
  return sites;
}

/** The value of x8: `mov x8, #N` or `mov w8, #N`. */
function armNumberBefore(data: DataView, at: number): number | undefined {
  for (let i = at - 4; i >= Math.max(0, at - 4 * mostInstructionsBefore); i -= 4) {
    const word = data.getUint32(i, true);
    if ((word & 0x7fe0001f) === 0x52800008) return (word >>> 5) & 0xffff;
  }
  return undefined;
}

function unknownCode(call: string, offset: number, path: string | undefined): ElfError {
  return new ElfError('UNSUPPORTED', `unrecognized code at the loader's system call ${call}`, {
    path,
    expected: 'a comparison of the result with -4096 after it',
    value: call,
    got: `other code at 0x${offset.toString(16)}`,
  });
}
