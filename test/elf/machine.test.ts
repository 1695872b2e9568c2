import test from 'ava';
import {qemuTargets} from '../../src/binfmt/targets.js';
import {PT} from '../../src/elf/constants.js';
import {describeMachine, isQemuTarget, machineOf} from '../../src/elf/machine.js';
import {fixtureBytes, fixtures} from '../helpers/fixtures.js';
import {readelfHeader} from '../helpers/readelf.js';
import {elfHeader} from '../helpers/synthetic.js';
import {tempFile} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';

for (const {name, machine, debianArchitecture, command} of fixtures) {
  test(`${name}: runs on ${debianArchitecture}, is emulated by qemu's ${machine} target`, (t) => {
    const found = machineOf(viewBuffer(fixtureBytes(name)));
    t.is(found.name, machine);
    t.deepEqual(found.debianArchitectures, [debianArchitecture]);
    if (command[0] !== undefined) t.is(`qemu-${found.qemuTarget}`, command[0]);
  });

  test(`${name}: no LOAD is aligned to more than the machine's largest page`, (t) => {
    const view = viewBuffer(fixtureBytes(name));
    const loads = view.programHeaders.filter((phdr) => phdr.p_type === PT.PT_LOAD);
    t.true(loads.every((phdr) => phdr.p_align <= machineOf(view).maxPageSize));
  });
}

const soft = 0x500_0200;
const hard = 0x500_0400;
const n32 = 0x20;

/** e_machine, class, little endian, e_flags; our name; a part of readelf's; the Debian architectures. */
const machines: readonly (readonly [number, 32 | 64, boolean, number, string, string, readonly string[]])[] =
  [
    [2, 32, false, 0, 'sparc', 'Sparc', ['sparc']],
    [3, 32, true, 0, 'i386', 'Intel 80386', ['i386']],
    [4, 32, false, 0, 'm68k', 'MC68000', ['m68k']],
    [8, 32, false, 0, 'mips', 'MIPS R3000', ['mips']],
    [8, 32, true, 0, 'mipsel', 'MIPS R3000', ['mipsel']],
    [8, 32, false, n32, 'mipsn32', 'MIPS R3000', ['mipsn32']],
    [8, 32, true, n32, 'mipsn32el', 'MIPS R3000', ['mipsn32el']],
    [8, 64, false, 0, 'mips64', 'MIPS R3000', ['mips64']],
    [8, 64, true, 0, 'mips64el', 'MIPS R3000', ['mips64el']],
    [15, 32, false, 0, 'hppa', 'HPPA', ['hppa']],
    [18, 32, false, 0, 'sparc32plus', 'Sparc v8+', ['sparc']],
    [20, 32, false, 0, 'ppc', 'PowerPC', ['powerpc']],
    [21, 64, false, 0, 'ppc64', 'PowerPC64', ['ppc64']],
    [21, 64, true, 0, 'ppc64le', 'PowerPC64', ['ppc64el']],
    [22, 64, false, 0, 's390x', 'IBM S/390', ['s390x']],
    [22, 32, false, 0, 's390', 'IBM S/390', []],
    [40, 32, true, soft, 'arm', 'ARM', ['armel']],
    [40, 32, true, hard, 'arm', 'ARM', ['armhf']],
    [40, 32, true, 0x500_0000, 'arm', 'ARM', ['armel', 'armhf']],
    [40, 32, false, soft, 'armeb', 'ARM', []],
    [42, 32, true, 0, 'sh4', 'SuperH', ['sh4']],
    [42, 32, false, 0, 'sh4eb', 'SuperH', []],
    [43, 64, false, 0, 'sparc64', 'Sparc v9', ['sparc64']],
    [50, 64, true, 0, 'ia64', 'IA-64', ['ia64']],
    [62, 64, true, 0, 'x86_64', 'X86-64', ['amd64']],
    [62, 32, true, 0, 'x32', 'X86-64', ['x32']],
    [76, 32, true, 0, 'cris', 'Axis', []],
    [92, 32, false, 0, 'or1k', 'OpenRISC', []],
    [94, 32, true, 0, 'xtensa', 'Xtensa', []],
    [94, 32, false, 0, 'xtensaeb', 'Xtensa', []],
    [164, 32, true, 0, 'hexagon', 'DSP6', []],
    [183, 64, true, 0, 'aarch64', 'AArch64', ['arm64']],
    [183, 64, false, 0, 'aarch64_be', 'AArch64', []],
    [243, 32, true, 0, 'riscv32', 'RISC-V', ['riscv32']],
    [243, 64, true, 0, 'riscv64', 'RISC-V', ['riscv64']],
    [252, 32, true, 0, 'csky', 'C-SKY', []],
    [258, 64, true, 0, 'loongarch64', 'LoongArch', ['loong64']],
    [36902, 64, true, 0, 'alpha', 'Alpha', ['alpha']],
    [47787, 32, false, 0, 'microblaze', 'MicroBlaze', []],
    [47787, 32, true, 0, 'microblazeel', 'MicroBlaze', []],
  ];

for (const [e_machine, elfClass, littleEndian, e_flags, name, theirs, debian] of machines) {
  test(
    `e_machine ${e_machine}, ${elfClass}-bit, flags ${e_flags.toString(16)}: ${name}, which readelf calls ${theirs}`,
    withTools((t) => {
      const bytes = elfHeader({elfClass, littleEndian}, {e_machine, e_flags});
      const found = machineOf(viewBuffer(bytes));
      t.is(found.name, name);
      t.deepEqual(found.debianArchitectures, debian);
      const header = readelfHeader(tempFile(t, bytes));
      t.true(header.machine.toLowerCase().includes(theirs.toLowerCase()), header.machine);
      t.is(found.maxPageSize & (found.maxPageSize - 1), 0);
    }),
  );
}

/** Ports that dpkg does not know under the name that qemu and we use. */
const unknownToDpkg = new Set(['mipsn32', 'mipsn32el', 'mips64', 'loong64', 'riscv32']);

test(
  'each Debian architecture has the word size and byte order that dpkg-architecture says',
  withTools((t) => {
    for (const [, elfClass, littleEndian, , , , debian] of machines) {
      for (const architecture of debian.filter((name) => !unknownToDpkg.has(name))) {
        const text = output('dpkg-architecture', ['-f', `-a${architecture}`, '-A', architecture]);
        t.is(/DEB_TARGET_ARCH_BITS=(.*)/.exec(text)?.[1], `${elfClass}`, architecture);
        t.is(/DEB_TARGET_ARCH_ENDIAN=(.*)/.exec(text)?.[1], littleEndian ? 'little' : 'big', architecture);
      }
    }
  }),
);

test('a machine that nobody knows has a name with its number, and the largest usual page', (t) => {
  const facts = {elfClass: 64, littleEndian: true, e_flags: 0} as const;
  t.deepEqual(describeMachine({...facts, e_machine: 0xfefe}), {
    name: 'machine 0xfefe',
    maxPageSize: 0x10000,
    qemuTarget: undefined,
    debianArchitectures: [],
  });
  t.is(
    describeMachine({...facts, e_machine: 20}).name,
    'machine 0x14',
    'little-endian 32-bit PowerPC is nobody’s',
  );
});

test("a target of qemu-user is known by its name, and QEMU's tools are none", (t) => {
  for (const {name} of qemuTargets) t.true(isQemuTarget(name), name);
  for (const name of ['', 'img', 'nbd', 'io', 'ga', 'edid', 'keymap', 'kvm', 'system-arm', 'toString'])
    t.false(isQemuTarget(name), name);
});
