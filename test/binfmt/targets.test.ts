import {readFileSync} from 'node:fs';
import test from 'ava';
import {
  isHarmfulTarget,
  isNativeTarget,
  qemuTargets,
  targetByName,
  targetOfFile,
  targetsForDebianArchitecture,
} from '../../src/binfmt/targets.js';
import {tinyGuest} from '../../src/binfmt/tiny-guest.js';
import {describeMachine} from '../../src/elf/machine.js';

const rows = readFileSync('test/binfmt/targets.tsv', 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line) => line.split('\t'));

const escaped = (bytes: Uint8Array | undefined) =>
  [...(bytes ?? [])].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

test('all 35 targets are there, in the order of the reference table', (t) => {
  t.is(rows.length, 35);
  t.deepEqual(
    qemuTargets.map(({name}) => name),
    rows.map(([name]) => name ?? ''),
  );
});

for (const [name = '', family = '', debian = '', magic = '', mask = ''] of rows) {
  test(`${name}: family, Debian architectures, magic and mask are those of the reference table`, (t) => {
    const target = targetByName(name);
    t.is(target?.family, family);
    t.deepEqual(target?.debianArchitectures, debian === '-' ? [] : debian.split(','));
    t.is(escaped(target?.magic), magic);
    t.is(escaped(target?.mask), mask);
  });
}

test("no target matches another target's magic", (t) => {
  for (const {name, magic} of qemuTargets) t.is(targetOfFile(magic)?.name, name);
});

test('one emulator for armel and armhf, two for sparc, none for x32', (t) => {
  const names = (architecture: string) => targetsForDebianArchitecture(architecture).map(({name}) => name);
  t.deepEqual(names('armel'), ['arm']);
  t.deepEqual(names('armhf'), ['arm']);
  t.deepEqual(names('sparc'), ['sparc', 'sparc32plus']);
  t.deepEqual(names('x32'), []);
});

test('x32 programs and files that are too short match nothing', (t) => {
  const x32 = Uint8Array.from(targetByName('x86_64')?.magic ?? []);
  x32[4] = 1;
  t.is(targetOfFile(x32), undefined);
  t.is(targetOfFile(new Uint8Array(0)), undefined);
  t.is(targetOfFile(targetByName('arm')?.magic.subarray(0, 18) ?? x32), undefined);
});

test('a static PIE of the System V kind and an executable of the Linux kind match alike', (t) => {
  const head = Uint8Array.from(targetByName('arm')?.magic ?? []);
  head[7] = 3;
  head[16] = 3;
  t.is(targetOfFile(head)?.name, 'arm');
});

test('the machine itself counts as native with its 32-bit and 64-bit sides', (t) => {
  const native = (architecture: string) =>
    qemuTargets.filter((target) => isNativeTarget(target, architecture)).map(({name}) => name);
  t.deepEqual(native('x64'), ['i386', 'i486', 'x86_64']);
  t.deepEqual(native('arm64'), ['arm', 'aarch64']);
  t.deepEqual(native('riscv64'), ['riscv64']);
  t.deepEqual(native('mips'), ['mips', 'mipsn32', 'mips64']);
  t.deepEqual(native('mipsel'), ['mipsel', 'mipsn32el', 'mips64el']);
});

test("what would catch the machine's own programs is harmful, 32-bit ARM on a 64-bit one is not", (t) => {
  const harmful = (architecture: string) =>
    qemuTargets.filter((target) => isHarmfulTarget(target, architecture)).map(({name}) => name);
  t.deepEqual(harmful('x64'), ['i386', 'i486', 'x86_64']);
  t.deepEqual(harmful('arm64'), ['aarch64']);
  t.deepEqual(harmful('arm'), ['arm', 'aarch64']);
});

test('what is said of a machine and what is said of its target agree, and each has a program to try', (t) => {
  for (const target of qemuTargets) {
    const {name, debianArchitectures, ...format} = target;
    // EF_MIPS_ABI2, and the ABI that binfmt_misc cannot tell apart.
    const e_flags = name.startsWith('mipsn32') ? 0x20 : 0;
    const machine = describeMachine({...format, e_flags});
    t.is(machine.qemuTarget, name);
    for (const architecture of machine.debianArchitectures)
      t.true(debianArchitectures.includes(architecture), architecture);
    t.is(targetOfFile(tinyGuest(target) ?? new Uint8Array()), target);
  }
});
