/*
 * The smallest program of each qemu-user target: it exits with a status of its own. An entry that reads back as it was
 * written may still lead to an emulator that cannot start, which the kernel does not report; running one of these
 * programs shows it.
 *
 * A file is an ELF header, one program header and the machine code of `exit(23)`, all in one segment. The system call
 * number is Linux's for the architecture, in the register that its ABI requires. 23 fits the immediate operand of every
 * instruction below.
 */
import {ET, PF, PT} from '../elf/constants.js';
import {Ehdr, EI_NIDENT, Ident, Phdr} from '../elf/records.js';
import type {QemuTarget} from './targets.js';

/** The status that a tiny guest exits with. */
export const guestStatus = 23;

interface Code {
  /** In hexadecimal, the highest byte of each unit first. */
  readonly units: readonly string[];
  /** Whether the bytes of a unit are in the byte order of the machine. */
  readonly ordered: boolean;
}

const bytes = (text: string): Code => ({units: [text.replaceAll(' ', '')], ordered: false});
/** Instructions of 16 or 32 bits. */
const units = (text: string): Code => ({units: text.split(' '), ordered: true});

const arm = units('e3a00017 e3a07001 ef000000'); // mov r0, #23; mov r7, #1; svc 0
const aarch64 = bytes('e00280d2 a80b80d2 010000d4'); // mov x0, #23; mov x8, #93; svc 0: little-endian in either order
const i386 = bytes('b801000000 bb17000000 cd80'); // mov eax, 1; mov ebx, 23; int 0x80
const ppc = units('38000001 38600017 44000002'); // li r0, 1; li r3, 23; sc
const o32 = units('24020fa1 24040017 0000000c'); // li v0, 4001; li a0, 23; syscall
const n32 = units('240217aa 24040017 0000000c'); // 6058
const n64 = units('240213c2 24040017 0000000c'); // 5058
const sh = units('e301 e417 c311'); // mov #1, r3; mov #23, r4; trapa #0x11
const sparc = units('82102001 90102017 91d02010'); // mov 1, %g1; mov 23, %o0; ta 0x10
const riscv = units('01700513 05d00893 00000073'); // li a0, 23; li a7, 93; ecall
const microblaze = units('31800001 30a00017 b9cc0008'); // addik r12, r0, 1; addik r5, r0, 23; brki r14, 8

const codes: Readonly<Record<string, Code>> = {
  i386,
  i486: i386,
  x86_64: bytes('bf17000000 b83c000000 0f05'), // mov edi, 23; mov eax, 60; syscall
  alpha: units('221f0017 201f0001 00000083'), // lda a0, 23; lda v0, 1; callsys
  arm,
  armeb: arm,
  aarch64,
  aarch64_be: aarch64,
  sparc,
  sparc32plus: sparc,
  sparc64: units('82102001 90102017 91d0206d'), // ta 0x6d
  ppc,
  ppc64: ppc,
  ppc64le: ppc,
  m68k: units('7217 7001 4e40'), // moveq #23, d1; moveq #1, d0; trap #0
  mips: o32,
  mipsel: o32,
  mipsn32: n32,
  mipsn32el: n32,
  mips64: n64,
  mips64el: n64,
  sh4: sh,
  sh4eb: sh,
  s390x: units('a729 0017 0a01'), // lghi %r2, 23; svc 1
  hppa: units('341a002e e4008200 34140002'), // ldi 23, %r26; ble 0x100(%sr2, %r0); ldi 1, %r20, in the delay slot
  riscv32: riscv,
  riscv64: riscv,
  xtensa: bytes('22a076 62a017 005000'), // movi a2, 118; movi a6, 23; syscall
  xtensaeb: bytes('220a76 260a17 000500'),
  microblaze,
  microblazeel: microblaze,
  or1k: units('a960005d a8600017 20000001'), // l.ori r11, r0, 93; l.ori r3, r0, 23; l.sys 1
  hexagon: units('7800c2e0 7800cba6 5400c004'), // r0 = #23; r6 = #93; trap0(#1)
  loongarch64: units('03805c04 0381740b 002b0000'), // ori a0, zero, 23; ori a7, zero, 93; syscall 0
  cris: units('9241 a257 e93d'), // moveq 1, r9; moveq 23, r10; break 13
};

const address = 0x40_0000;
const pageSize = 0x1_0000;

/**
 * EF_MIPS_ABI2 marks n32; in ABI 2 of PPC64, e_entry is not the address of a function descriptor; Hexagon's flags name
 * the processor.
 */
const flags: Readonly<Record<string, number>> = {
  mipsn32: 0x20,
  mipsn32el: 0x20,
  ppc64: 2,
  ppc64le: 2,
  hexagon: 0x67,
};

/** Make the program that exits with `guestStatus`; undefined for a target whose code is not known here. */
export function tinyGuest(target: QemuTarget): Uint8Array | undefined {
  const code = codes[target.name];
  return code === undefined ? undefined : programOf(target, encode(code, target.littleEndian));
}

function programOf(target: QemuTarget, code: Uint8Array): Uint8Array {
  const {elfClass} = target;
  const [headers, entrySize] = [EI_NIDENT + Ehdr.size(elfClass), Phdr.size(elfClass)];
  const start = headers + entrySize;
  const size = start + code.length;
  const e_ident = new Uint8Array(EI_NIDENT);
  e_ident.set(target.magic.subarray(0, Ident.size(elfClass)));
  const ehdr = Ehdr.encode(
    {
      e_type: ET.ET_EXEC,
      e_machine: target.e_machine,
      e_version: 1,
      e_entry: BigInt(address + start),
      e_phoff: headers,
      e_shoff: 0,
      e_flags: flags[target.name] ?? 0,
      e_ehsize: headers,
      e_phentsize: entrySize,
      e_phnum: 1,
      e_shentsize: 0,
      e_shnum: 0,
      e_shstrndx: 0,
    },
    target,
  );
  const phdr = Phdr.encode(
    {
      p_type: PT.PT_LOAD,
      p_flags: PF.PF_R | PF.PF_X,
      p_offset: 0,
      p_vaddr: BigInt(address),
      p_paddr: BigInt(address),
      p_filesz: size,
      p_memsz: size,
      p_align: pageSize,
    },
    target,
  );
  return Uint8Array.from([...e_ident, ...ehdr, ...phdr, ...code]);
}

function encode({units, ordered}: Code, littleEndian: boolean): Uint8Array {
  const reversed = ordered && littleEndian;
  return Buffer.concat(
    units.map((unit) => {
      const code = Buffer.from(unit, 'hex');
      return reversed ? code.reverse() : code;
    }),
  );
}
