/*
 * Dynamic symbols renamed, and their versions cleared. A library and a program that are renamed alike must still
 * find one another: through DT_HASH, DT_GNU_HASH and MIPS's DT_MIPS_XHASH, natively and under qemu-user.
 */
import {copyFileSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {Sym} from '../../../src/elf/records.js';
import {dynamicSymbolTable} from '../../../src/elf/symbols.js';
import {applyPlanSync, checkElf, openElfBuffer, openElfSync, planEdit} from '../../../src/index.js';
import {complaintsSince, runBeside} from '../../helpers/edited.js';
import {edit, planFor, programFile} from '../../helpers/edits.js';
import {fixture, fixtureBytes, type ToolchainName, toolchains} from '../../helpers/fixtures.js';
import {newComplaints} from '../../helpers/readelf.js';
import {tempDirectory} from '../../helpers/temp.js';
import {output, run, withTools} from '../../helpers/tools.js';

const names = {
  alpha: 'theta_that_is_longer',
  theta: 'alpha',
  beta: 'b',
  gamma_data: 'g',
  delta_bss: 'delta_bss_renamed_as_well',
};

/** For files without room for longer ones. */
const shortNames = {alpha: 'theta', theta: 'alpha', beta: 'b', gamma_data: 'g', delta_bss: 'd'};

const librarySource = `
int alpha(void) { return 1; } int beta(void) { return 2; } int gamma_data = 3; int delta_bss;
int epsilon(void) { return alpha() + gamma_data + delta_bss; } int zeta(void) { return 6; }
int theta(void) { return epsilon() + beta(); }
`;
const programSource = `
#include <stdio.h>
int alpha(void), beta(void), epsilon(void), zeta(void), theta(void); extern int gamma_data, delta_bss;
int main(void) { delta_bss = 100;
  printf("%d %d %d %d %d %d\\n", alpha(), beta(), gamma_data, epsilon(), zeta(), theta()); return 0; }
`;

const compilers: readonly (readonly [ToolchainName, string, string])[] = [
  ['x86_64', 'gcc', 'gnu'],
  ['x86_64', 'gcc', 'sysv'],
  ['x86_64', 'gcc', 'both'],
  ['i386', 'i686-linux-gnu-gcc', 'both'],
  ['armel', 'arm-linux-gnueabi-gcc', 'gnu'],
  ['aarch64', 'aarch64-linux-gnu-gcc', 'gnu'],
  ['riscv64', 'riscv64-linux-gnu-gcc', 'both'],
  ['ppc64', 'powerpc64-linux-gnu-gcc', 'gnu'],
  ['s390x', 's390x-linux-gnu-gcc', 'both'],
  ['mips64el', 'mips64el-linux-gnuabi64-gcc', 'sysv'],
  ['mips64el', 'mips64el-linux-gnuabi64-gcc', 'gnu'],
];

for (const [toolchain, compiler, style] of compilers) {
  test(
    `${toolchain}, hash style ${style}: renamed library and program find one another`,
    withTools((t) => {
      const directory = tempDirectory(t);
      const at = (name: string) => path.join(directory, name);
      writeFileSync(at('lib.c'), librarySource);
      writeFileSync(at('main.c'), programSource);
      const hash = `-Wl,--hash-style=${style}`;
      output(compiler, [
        '-shared',
        '-fPIC',
        hash,
        '-Wl,-soname,libgreek.so',
        '-o',
        at('libgreek.so'),
        at('lib.c'),
      ]);
      output(compiler, [hash, '-o', at('main'), at('main.c'), at('libgreek.so')]);
      for (const file of ['libgreek.so', 'main']) {
        copyFileSync(at(file), at(`${file}.before`));
        rename(at(file), toolchain === 'mips64el' ? shortNames : names);
        t.deepEqual(newComplaints(at(`${file}.before`), at(file)), []);
        t.deepEqual(checkElf(openElfBuffer(readFileSync(at(file))).view), []);
      }
      const env = {LD_BIND_NOW: '1', LD_LIBRARY_PATH: directory};
      const [emulator, ...rest] = toolchains[toolchain].command;
      const start = (program: string) =>
        emulator === undefined ? run(program, [], {env}) : run(emulator, [...rest, program], {env});
      t.deepEqual(start(at('main')), {status: 0, signal: null, stdout: '1 2 3 104 6 106\n', stderr: ''});
      t.not(start(at('main.before')).status, 0, 'the old names are gone');
    }),
  );
}

function rename(file: string, renameSymbols: Readonly<Record<string, string>>): void {
  const {view, close} = openElfSync(file);
  const plan = planEdit(view, {renameSymbols});
  void close();
  applyPlanSync(file, plan);
}

for (const toolchain of ['x86_64', 'armhf', 's390x'] as const) {
  const user = fixture(`${toolchain}/needs-libprobe`);
  const library = fixture(`${toolchain}/libprobe.so.1`);

  test(
    `${toolchain}: versioned symbols keep their versions under new names`,
    withTools((t) => {
      const renames = {probe_answer: 'zz_the_answer_to_everything', probe_version: 'pv'};
      const renamed = edit(fixtureBytes(library.name), {renameSymbols: renames});
      const program = edit(fixtureBytes(user.name), {renameSymbols: renames});
      t.deepEqual(complaintsSince(t, library, renamed), []);
      const symbols = output('readelf', ['-W', '--dyn-syms', programFile(t, renamed)]);
      for (const name of ['zz_the_answer_to_everything@@PROBE_1', 'pv@PROBE_1', 'pv@@PROBE_2'])
        t.true(
          symbols.includes(` ${name}
`),
          name,
        );
      const copy = programFile(t, renamed);
      t.is(runBeside(t, user, program, {'libprobe.so.1': copy}).stdout, 'needs-libprobe: 83, version 2\n');
    }),
  );

  test(
    `${toolchain}: a symbol without a version binds to the oldest one, and a version nobody uses is not asked for`,
    withTools((t) => {
      const edited = edit(fixtureBytes(user.name), {clearSymbolVersions: ['probe_version']});
      const copy = programFile(t, edited);
      t.regex(output('readelf', ['-W', '--dyn-syms', copy]), / probe_version\n/);
      t.notRegex(output('readelf', ['-VW', copy]), /PROBE_2/);
      t.deepEqual(complaintsSince(t, user, edited), []);
      t.is(
        runBeside(t, user, edited, {'libprobe.so.1': library.path}).stdout,
        'needs-libprobe: 83, version 1\n',
      );
      t.is(planFor(edited, {clearSymbolVersions: ['probe_version']}).placement, 'none');
    }),
  );
}

test('names that are not there are passed over, and a name with a version in it is refused', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  t.is(planFor(bytes, {renameSymbols: {nobody: 'somebody'}}).placement, 'none');
  t.is(planFor(bytes, {clearSymbolVersions: ['nobody']}).placement, 'none');
  t.throws(() => planFor(bytes, {renameSymbols: {printf: 'printf@GLIBC_2.2.5'}}), {code: 'BAD_REQUEST'});
});

test('there and back again gives the same symbols', (t: ExecutionContext) => {
  const bytes = fixtureBytes('x86_64/libprobe.so.1');
  const there = edit(bytes, {renameSymbols: {probe_answer: 'q', probe_version: 'probe_answer'}});
  const back = edit(there, {renameSymbols: {q: 'probe_answer', probe_answer: 'probe_version'}});
  t.deepEqual(checkElf(openElfBuffer(back).view), []);
  const symbols = (content: Uint8Array) =>
    output('readelf', ['-W', '--dyn-syms', programFile(t, content)])
      .split('\n')
      .map((line) => line.slice(7))
      .sort();
  t.deepEqual(symbols(back), symbols(bytes));
});

test('a symbol with the number of a section that it is not in stays where it is when that moves', (t) => {
  // lld does so with __global_pointer$ of RISC-V.
  for (const name of ['x86_64/probe-lld-pie', 'riscv64/probe-pie']) {
    const bytes = fixtureBytes(name);
    const {view} = openElfBuffer(bytes);
    const {offset = 0, count = 0} = dynamicSymbolTable(view) ?? {};
    const size = Sym.size(64);
    const at = offset + (count - 1) * size;
    const section = view.sectionHeaders.findIndex((header) => view.sectionName(header) === '.interp');
    const symbol = Sym.decode(view.source.read(at, size), view.format);
    bytes.set(Sym.encode({...symbol, st_shndx: section, st_value: 0x10n}, view.format), at);
    const interpreter = `/${'i'.repeat(3000)}`;
    const after = openElfBuffer(
      edit(bytes, {interpreter, renameSymbols: {puts: 'puts_of_another_name'}}),
    ).view;
    t.not(after.sectionHeaders[section]?.sh_addr, view.sectionHeaders[section]?.sh_addr, name);
    const table = dynamicSymbolTable(after);
    const symbols = Sym.decodeAll(after.source.read(table?.offset ?? 0, count * size), after.format);
    t.true(
      symbols.some(({st_shndx, st_value}) => st_shndx === section && st_value === 0x10n),
      name,
    );
  }
});
