/*
 * Which edits a dynamic loader and a static-pie program may get depends on how they behave, which is tried here.
 */
import {copyFileSync, existsSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type {EditRequest} from '../../src/edit/request/request.js';
import {type ElfView, kindOf, openElfBuffer} from '../../src/index.js';
import {editFile} from '../helpers/edits.js';
import {fixture} from '../helpers/fixtures.js';
import {tempDirectory} from '../helpers/temp.js';
import {MissingTool, output, run, withTools} from '../helpers/tools.js';

const glibcLoader = '/lib64/ld-linux-x86-64.so.2';
const muslLoader = '/lib/ld-musl-x86_64.so.1';

function viewOf(file: string): ElfView {
  return openElfBuffer(readFileSync(file)).view;
}

const breaking: readonly EditRequest[] = [
  {rpath: '/x'},
  {runpath: '/x'},
  {addRpath: '/x'},
  {addNeeded: ['libm.so.6']},
  {addNeededFirst: ['libm.so.6']},
  {noDefaultLib: true},
  {soname: 'other.so'},
];

for (const request of breaking)
  test(`glibc's loader is not given what it fails with: ${JSON.stringify(request)}`, (t) => {
    const file = path.join(tempDirectory(t), 'ld.so');
    copyFileSync(glibcLoader, file);
    t.throws(() => editFile(file, request), {
      code: 'UNSAFE_EDIT',
      message: /glibc's dynamic loader fails with/,
    });
    t.is(run(file, ['/bin/echo', 'hello']).stdout, 'hello\n');
  });

test("glibc's loader runs with what it may have", (t) => {
  const file = path.join(tempDirectory(t), 'ld.so');
  copyFileSync(glibcLoader, file);
  for (const request of [
    {removeRpath: true},
    {execStack: true},
    {osAbi: 'Linux'},
    {addDebugTag: true},
    {noDefaultLib: false},
  ]) {
    editFile(file, request);
    t.is(run(file, ['/bin/echo', 'hello']).stdout, 'hello\n', JSON.stringify(request));
  }
});

test(
  "musl's loader survives all of it, and so does its program",
  withTools((t) => {
    if (!existsSync(muslLoader)) throw new MissingTool(muslLoader);
    for (const request of breaking.filter(({soname}) => soname === undefined)) {
      const file = path.join(tempDirectory(t), 'ld.so');
      copyFileSync(muslLoader, file);
      editFile(file, request.addNeeded || request.addNeededFirst ? {addNeeded: ['libc.so']} : request);
      const program = fixture('musl/probe-pie').path;
      t.is(run(file, [program]).stdout, 'probe: all as linked\n', JSON.stringify(request));
    }
  }),
);

test(
  'a static-pie program of musl starts with a search path; of glibc it would not, and is refused',
  withTools((t) => {
    const directory = tempDirectory(t);
    const source = path.join(directory, 'hello.c');
    writeFileSync(source, '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n');
    // musl-gcc accepts -static-pie, but still links a program with an interpreter.
    const musl = '/usr/lib/x86_64-linux-musl';
    const ends = ['rcrt1.o', 'crti.o', 'crtn.o'].map((name) => `${musl}/${name}`);
    const muslOptions = ['-static', '-nostartfiles', '-fPIE', '-Wl,-pie,--no-dynamic-linker', ...ends];
    for (const [compiler, options, isAllowed] of [
      ['musl-gcc', muslOptions, true],
      ['gcc', ['-static-pie'], false],
    ] as const) {
      const file = path.join(directory, compiler);
      output(compiler, [...options, source, '-o', file]);
      t.is(kindOf(viewOf(file)), 'static-pie-program', compiler);
      if (isAllowed) editFile(file, {runpath: '/x'});
      else t.throws(() => editFile(file, {runpath: '/x'}), {code: 'UNSAFE_EDIT', message: /static-pie/});
      t.is(run(file, []).stdout, 'hello\n');
    }
  }),
);

/** Prints by way of a relocation, which it has to find through `_DYNAMIC`. */
const selfRelocating = `
#include <elf.h>
extern const Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
static const char *volatile words[] = {"started\\n"};
static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}
__attribute__((force_align_arg_pointer)) void start(void) {
  const Elf64_Rela *rela = 0;
  unsigned long size = 0;
  for (const Elf64_Dyn *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++) {
    if (entry->d_tag == DT_RELA) rela = (const Elf64_Rela *)(__ehdr_start + entry->d_un.d_ptr);
    if (entry->d_tag == DT_RELASZ) size = entry->d_un.d_val;
  }
  for (unsigned long i = 0; i < size / sizeof *rela; i++)
    *(unsigned long *)(__ehdr_start + rela[i].r_offset) = (unsigned long)__ehdr_start + rela[i].r_addend;
  call(1, 1, (long)words[0], 8);
  call(60, 0, 0, 0);
}
`;

for (const [kind, options] of Object.entries({
  'static-pie program': ['-static-pie'],
  'dynamic loader': ['-shared', '-Wl,-soname,loader.so'],
}))
  for (const linker of ['bfd', 'lld'])
    test(
      `${linker}: a ${kind} that relocates itself keeps its dynamic section where it is`,
      withTools((t) => {
        const file = path.join(tempDirectory(t), 'program');
        writeFileSync(`${file}.c`, selfRelocating);
        const code = ['-O1', '-fPIC', '-fno-stack-protector', '-ffreestanding', '-nostdlib', '-Wl,-e,start'];
        output('gcc', [...code, `-fuse-ld=${linker}`, ...options, '-o', file, `${file}.c`]);
        t.is(run(file, []).stdout, 'started\n');
        // GNU ld leaves spare entries, lld none.
        if (linker === 'bfd') editFile(file, {runpath: '/somewhere'});
        else
          t.throws(() => editFile(file, {runpath: '/somewhere'}), {
            code: 'UNSAFE_EDIT',
            message: /relocates itself.*expected a spare entry/,
          });
        t.is(run(file, []).stdout, 'started\n');
      }),
    );

test(
  'the dynamic section of a library that needs nothing moves',
  withTools((t) => {
    const file = path.join(tempDirectory(t), 'library.so');
    writeFileSync(`${file}.c`, 'int add(int a, int b) { return a + b; }');
    output('gcc', ['-shared', '-nostdlib', '-fuse-ld=lld', '-o', file, `${file}.c`]);
    const {address} = viewOf(file).dynamic ?? {};
    editFile(file, {runpath: '/somewhere'});
    t.not(viewOf(file).dynamic?.address, address);
  }),
);
