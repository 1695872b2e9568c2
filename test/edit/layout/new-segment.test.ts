/*
 * Where a new segment goes: aligned like the file's own, in a gap of addresses, never where another segment begins, and
 * what strippers make of it. Also edits for which the program headers need not move.
 */
import {copyFileSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {addSection} from '../../../src/edit/layout/add-section.js';
import {Draft} from '../../../src/edit/layout/draft.js';
import {insertLoad} from '../../../src/edit/layout/insert-load.js';
import {PF, PT, SHF, SHT} from '../../../src/elf/constants.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../../../src/elf/records.js';
import {ElfError, type ElfView, openElfBuffer} from '../../../src/index.js';
import {growLibrary} from '../../fuzz/grown.js';
import {base, sketch, usual} from '../../helpers/draft.js';
import {edit, editFile, editOrNoRoom, planFor, programFile} from '../../helpers/edits.js';
import {dynamicPrograms, fixture, fixtureBytes, fixtures} from '../../helpers/fixtures.js';
import {stripperNames, stripWith} from '../../helpers/strippers.js';
import {tempDirectory} from '../../helpers/temp.js';
import {output, run, runProgram, withTools} from '../../helpers/tools.js';

const longPath = `/${'x'.repeat(4000)}`;
const hello = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n';

function compile(directory: string, source: string, ...options: readonly string[]): string {
  const file = path.join(directory, 'program');
  writeFileSync(`${file}.c`, source);
  output('gcc', [`${file}.c`, '-o', file, ...options]);
  return file;
}

function viewOf(file: string): ElfView {
  return openElfBuffer(readFileSync(file)).view;
}

function loadsOf({programHeaders}: Pick<ElfView, 'programHeaders'>): readonly Phdr[] {
  return programHeaders.filter(({p_type}) => p_type === PT.PT_LOAD);
}

/** The LOADs that an edit added. */
function newLoads(before: ElfView, after: ElfView): readonly Phdr[] {
  const known = new Set(loadsOf(before).map(({p_vaddr}) => p_vaddr));
  return loadsOf(after).filter(({p_vaddr}) => !known.has(p_vaddr));
}

/** The strippers after which a program does not run as before. */
function brokenBy(file: string, expected: RegExp): string[] {
  return stripperNames.flatMap((tool) => {
    const copy = `${file}.${tool}`;
    stripWith(tool, file, copy);
    const {stdout, stderr} = run(copy, []);
    return expected.test(stdout) ? [] : [`${tool}: ${stdout}${stderr}`];
  });
}

test('no new LOAD begins where another segment begins', (t) => {
  let count = 0;
  for (const {name, interpreter, needed} of fixtures) {
    if (needed === undefined) continue;
    const before = fixtureBytes(name);
    const request = {runpath: longPath, ...(interpreter && {interpreter: `/${'i'.repeat(2000)}`})};
    const bytes = editOrNoRoom(before, request);
    if (bytes === undefined) continue;
    const after = openElfBuffer(bytes).view;
    for (const load of newLoads(openElfBuffer(before).view, after)) {
      count += 1;
      const others = after.programHeaders.filter(
        (other) =>
          other !== load &&
          other.p_type !== PT.PT_PHDR &&
          other.p_filesz > 0 &&
          other.p_offset === load.p_offset,
      );
      t.deepEqual(others, [], name);
    }
  }
  t.true(count > 20);
});

for (const name of [
  'probe-pie',
  'probe-exec',
  'probe-mold-pie',
  'probe-mold-exec',
  'probe-lld-pie',
  'probe-gold-pie',
])
  test(
    `${name}: with a new segment, what each stripper makes of it runs`,
    withTools((t) => {
      const file = programFile(t, edit(fixtureBytes(`x86_64/${name}`), {runpath: longPath}));
      t.deepEqual(brokenBy(file, /^probe: all as linked\n$/), []);
    }),
  );

for (const [option, align] of [
  ['0x1000', 0x1000],
  ['0x4000', 0x4000],
  ['0x10000', 0x10000],
  ['0x200000', 0x200000],
] as const)
  test(
    `a new segment is aligned to ${option} where the file's own are`,
    withTools((t) => {
      const file = compile(tempDirectory(t), hello, `-Wl,-z,max-page-size=${option}`);
      const before = viewOf(file);
      editFile(file, [{interpreter: before.interpreter?.path ?? ''}, {runpath: `/${'x'.repeat(20_000)}`}]);
      const added = newLoads(before, viewOf(file));
      t.true(added.length > 0 || align > 0x4000);
      for (const load of added) t.is(load.p_align, align);
      t.is(run(file, []).stdout, 'hello\n');
    }),
  );

test(
  'a new segment is on pages of its own, however little the others claim',
  withTools((t) => {
    const program = fixture('x86_64/probe-pie');
    const bytes = fixtureBytes(program.name);
    const {header, format, programHeaders} = openElfBuffer(bytes).view;
    for (const [i, load] of programHeaders.entries())
      if (load.p_type === PT.PT_LOAD)
        bytes.set(
          Phdr.encode({...load, p_align: 16}, format),
          header.e_phoff + i * Phdr.size(format.elfClass),
        );
    const edited = edit(bytes, {runpath: `/${'x'.repeat(9000)}`});
    for (const {p_align, p_vaddr, p_offset} of newLoads(
      openElfBuffer(bytes).view,
      openElfBuffer(edited).view,
    )) {
      t.is(p_align, 4096);
      t.is(p_vaddr % 4096n, BigInt(p_offset % 4096));
    }
    for (const file of [bytes, edited]) {
      const {stdout, status} = runProgram(program, programFile(t, file));
      t.is(status, 0);
      t.regex(stdout, program.output ?? /^$/);
    }
  }),
);

test('pageSize says how a new segment is aligned, and it shares no such page', (t) => {
  const before = fixtureBytes('x86_64/probe-mold-pie');
  const after = openElfBuffer(edit(before, {runpath: longPath, pageSize: 0x10000})).view;
  const [load] = newLoads(openElfBuffer(before).view, after);
  t.is(load?.p_align, 0x10000);
  const below = loadsOf(after).at(-2);
  const end = (below?.p_vaddr ?? 0n) + BigInt(below?.p_memsz ?? 0);
  t.true((load?.p_vaddr ?? 0n) / 0x10000n > (end - 1n) / 0x10000n);
  t.is(Number(load?.p_vaddr ?? 0n) % 0x10000, (load?.p_offset ?? 0) % 0x10000);
  for (const pageSize of [0, 1000, 2048, 3 * 4096, -4096, 2 ** 31])
    t.throws(() => planFor(before, {runpath: longPath, pageSize}), {code: 'BAD_REQUEST'}, `${pageSize}`);
});

test(
  'a wide gap between two segments is preferred to the end of the image',
  withTools((t) => {
    const file = compile(tempDirectory(t), hello, '-Wl,--section-start=.text=0x20000');
    const before = viewOf(file);
    editFile(file, {runpath: longPath});
    const [load] = newLoads(before, viewOf(file));
    t.true((load?.p_vaddr ?? 0n) > 0x1000n && (load?.p_vaddr ?? 0n) < 0x20000n);
    t.is(run(file, []).stdout, 'hello\n');
    t.deepEqual(brokenBy(file, /^hello\n$/), []);
    editFile(file, {runpath: `${longPath}/y`});
    t.is(loadsOf(viewOf(file)).length, loadsOf(before).length + 1, 'the next edit uses the same segment');
  }),
);

test(
  'addresses as far apart as those of ia64 leave room for a segment between them',
  withTools((t) => {
    const data = '-Wl,-Tdata=0x6000000000000000';
    const file = compile(tempDirectory(t), 'long v = 1;\n', '-nostdlib', '-shared', data);
    const before = viewOf(file);
    editFile(file, {runpath: longPath});
    t.is(newLoads(before, viewOf(file)).length, 1);
    t.true(output('readelf', ['-dW', file]).includes(`[${longPath}]`));
  }),
);

test(
  'offsets into thread-local storage do not pass for addresses, whatever they are',
  withTools((t) => {
    const directory = tempDirectory(t);
    for (let size = 500; size <= 620; size += 24) {
      const source = `__thread char t[${size}] = {1};\nint main(void) { return t[0] - 1; }\n`;
      const file = compile(directory, source);
      editFile(file, {runpath: longPath});
      t.is(viewOf(file).header.e_phoff, 64, `${size} bytes`);
      t.is(run(file, []).status, 0);
    }
    const model = ['-shared', '-fPIC', '-ftls-model=initial-exec'];
    for (let size = 448; size <= 640; size += 64) {
      const source = `static __thread char t[${size}] = {1}, u = 2;\nchar *f(void) { return &u; }\nchar *g(void) { return t; }\n`;
      const file = compile(directory, source, ...model);
      editFile(file, {runpath: longPath});
      t.is(viewOf(file).header.e_phoff, 64, `${size} bytes`);
    }
  }),
);

test(
  'mapping symbols name nothing: the program headers stay, and the order of two edits does not matter',
  withTools((t) => {
    const directory = tempDirectory(t);
    const file = path.join(directory, 'program');
    writeFileSync(`${file}.s`, '.section .interp,"a"\n$d:\n.section .text\n.globl main\nmain: ret\n');
    output('gcc', ['-c', `${file}.s`, '-o', `${file}.o`]);
    // The symbol is at the start of what the linker puts in .interp.
    output('gcc', [`${file}.o`, '-o', file]);
    const interpreter = `/${'i'.repeat(60)}`;
    const ends = [
      [{interpreter}, {runpath: longPath}],
      [{runpath: longPath}, {interpreter}],
      [{interpreter, runpath: longPath}],
    ];
    for (const requests of ends) {
      const copy = path.join(directory, 'copy');
      copyFileSync(file, copy);
      editFile(copy, requests);
      t.is(viewOf(copy).header.e_phoff, 64);
    }
  }),
);

test(
  'what patchelf filled with X or Z is room for program headers',
  withTools((t) => {
    const directory = tempDirectory(t);
    const file = compile(directory, hello);
    output('patchelf', ['--set-interpreter', `${'/lib64'.repeat(30)}/ld.so`, file]);
    output('patchelf', ['--set-interpreter', '/lib64/ld-linux-x86-64.so.2', file]);
    const {e_phoff} = viewOf(file).header;
    editFile(file, [{interpreter: `/${'i'.repeat(900)}`}, {runpath: `/${'x'.repeat(9000)}`}]);
    t.is(viewOf(file).header.e_phoff, e_phoff);
    editFile(file, {interpreter: '/lib64/ld-linux-x86-64.so.2'});
    t.is(run(file, []).stdout, 'hello\n');
  }),
);

/** The same file with another section header or program header. */
function withRecord<T>(
  bytes: Buffer,
  [type, table, index]: readonly [
    {size(c: 32 | 64): number; encode(r: T, f: ElfView['format']): Uint8Array},
    number,
    number,
  ],
  record: T,
): Buffer {
  const {format} = openElfBuffer(bytes).view;
  const copy = Buffer.from(bytes);
  copy.set(type.encode(record, format), table + index * type.size(format.elfClass));
  return copy;
}

test('a section that covers the program headers is no damage, in whatever edit', (t) => {
  for (const more of [0, 8]) {
    const bytes = fixtureBytes('x86_64/probe-pie');
    const {header, programHeaders, sectionHeaders} = openElfBuffer(bytes).view;
    const index = sectionHeaders.findLastIndex(
      ({sh_type, sh_flags}) => sh_type === SHT.SHT_PROGBITS && (sh_flags & SHF.SHF_ALLOC) === 0,
    );
    const old = sectionHeaders[index];
    t.assert(old !== undefined);
    if (old === undefined) return;
    const size = programHeaders.length * Phdr.size(64) + more;
    const covered = withRecord(bytes, [Shdr, header.e_shoff, index], {
      ...old,
      sh_flags: SHF.SHF_ALLOC,
      sh_addr: BigInt(header.e_phoff),
      sh_offset: header.e_phoff,
      sh_size: size,
    });
    for (const request of [{interpreter: '/lib/l.so'}, {rpath: '/a'}, {runpath: longPath}] as const) {
      const after = openElfBuffer(edit(covered, request)).view;
      if (request.interpreter === undefined)
        t.is(after.dynamic?.rpath ?? after.dynamic?.runpath, request.rpath ?? request.runpath);
      else t.is(after.interpreter?.path, request.interpreter);
    }
    const file = programFile(t, edit(covered, {runpath: longPath}), `program${more}`);
    t.is(runProgram(fixture('x86_64/probe-pie'), file).stdout, 'probe: all as linked\n');
  }
});

test('program headers inside a PT_NOTE are no damage', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  const {header, programHeaders} = openElfBuffer(bytes).view;
  const index = programHeaders.findIndex(({p_type}) => p_type === PT.PT_NOTE);
  const old = programHeaders[index];
  if (old === undefined) return t.fail('no PT_NOTE');
  const over = withRecord(bytes, [Phdr, header.e_phoff, index], {
    ...old,
    p_offset: header.e_phoff,
    p_vaddr: BigInt(header.e_phoff),
    p_paddr: BigInt(header.e_phoff),
    p_filesz: programHeaders.length * Phdr.size(64),
    p_memsz: programHeaders.length * Phdr.size(64),
  });
  for (const request of [{rpath: '/a'}, {interpreter: '/lib64/ld-linux-x86-64.so.2', runpath: longPath}]) {
    const file = programFile(t, edit(over, request));
    t.is(runProgram(fixture('x86_64/probe-pie'), file).stdout, 'probe: all as linked\n');
  }
});

/** Code may read the string of the interpreter by its name, so it stays, and the table has to move. */
const namedInterpreter = `${hello}const char keep[] __attribute__((section(".interp"))) = "/lib64/ld-linux-x86-64.so.2";\n`;

/** GNU ld's own script, with that string right after the table: since binutils 2.43 notes come first. */
function interpreterFirst(directory: string, option: string): string {
  const script = path.join(directory, 'script');
  const [, own = ''] = output('ld.bfd', [option, '--verbose']).split(/^={10,}$/m);
  const others = own.replace(/^ {2}\.interp .*\n/m, '');
  writeFileSync(script, others.replace(/SIZEOF_HEADERS;$/m, '$&\n  .interp : { *(.interp) }'));
  return script;
}

for (const [kind, option] of [
  ['PIE', '-pie'],
  ['non-PIE', '-no-pie'],
] as const)
  for (const linker of ['bfd', 'lld'])
    test(
      `${kind} by ${linker}: where the program headers had to move, what each stripper makes of the program runs`,
      withTools((t) => {
        const directory = tempDirectory(t);
        // lld puts the interpreter's string there by default, and also leaves no room in the dynamic section.
        const layout = linker === 'bfd' ? `-Wl,-T,${interpreterFirst(directory, option)}` : '-fuse-ld=lld';
        const file = compile(directory, namedInterpreter, '-Wl,--no-dynamic-linker', option, layout);
        const before = viewOf(file);
        editFile(file, {runpath: `/${'x'.repeat(20_000)}`});
        const {header, sectionHeaders, programHeaders} = viewOf(file);
        const {e_phoff} = header;
        t.not(e_phoff, before.header.e_phoff);
        t.deepEqual(
          sectionHeaders
            .slice(before.sectionHeaders.length)
            .map(({sh_offset, sh_size}) => [sh_offset, sh_size]),
          [[e_phoff, programHeaders.length * Phdr.size(64)]],
          'its section describes the table',
        );
        t.is(run(file, []).stdout, 'hello\n');
        t.deepEqual(brokenBy(file, /^hello\n$/), []);
        const libraries = Array.from({length: 60}, (_, i) => `lib${'n'.repeat(200)}${i}.so`);
        editFile(file, [{addNeeded: libraries}, {removeNeeded: libraries}, {addDebugTag: true}]);
        t.is(viewOf(file).header.e_phoff, e_phoff, 'the table grows where it is');
        t.deepEqual(brokenBy(file, /^hello\n$/), []);
      }),
    );

test(
  'the program headers move to a place that old kernels find, although a later LOAD asks for larger pages',
  withTools((t) => {
    const source = namedInterpreter
      .replace('int main', 'char big[64] __attribute__((aligned(0x200000))) = {1};\nint main')
      .replace('return 0', 'return big[0] - 1');
    const options = ['-no-pie', '-fuse-ld=lld', '-Wl,--no-dynamic-linker,--image-base=0x401000'];
    const file = compile(tempDirectory(t), source, ...options);
    const before = viewOf(file);
    t.deepEqual([...new Set(loadsOf(before).map(({p_align}) => p_align))], [0x1000, 0x200000]);
    editFile(file, {runpath: `/${'x'.repeat(20_000)}`});
    const after = viewOf(file);
    t.not(after.header.e_phoff, before.header.e_phoff);
    t.is(after.segment(PT.PT_PHDR)?.p_vaddr, 0x401000n + BigInt(after.header.e_phoff));
    t.is(run(file, []).stdout, 'hello\n');
  }),
);

test('a LOAD that maps nothing does not count where a new one goes in the table', (t) => {
  const [interpreter = {}, first = {}, second = {}, dynamic = {}] = usual.segments;
  const empty = {...first, p_filesz: 0, p_memsz: 0};
  const far = {p_vaddr: base + 0x101800n, p_paddr: base + 0x101800n};
  const draft = sketch({
    segments: [interpreter, first, {...second, ...far}, {...dynamic, ...far}, empty, empty],
  });
  const load = insertLoad(draft, {flags: PF.PF_R, size: 16});
  const addresses = loadsOf(draft).map(({p_vaddr}) => p_vaddr);
  t.true(load.p_vaddr < base + 0x101800n);
  t.deepEqual(addresses.slice(0, 3), [base, load.p_vaddr, base + 0x101800n]);
});

test('every program of the fixtures that takes a long path without a new place for its headers keeps them', (t) => {
  const moved = dynamicPrograms.filter(({name}) => {
    const bytes = editOrNoRoom(fixtureBytes(name), {runpath: longPath});
    return bytes !== undefined && openElfBuffer(bytes).view.header.e_phoff > 64;
  });
  t.deepEqual(
    moved.filter(({hasSections}) => hasSections).map(({name}) => name),
    [],
  );
});

test('an error is one of ours', (t) => {
  t.throws(() => planFor(fixtureBytes('x86_64/probe.o'), {runpath: longPath}), {instanceOf: ElfError});
});

test('names of sections that a section follows move together, however many bytes they are', (t) => {
  const grown = growLibrary({sections: 30_000});
  const {header, format, sectionHeaders, e_shstrndx} = openElfBuffer(grown).view;
  const {e_shoff} = header;
  const {sh_offset = 0, sh_size = 0} = sectionHeaders[e_shstrndx] ?? {};
  const last = {...(sectionHeaders.at(-1) as Shdr), sh_offset: e_shoff, sh_size: 16};
  const bytes = Buffer.concat([grown.subarray(0, e_shoff), Buffer.alloc(16, 1), grown.subarray(e_shoff)]);
  bytes.set(Ehdr.encode({...header, e_shoff: e_shoff + 16}, format), EI_NIDENT);
  bytes.set(Shdr.encode(last, format), bytes.length - Shdr.size(format.elfClass));
  const draft = new Draft(openElfBuffer(bytes).view);
  addSection(draft, '.another', {offset: 0, size: 16, address: 0n, align: 1});
  const names = draft.sectionHeaders[e_shstrndx] as Shdr;
  t.true(sh_size > 150_000);
  t.not(names.sh_offset, sh_offset);
  const moved = Buffer.from(draft.read(names.sh_offset, names.sh_size));
  const expected = Buffer.concat([grown.subarray(sh_offset, sh_offset + sh_size), Buffer.from('.another\0')]);
  t.true(moved.equals(expected));
});
