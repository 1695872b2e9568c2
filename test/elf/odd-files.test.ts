/*
 * Files that are sound but odd: separate debug files, segments without bytes, programs that no loader loads, firmware.
 * Every command says the same about one.
 */
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {DT, ET, PF, PT} from '../../src/elf/constants.js';
import {Dyn, Ehdr, EI_NIDENT, Phdr} from '../../src/elf/records.js';
import {
  checkElf,
  checkElfNotes,
  describeElf,
  type EditRequest,
  type ElfView,
  kindOf,
  noInterpreter,
  openElfBuffer,
  openElfSync,
  type Problem,
  planEdit,
} from '../../src/index.js';
import {edit} from '../helpers/edits.js';
import {fixture, fixtureBytes} from '../helpers/fixtures.js';
import {coreFile, elfHeader, headerSize, programHeader} from '../helpers/synthetic.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

/** A file with its segments of one type changed. */
function withSegment(bytes: Uint8Array, p_type: number, fields: Partial<Phdr>): Buffer {
  const changed = Buffer.from(bytes);
  const {programHeaders, header, format} = openElfBuffer(bytes).view;
  for (const [i, phdr] of programHeaders.entries()) {
    if (phdr.p_type !== p_type) continue;
    changed.set(Phdr.encode({...phdr, ...fields}, format), header.e_phoff + i * Phdr.size(format.elfClass));
  }
  return changed;
}

function viewOf(bytes: Uint8Array): ElfView {
  return openElfBuffer(bytes).view;
}

const elf64 = {elfClass: 64, littleEndian: true} as const;
const program = fixtureBytes('x86_64/probe-pie');
const fixed = fixtureBytes('x86_64/probe-exec');

test(
  "eu-strip's and objcopy's debug files have no interpreter, no libraries and nothing to complain of",
  withTools((t) => {
    const directory = tempDirectory(t);
    const [stripped, debug, kept] = ['stripped', 'eu.debug', 'gnu.debug'].map((name) =>
      path.join(directory, name),
    ) as [string, string, string];
    output('eu-strip', ['-f', debug, '-o', stripped, fixture('x86_64/probe-pie').path]);
    output('objcopy', ['--only-keep-debug', fixture('x86_64/probe-pie').path, kept]);
    for (const file of [debug, kept]) {
      const {view, close} = openElfSync(file);
      t.is(kindOf(view), 'debug-file', file);
      t.is(view.interpreter, undefined, file);
      t.is(view.dynamic, undefined, file);
      t.deepEqual(checkElf(view), [], file);
      t.deepEqual(describeElf(view).unreadable, [], file);
      t.regex(noInterpreter(view).message, /got a separate debug file\)$/);
      t.throws(() => planEdit(view, {}), {code: 'UNSUPPORTED', message: /got a separate debug file/});
      void close();
      for (const option of ['--print-needed', '--print-rpath', '--print-soname', '--print-interpreter']) {
        const {status, stdout} = run(process.execPath, [patchelf, option, file]);
        t.deepEqual([status, stdout], [0, '\n'], option);
      }
      t.is(run(process.execPath, [patchelf, '--set-rpath', '/x', file]).status, 1);
    }
  }),
);

const patchelf = path.resolve('bin/elfinterp-patchelf.js');

const edits: readonly EditRequest[] = [{interpreter: '/x'}, {runpath: `/${'r'.repeat(300)}`}];

test('a LOAD that maps nothing is harmless wherever its addresses lie', (t) => {
  for (const p_vaddr of [5n, 0x1000n, 0xffff_ffff_f000n]) {
    const empty = {p_type: PT.PT_LOAD, p_offset: 16, p_vaddr, p_paddr: p_vaddr, p_filesz: 0, p_memsz: 0};
    const bytes = withSegment(program, PT.PT_GNU_STACK, {...empty, p_align: 0x1000});
    t.deepEqual(checkElf(viewOf(bytes)), [], `${p_vaddr}`);
    for (const request of edits) {
      const edited = viewOf(edit(bytes, request));
      t.is(edited.interpreter?.path, request.interpreter ?? viewOf(program).interpreter?.path);
      t.is(edited.dynamic?.runpath, request.runpath);
    }
  }
});

test('an empty PT_DYNAMIC is passed over, as ld.so does', (t) => {
  const bytes = withSegment(fixed, PT.PT_DYNAMIC, {p_filesz: 0, p_memsz: 0});
  const view = viewOf(bytes);
  t.is(view.dynamic, undefined);
  t.deepEqual(describeElf(view).unreadable, []);
  t.is(viewOf(edit(bytes, {interpreter: '/x'})).interpreter?.path, '/x');
  t.throws(() => planEdit(view, {runpath: '/x'}), {code: 'NO_DYNAMIC'});
});

test('a segment of no bytes beyond the end of the file is read like any other', (t) => {
  const bytes = withSegment(program, PT.PT_NOTE, {p_offset: 2 ** 30, p_filesz: 0, p_memsz: 0});
  t.deepEqual(describeElf(viewOf(bytes)).unreadable, []);
  t.deepEqual(checkElf(viewOf(bytes)), []);
});

/** What `get`, `show` and `edit` say about a file without an interpreter. */
function sayOf(t: ExecutionContext, bytes: Uint8Array) {
  const view = viewOf(bytes);
  const error = t.throws(() => planEdit(view, {interpreter: '/x'}), {code: 'NO_INTERPRETER'});
  return [describeElf(view).kindName, noInterpreter(view).message, error.message.replace(/^[^:]*: /, '')];
}

test('a program without an interpreter has one name everywhere', (t) => {
  const isNeeded = (entry: Dyn) => entry.d_tag === DT.DT_NEEDED;
  const dynamicStatic = withSegment(fixed, PT.PT_INTERP, {p_type: PT.PT_NULL});
  const {dynamic, format} = viewOf(dynamicStatic);
  for (const [i, entry] of (dynamic?.entries ?? []).entries())
    if (isNeeded(entry))
      dynamicStatic.set(
        Dyn.encode({d_tag: 0x6ffffef0n, d_val: 0n}, format),
        (dynamic?.offset ?? 0) + i * Dyn.size(format.elfClass),
      );
  for (const [bytes, name] of [
    [dynamicStatic, 'static program'],
    [fixtureBytes('x86_64/hello-static'), 'static program'],
    [fixtureBytes('x86_64/hello-static-pie'), 'static-pie program'],
    [fixtureBytes('x86_64/libprobe.so.1'), 'shared library'],
  ] as const) {
    const [kind = '', got = '', edited = ''] = sayOf(t, bytes);
    t.is(kind, name);
    t.true(got.endsWith(`got a ${name})`), got);
    t.true(edited.endsWith(`got a ${name})`), edited);
  }
});

test('a program with an interpreter and no dynamic section is not called static', (t) => {
  const bytes = withSegment(fixed, PT.PT_DYNAMIC, {p_type: PT.PT_NULL});
  t.is(describeElf(viewOf(bytes)).kindName, 'program (not PIE)');
  const error = t.throws(() => planEdit(viewOf(bytes), {rpath: '/x'}), {code: 'NO_DYNAMIC'});
  t.regex(error.message, /there is no dynamic section \(expected PT_DYNAMIC, got a program \(not PIE\)\)$/);
});

test('writable code is a problem of what a loader loads, and a note of what maps itself', (t) => {
  const writable = {p_flags: PF.PF_R | PF.PF_W | PF.PF_X};
  const loaded = viewOf(withSegment(program, PT.PT_LOAD, writable));
  t.true(checkElf(loaded).some(({code}) => code === 'WRITABLE_CODE'));
  t.deepEqual(checkElfNotes(loaded), []);
  const firmware = viewOf(withSegment(fixtureBytes('x86_64/hello-static'), PT.PT_LOAD, writable));
  t.false(checkElf(firmware).some(({code}) => code === 'WRITABLE_CODE'));
  t.true(checkElfNotes(firmware).some(({code}) => code === 'WRITABLE_CODE'));
});

test('the notes of a core file are in no LOAD, and that is right', (t) => {
  const core = coreFile(3);
  t.deepEqual(checkElf(viewOf(core)), []);
  t.deepEqual(checkElfNotes(viewOf(core)), []);
  const {p_filesz = 0} = viewOf(core).segment(PT.PT_NOTE) ?? {};
  t.deepEqual(checkElf(viewOf(withSegment(core, PT.PT_NOTE, {p_memsz: p_filesz}))), [], 'as in /proc/vmcore');
  const strayed = checkElf(viewOf(withSegment(program, PT.PT_NOTE, {p_vaddr: 0n})));
  t.true(strayed.some(({code}) => code === 'NOT_IN_LOAD'));
  const unmapped = checkElf(viewOf(withSegment(program, PT.PT_NOTE, {p_vaddr: 0n, p_memsz: 0})));
  t.false(unmapped.some(({code}) => code === 'NOT_IN_LOAD'));
});

test(
  'there is nothing to complain of in a core file of gdb',
  withTools((t) => {
    const file = path.join(tempDirectory(t), 'core');
    const commands = ['set debuginfod enabled off', 'starti', `generate-core-file ${file}`, 'kill'];
    output('gdb', ['-nx', '-batch', ...commands.flatMap((command) => ['-ex', command]), '/bin/true']);
    const {view, close} = openElfSync(file);
    t.teardown(close);
    t.is(kindOf(view), 'core-file');
    t.deepEqual(checkElf(view), []);
  }),
);

test('LOADs in disorder are a problem of what is loaded, and a note of what maps itself', (t) => {
  const codes = (problems: readonly Problem[]) => problems.map(({code}) => code);
  // As in vmlinux of x86: the per-CPU data is at 0, after the LOAD of the code.
  const loads = [0x100_0000n, 0n, 0x200_0000n].map((p_vaddr, i) =>
    programHeader(elf64, {
      p_type: PT.PT_LOAD,
      p_flags: i === 0 ? PF.PF_R | PF.PF_X : PF.PF_R,
      p_offset: 0x1000 * (i + 1),
      p_vaddr,
      p_filesz: 0x1000,
      p_memsz: 0x1000,
      p_align: 0x1000,
    }),
  );
  const header = {
    e_type: ET.ET_EXEC,
    e_entry: 0x100_0000n,
    e_phoff: headerSize(elf64),
    e_phnum: loads.length,
  };
  const vmlinux = viewOf(Buffer.concat([elfHeader(elf64, header), ...loads, Buffer.alloc(0x4000)]));
  t.deepEqual(codes(checkElf(vmlinux)), []);
  t.deepEqual(codes(checkElfNotes(vmlinux)), ['LOADS_OUT_OF_ORDER']);
  for (const bytes of [program, fixtureBytes('x86_64/hello-static-pie')]) {
    const disordered = viewOf(withSegment(bytes, PT.PT_LOAD, {p_vaddr: 0n}));
    t.true(codes(checkElf(disordered)).includes('LOADS_OUT_OF_ORDER'));
    t.false(codes(checkElfNotes(disordered)).includes('LOADS_OUT_OF_ORDER'));
  }
});

test('a LOAD on a page of its neighbour, at the alignment that the others claim, is named', (t) => {
  const codes = (bytes: Buffer) => [...new Set(checkElf(viewOf(bytes)).map(({code}) => code))];
  const claiming = (bytes: Buffer) => {
    const {programHeaders, format, header} = viewOf(bytes);
    const first = programHeaders.findIndex(({p_type}) => p_type === PT.PT_LOAD);
    const load = Phdr.encode({...(programHeaders[first] as Phdr), p_align: 0x4000}, format);
    const claimed = Buffer.from(bytes);
    claimed.set(load, header.e_phoff + first * load.length);
    return claimed;
  };
  const arm = fixtureBytes('armel/probe-pie');
  t.deepEqual(codes(arm), []);
  t.deepEqual(codes(claiming(arm)), ['SHARED_PAGE']);
  t.deepEqual(codes(claiming(program)), [], 'x86-64 has pages of 4 KiB only');
});

test('a LOAD that patchelf put on a page of .bss is named, although both are writable', (t) => {
  const arm = fixtureBytes('armel/probe-exec');
  const {programHeaders, format, header} = viewOf(arm);
  const index = programHeaders.findIndex(({p_type, p_flags}) => p_type === PT.PT_LOAD && p_flags & PF.PF_W);
  const data = programHeaders[index] as Phdr;
  const stack = programHeaders.findIndex(({p_type}) => p_type === PT.PT_GNU_STACK);
  const end = (data.p_vaddr + BigInt(data.p_filesz) + 0xfffn) & ~0xfffn;
  const sharing = (bss: number) => {
    const bytes = Buffer.from(arm);
    const put = (at: number, phdr: Phdr) =>
      bytes.set(Phdr.encode(phdr, format), header.e_phoff + at * Phdr.size(format.elfClass));
    put(index, {...data, p_memsz: data.p_filesz + bss, p_align: 0x10000});
    const p_offset = data.p_offset + Number(end - data.p_vaddr);
    put(stack, {...data, p_offset, p_vaddr: end, p_paddr: end, p_filesz: 8, p_memsz: 8, p_align: 0x1000});
    const offset = header.e_phoff + stack * Phdr.size(format.elfClass);
    const problems = checkElf(viewOf(Buffer.concat([bytes, Buffer.alloc(0x1000)])));
    return problems.filter((problem) => problem.offset === offset).map(({code}) => code);
  };
  t.deepEqual(sharing(8), ['SHARED_PAGE'], 'the new LOAD would bring bytes of the file into .bss');
  t.deepEqual(sharing(0), [], 'without .bss both bring the same bytes');
});

/** Damage that patchelf refuses, and what an edit says about it. */
const damage: Readonly<Record<string, [(bytes: Buffer, view: ElfView) => void, RegExp]>> = {
  'a string table without an end': [
    (bytes, {dynamic}) => {
      const {offset = 0, size = 0} = dynamic?.stringTable ?? {};
      bytes[offset + size - 1] = 0x78;
    },
    /the dynamic string table does not end with a NUL/,
  ],
  'a hash table without buckets': [
    (bytes, view) =>
      bytes.fill(0, view.offsetOfTable(DT.DT_GNU_HASH), (view.offsetOfTable(DT.DT_GNU_HASH) ?? 0) + 4),
    /DT_GNU_HASH has 0 buckets/,
  ],
  'a hash table of four billion buckets': [
    (bytes, view) =>
      bytes.fill(0xff, view.offsetOfTable(DT.DT_GNU_HASH), (view.offsetOfTable(DT.DT_GNU_HASH) ?? 0) + 4),
    /DT_GNU_HASH/,
  ],
};

for (const [name, [change, message]] of Object.entries(damage))
  test(`${name}: no edit of the dynamic section`, (t) => {
    const bytes = Buffer.from(program);
    change(bytes, viewOf(program));
    t.throws(() => planEdit(viewOf(bytes), {rpath: '/x'}), {code: 'UNSAFE_EDIT', message});
  });

test('a dynamic section that is not aligned: no edit of it', (t) => {
  const bytes = Buffer.from(fixtureBytes('armhf/probe-nosections'));
  const {programHeaders} = viewOf(bytes);
  const old = programHeaders.find(({p_type}) => p_type === PT.PT_DYNAMIC) as Phdr;
  bytes.copyWithin(old.p_offset + 2, old.p_offset, old.p_offset + old.p_filesz);
  const place = {p_offset: old.p_offset + 2, p_vaddr: old.p_vaddr + 2n};
  t.throws(() => planEdit(viewOf(withSegment(bytes, PT.PT_DYNAMIC, place)), {rpath: '/x'}), {
    code: 'UNSAFE_EDIT',
    message: /the dynamic section is not aligned/,
  });
});

test('section names in a section that holds none: no section is added', (t) => {
  const library = fixtureBytes('x86_64/libprobe.so.1');
  const request = {interpreter: '/nowhere/ld.so', addInterpreter: true};
  t.notThrows(() => planEdit(viewOf(library), request));
  const {header, format, sectionHeaders} = viewOf(library);
  const dynsym = sectionHeaders.findIndex(({sh_type}) => sh_type === 11);
  for (const [e_shstrndx, message] of [
    [sectionHeaders.length, /there is no section \d+ to hold the section names/],
    [dynsym, /section \d+, which should hold the section names, is not a string table/],
  ] as const) {
    const bytes = Buffer.from(library);
    bytes.set(Ehdr.encode({...header, e_shstrndx}, format), EI_NIDENT);
    t.throws(() => planEdit(viewOf(bytes), request), {code: 'UNSAFE_EDIT', message});
  }
  t.is(header.e_type, ET.ET_DYN);
});

test('segments that would have to follow their bytes, and are not where they say, are damage', (t) => {
  const bytes = fixtureBytes('mips64el/probe-lld-exec');
  const {programHeaders} = viewOf(bytes);
  for (const p_type of [0x70000002, 0x70000003]) {
    const address = (programHeaders.find((phdr) => phdr.p_type === p_type)?.p_vaddr ?? 0n) + 0x80001n;
    const error = t.throws(
      () => planEdit(viewOf(withSegment(bytes, p_type, {p_vaddr: address})), {addNeeded: ['libmore.so']}),
      {code: 'UNSAFE_EDIT'},
    );
    t.regex(error.message, /is mapped from a different place than its header says/);
  }
});

test('a segment that reaches into the symbols is damage', (t) => {
  const bytes = withSegment(fixtureBytes('riscv64/probe-pie'), 0x70000003, {p_filesz: 0x268});
  t.throws(() => planEdit(viewOf(bytes), {addNeeded: ['libmore.so']}), {
    code: 'UNSAFE_EDIT',
    message: /overlap/,
  });
});

test('a segment of an unknown type stays, and so do the tables under it', (t) => {
  const unknown = 0x70000013;
  const bytes = withSegment(fixtureBytes('mips64el/probe-pie'), 0x70000003, {p_type: unknown});
  const old = viewOf(bytes).segment(unknown) as Phdr;
  const edited = edit(bytes, {runpath: `/${'r'.repeat(300)}`});
  const view = viewOf(edited);
  t.deepEqual(view.segment(unknown), old);
  t.deepEqual(
    edited.subarray(old.p_offset, old.p_offset + old.p_filesz),
    bytes.subarray(old.p_offset, old.p_offset + old.p_filesz),
  );
  t.is(view.dynamic?.runpath, `/${'r'.repeat(300)}`);
  t.deepEqual(checkElf(view), checkElf(viewOf(bytes)));
});
