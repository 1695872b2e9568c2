import {copyFileSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {ET} from '../../src/elf/constants.js';
import {openElfSync} from '../../src/elf/open.js';
import {unpack} from '../../src/pack/unpack.js';
import {elfinterp} from '../helpers/cli.js';
import {tempDirectory, tempFile} from '../helpers/temp.js';
import {output, pathOf, run, withTools} from '../helpers/tools.js';
import {compileTorture, crossRoot, elflintFindsNothing, pack, runInEmptyRoot, sourceFile} from './packing.js';

const fixedAddress = true;
const baseOfX86 = '566000000000';

/** The loader's own count of the remaining relocations of a kind. */
function countLeft(file: string, kind: string): number {
  const {stderr} = run(file, ['--version'], {env: {'LD%DEBUG': 'statistics'}});
  return Number(new RegExp(`${kind}: (\\d+)`).exec(stderr)?.[1] ?? Number.NaN);
}

for (const program of ['/usr/bin/xz', '/usr/bin/bash', '/usr/bin/curl', '/usr/bin/python3', '/usr/bin/gdb']) {
  test(
    `${path.basename(program)} runs at fixed addresses in an empty root, and no relative relocation is left to the loader`,
    withTools(async (t) => {
      const {output: file} = await pack(t, program, {fixedAddress});
      const {stdout, stderr} = runInEmptyRoot(t, file, ['--version']);
      // The Python in gdb looks for its library, which is data.
      if (program.endsWith('gdb')) t.regex(stdout + stderr, /^(?:GNU gdb|Python not initialized)/m);
      else t.is(stdout, output(program, ['--version']), stderr);
      t.is(countLeft(file, 'number of relative relocations'), 0);
      t.true(countLeft(file, 'number of relocations') > 0, 'symbols are the loader’s');
    }),
  );
}

for (const flags of [
  [],
  ['-no-pie'],
  ['-Wl,-z,now'],
  ['-Wl,-z,noseparate-code'],
  ['-Wl,-z,pack-relative-relocs'],
  ['-fuse-ld=lld'],
]) {
  test(
    `exceptions, threads, TLS, plugins, dlmopen work at fixed addresses ${flags}`,
    withTools(async (t) => {
      const {directory, program} = compileTorture(t, flags);
      for (const closed of [true, false]) {
        const libraries = ['libplugin.so'];
        const {output: file} = await pack(t, program, {
          libraryPath: directory,
          libraries,
          closed,
          fixedAddress,
        });
        const wanted = {status: 0, signal: null, stdout: 'ok\ndestroyed\n', stderr: ''};
        t.deepEqual(runInEmptyRoot(t, file), wanted);
        t.deepEqual(run(file, []), wanted);
      }
    }),
  );
}

test(
  'an emulator is at fixed addresses unless that is turned off, and runs a program where nothing else is',
  withTools(async (t) => {
    const source = tempFile(t, '#include <stdio.h>\nint main(void){puts("hello from ARM");}\n', 'hello.c');
    const hello = path.join(tempDirectory(t), 'hello');
    output('arm-linux-gnueabihf-gcc', ['-static', '-o', hello, source]);
    for (const options of [{}, {fixedAddress: false}]) {
      const {output: file, contents} = await pack(t, pathOf('qemu-arm'), options);
      const isFixed = options.fixedAddress !== false;
      t.is(contents?.fixedAddress, isFixed ? true : undefined);
      t.is(openElfSync(file).view.header.e_type, isFixed ? ET.ET_EXEC : ET.ET_DYN);
      t.is(runInEmptyRoot(t, hello, [], {}, [file]).stdout, 'hello from ARM\n');
    }
    t.is((await pack(t, '/usr/bin/xz')).contents?.fixedAddress, undefined, 'other programs keep ASLR');
  }),
);

test(
  'an emulator at fixed addresses leaves guests the addresses that they are linked to',
  withTools(async (t) => {
    const source = tempFile(
      t,
      '#include <stdio.h>\nint main(void){printf("%p\\n", (void *)main);}\n',
      'at.c',
    );
    const {output: file} = await pack(t, pathOf('qemu-aarch64'));
    const guest = path.join(tempDirectory(t), 'guest');
    for (const [flags, address] of [
      [['-static', '-Wl,-Ttext-segment=0x400000'], /^0x4\w{5}\n/],
      [['-static', '-Wl,-Ttext-segment=0x300000000'], /^0x3000\w{5}\n/],
      [['-pie'], /^0x55\w{8}\n/],
    ] as const) {
      output('aarch64-linux-gnu-gcc', [...flags, '-o', guest, source]);
      const words = ['-L', '/usr/aarch64-linux-gnu', guest];
      t.regex(output(file, words), address);
      t.is(output(file, words), output('qemu-aarch64', words));
    }
  }),
);

/** A program that prints where it, its C library and its stack are. */
function compileWhere(t: ExecutionContext, ...flags: string[]): string {
  const text =
    '#include <stdio.h>\nint main(void){char c; printf("%p %p\\n%p\\n", (void *)main, (void *)puts, (void *)&c);}\n';
  const file = path.join(tempDirectory(t), 'where');
  output('gcc', [...flags, '-fPIC', '-o', file, tempFile(t, text, 'where.c')]);
  return file;
}

test(
  'program and libraries are always at the addresses chosen when it was packed; the stack is not',
  withTools(async (t) => {
    const {output: file} = await pack(t, compileWhere(t, '-pie'), {fixedAddress});
    const runs = Array.from({length: 5}, () => output(file, []).split('\n'));
    t.is(new Set(runs.map(([own]) => own)).size, 1);
    t.regex(runs[0]?.[0] ?? '', new RegExp(`^0x${baseOfX86.slice(0, 6)}\\w{6} 0x${baseOfX86.slice(0, 6)}`));
    t.true(new Set(runs.map(([, stack]) => stack)).size > 1);
    const unmoved = await pack(t, compileWhere(t, '-no-pie'), {fixedAddress});
    t.regex(output(unmoved.output, []), /^0x4\w{5} 0x\w{6} *\n/, 'what is not PIE stays where it is');
  }),
);

test(
  'a program is at fixed addresses, too, when only its loader is packed: of glibc or musl',
  withTools(async (t) => {
    const source = tempFile(
      t,
      '#include <stdio.h>\nint main(void){printf("%p\\n", (void *)main);}\n',
      'at.c',
    );
    for (const compiler of ['gcc', 'musl-gcc']) {
      const file = path.join(tempDirectory(t), 'at');
      output(compiler, ['-fPIE', '-pie', '-o', file, source]);
      const {output: packed, contents} = await pack(t, file, {loaderOnly: compiler === 'gcc', fixedAddress});
      t.deepEqual(
        contents?.parts.map(({role}) => role),
        ['program', 'loader'],
      );
      t.regex(output(packed, []), new RegExp(`^0x${baseOfX86.slice(0, 8)}\\w{4}\n$`), compiler);
    }
  }),
);

test(
  'neither a small or a large stack limit nor the order of mappings is in the way',
  withTools(async (t) => {
    const {output: file} = await pack(t, '/usr/bin/xz', {fixedAddress});
    const wanted = output('/usr/bin/xz', ['--version']);
    t.is(output('prlimit', ['--stack=unlimited', file, '--version']), wanted);
    t.is(output('prlimit', ['--stack=65536', file, '--version']), wanted);
    t.is(output('setarch', ['-R', '-L', file, '--version']), wanted);
    t.is(output('qemu-x86_64', [file, '--version']), wanted);
  }),
);

test(
  'no library is opened, moved or copied at fixed addresses',
  withTools(async (t) => {
    const {output: file} = await pack(t, '/usr/bin/xz', {fixedAddress, closed: true});
    const {status, stderr} = run('strace', [
      '-f',
      '-e',
      'trace=open,openat,stat,newfstatat,mmap,mremap,read',
      file,
      '--version',
    ]);
    t.is(status, 0);
    t.deepEqual(
      stderr.split('\n').filter((line) => /\.so|ld-linux|mremap/.test(line)),
      [],
    );
  }),
);

function isSame(one: string, other: string): boolean {
  return readFileSync(one).equals(readFileSync(other));
}

test(
  'unpack gives every part back byte by byte, and packing that gives the same file',
  withTools(async (t) => {
    for (const program of ['/usr/bin/xz', pathOf('qemu-arm')]) {
      const {output: file, contents} = await pack(t, program, {recordSources: true, fixedAddress});
      const into = tempDirectory(t);
      await unpack(file, {into});
      t.true(contents?.parts.some(({rest}) => rest !== undefined));
      for (const {names, source} of contents?.parts ?? [])
        t.true(isSame(path.join(into, names[0] ?? ''), source ?? ''), names[0]);
      const own = path.join(into, path.basename(program));
      const again = await pack(t, own, {libraryPath: into, fixedAddress});
      const first = await pack(t, program, {fixedAddress});
      t.true(isSame(again.output, first.output));
    }
  }),
);

test(
  'show, its map and check tell of a file at fixed addresses',
  withTools(async (t) => {
    const {output: file} = await pack(t, '/usr/bin/xz', {fixedAddress});
    const {stdout} = elfinterp(['show', file]);
    t.regex(stdout, /at fixed addresses, relocated: ASLR does not move program and libraries/);
    t.regex(stdout, /hardening +not PIE/);
    t.regex(stdout, /= liblzma\.so\.5, read-only data\n.*w liblzma\.so\.5, relocated, writable data\n/);
    t.regex(stdout, /: liblzma\.so\.5, the rest as it was, not loaded/);
    t.is(elfinterp(['check', file]).status, 0);
    t.is(run('readelf', ['-lhW', file]).stderr, '');
    t.regex(run('eu-elflint', ['--gnu-ld', file]).stdout, elflintFindsNothing);
    t.regex(elfinterp(['tree', file]).stdout, /liblzma\.so\.5/);
  }),
);

test(
  'what cannot be laid out in the file is relocated by the loader: large alignment, text relocations',
  withTools(async (t) => {
    const directory = tempDirectory(t);
    const source = path.join(directory, 'lib.s');
    writeFileSync(
      source,
      '.globl odd\n.type odd,@function\nodd: movabs $value,%rax\n mov (%rax),%eax\n ret\n.globl value\n.data\n.type value,@object\n.size value,4\nvalue: .long 42\n.quad value\n.section .note.GNU-stack,""\n',
    );
    const main = tempFile(
      t,
      '#include <stdio.h>\nint odd(void);\nint main(void){printf("%d\\n", odd());}\n',
      'm.c',
    );
    for (const flags of [
      ['-Wl,-z,notext'],
      ['-Wl,-z,notext', '-Wl,-Bsymbolic'],
      ['-Wl,-z,notext', '-Wl,-z,max-page-size=0x200000'],
    ]) {
      output('gcc', ['-shared', ...flags, '-o', path.join(directory, 'libodd.so'), source]);
      const file = path.join(directory, 'main');
      output('gcc', ['-o', file, main, `-L${directory}`, '-lodd']);
      const {output: packed} = await pack(t, file, {libraryPath: directory, fixedAddress});
      t.deepEqual(runInEmptyRoot(t, packed), {status: 0, signal: null, stdout: '42\n', stderr: ''});
    }
  }),
);

test(
  'an aarch64 program at fixed addresses works under qemu: with pages of 4 and 64 KiB, and with 36 bits of addresses',
  withTools(async (t) => {
    const root = crossRoot(t, sourceFile('opens-plugin.c'), ['libc.so.6', 'libm.so.6']);
    const plugin = path.join(root, 'lib/libplugin.so');
    output('aarch64-linux-gnu-gcc', ['-shared', '-fPIC', '-o', plugin, sourceFile('plugin.c')]);
    const options = {root, libraries: ['libplugin.so'], closed: true, fixedAddress};
    const {output: file} = await pack(t, '/bin/program', options);
    t.regex(output('qemu-aarch64', ['-p', '4096', file]), /^0\.54 0x3000\w{5}\n$/);
    t.regex(output('qemu-aarch64', ['-p', '65536', file]), /^0\.54 0x3000\w{5}\n$/);
    const small = ['-R', '0x1000000000', '-E', 'ONCE=1'];
    t.regex(output('qemu-aarch64', [...small, file]), /^0\.54 0x3000\w{5}\n$/);
    const loader = output('readelf', ['-dW', path.join(root, 'lib/ld-linux-aarch64.so.1')]);
    // Debian 13's loader has DT_RELR instead.
    const own = /RELACOUNT\) +(\d+)/.exec(loader)?.[1] ?? '0';
    const {stderr} = run('qemu-aarch64', ['-E', 'LD%DEBUG=statistics', file]);
    t.regex(stderr, new RegExp(`relative relocations: ${own}\n`), 'those of the loader itself');
  }),
);

test('only an emulator is closed and at fixed addresses by itself, and no other program called qemu-something', async (t) => {
  for (const [name, emulates] of [
    ['qemu-arm', true],
    ['qemu-aarch64_be', true],
    ['qemu-img', false],
    ['qemu-system-arm', false],
  ] as const) {
    const program = path.join(tempDirectory(t), name);
    copyFileSync('/usr/bin/xz', program);
    const {contents} = await pack(t, program, {dryRun: true});
    t.is(contents?.closed, emulates, name);
    t.is(contents?.fixedAddress, emulates ? true : undefined, name);
  }
});
