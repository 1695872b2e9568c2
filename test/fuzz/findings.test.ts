/*
 * What the fuzzer found, one test each, named after what went wrong. The inputs are minimal: a fixture with only the
 * field changed that mattered.
 */
import test from 'ava';
import {parseManifest} from '../../src/bundle/manifest.js';
import {checkPlanFully} from '../../src/edit/check/plan.js';
import {planEdit} from '../../src/edit/plan-edit.js';
import type {EditRequest} from '../../src/edit/request/request.js';
import {checkElf} from '../../src/elf/check.js';
import {DT, EM, machineDT, PF, PT, SHF, SHT} from '../../src/elf/constants.js';
import {describeElf} from '../../src/elf/describe.js';
import {Dyn, Ehdr, EI_NIDENT, GnuHashHeader, Phdr, Shdr, Sym} from '../../src/elf/records.js';
import {dynamicSymbolTable, gnuHashTable, readVersym} from '../../src/elf/symbols.js';
import {versionIndex} from '../../src/elf/versions.js';
import {ElfView} from '../../src/elf/view.js';
import {ElfError} from '../../src/errors.js';
import {readLoaderFacts} from '../../src/loader/loader-facts.js';
import {planPack} from '../../src/pack/plan-pack.js';
import {bufferSource} from '../../src/source/buffer.js';
import {countingSource} from '../helpers/counting.js';
import {edit, planFor} from '../helpers/edits.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {viewBuffer} from '../helpers/view-buffer.js';
import {growLibrary} from './grown.js';
import {readOwn} from './own-reader.js';
import {withNotes, withOneNeed} from './worst-inputs.js';

interface Place {
  readonly offset: number;
  readonly index: number;
}

/** Change one record of a file, found by its place in a table. */
function put<T>(
  bytes: Uint8Array,
  type: {
    size(elfClass: 32 | 64): number;
    decode(bytes: Uint8Array, format: ElfView['format'], offset: number): T;
    encode(record: T, format: ElfView['format']): Uint8Array;
  },
  {offset, index}: Place,
  change: Partial<T>,
): void {
  const {format} = viewBuffer(bytes);
  const at = offset + index * type.size(format.elfClass);
  bytes.set(type.encode({...type.decode(bytes, format, at), ...change}, format), at);
}

function segment(bytes: Uint8Array, p_type: number): Place {
  const {header, programHeaders} = viewBuffer(bytes);
  return {offset: header.e_phoff, index: programHeaders.findIndex((phdr) => phdr.p_type === p_type)};
}

function section(bytes: Uint8Array, name: string): Place {
  const view = viewBuffer(bytes);
  const index = view.sectionHeaders.findIndex((header) => view.sectionName(header) === name);
  return {offset: view.header.e_shoff, index};
}

function entry(bytes: Uint8Array, d_tag: bigint): Place {
  const {dynamic} = viewBuffer(bytes);
  return {offset: dynamic?.offset ?? 0, index: dynamic?.entries.findIndex((e) => e.d_tag === d_tag) ?? 0};
}

const longInterpreter = `/${'i'.repeat(150)}/ld.so`;
const eachKind: readonly EditRequest[] = [
  {interpreter: longInterpreter},
  {rpath: `/${'r'.repeat(300)}`},
  {addNeeded: ['libmore.so']},
];

/** A damaged file is refused before anything is planned, and the message says what is wrong with it. */
const refuses = test.macro<[name: string, damage: (bytes: Buffer) => void, message: RegExp]>(
  (t, name, damage, message) => {
    const bytes = fixtureBytes(name);
    damage(bytes);
    for (const request of eachKind)
      t.throws(() => planEdit(viewBuffer(bytes), request), {code: 'UNSAFE_EDIT', message});
  },
);

test('an entry behind the first DT_NULL of the dynamic section came to life when another was added', (t) => {
  const bytes = fixtureBytes('x86_64/needs-libprobe');
  const {dynamic} = viewBuffer(bytes);
  const index = (dynamic?.entries.length ?? 0) + 1;
  put(bytes, Dyn, {offset: dynamic?.offset ?? 0, index}, {d_tag: DT.DT_DEPAUDIT, d_val: 1n});
  const edited = edit(bytes, {addNeeded: ['libmore.so']});
  t.true(readOwn(edited).needed.includes('libmore.so'));
  t.deepEqual(viewBuffer(edited).dynamic?.strings(DT.DT_DEPAUDIT), []);
});

test(
  'of two PT_DYNAMIC the edit changed the one that ld.so does not take',
  refuses,
  'x86_64/probe-gold-pie',
  (bytes) => {
    const {programHeaders} = viewBuffer(bytes);
    const dynamic = programHeaders.find(({p_type}) => p_type === PT.PT_DYNAMIC);
    put(bytes, Phdr, segment(bytes, PT.PT_GNU_STACK), {...dynamic});
  },
  /there is more than one PT_DYNAMIC/,
);

test(
  'a table outside of every segment came into one that grew',
  refuses,
  's390x/needs-libprobe',
  (bytes) => put(bytes, Dyn, entry(bytes, DT.DT_RELA), {d_val: 0xa40n}),
  /DT_RELA does not point into the file/,
);

test(
  'the end of a table that is longer than its segment was taken for free room',
  refuses,
  'armhf/probe-lld-pie',
  (bytes) => put(bytes, Dyn, entry(bytes, DT.DT_PLTRELSZ), {d_val: 0x20904n}),
  /DT_JMPREL is larger than its segment/,
);

test(
  'of two tables that lie over one another one was changed with the other',
  refuses,
  'x86_64/needs-libprobe',
  (bytes) => {
    const strings = viewBuffer(bytes).dynamic?.value(DT.DT_STRTAB) ?? 0n;
    put(bytes, Dyn, entry(bytes, DT.DT_VERSYM), {d_val: strings + 4n});
  },
  /overlap/,
);

test(
  'an .interp that reaches over the hash table was edited, and the result was not',
  refuses,
  'ppc64le/probe-exec',
  (bytes) => put(bytes, Shdr, section(bytes, '.interp'), {sh_size: 0x1000}),
  /a section overlaps DT_GNU_HASH/,
);

test(
  'a dynamic section that is mapped from another place was edited where ld.so does not look',
  refuses,
  'x86_64/probe-pie',
  (bytes) => {
    const {p_vaddr = 0n} = viewBuffer(bytes).segment(PT.PT_DYNAMIC) ?? {};
    put(bytes, Phdr, segment(bytes, PT.PT_DYNAMIC), {p_vaddr: p_vaddr - 16n});
  },
  /PT_DYNAMIC is mapped from a different place than its header says/,
);

test('a PT_GNU_STACK with a length stopped every edit as an internal error', (t) => {
  const bytes = fixtureBytes('armel/probe-pie');
  put(bytes, Phdr, segment(bytes, PT.PT_GNU_STACK), {p_filesz: 0x200});
  for (const request of eachKind) t.notThrows(() => planFor(bytes, request));
});

test('a segment that is mapped nowhere stopped edits elsewhere as an internal error', (t) => {
  const bytes = fixtureBytes('mips64el/probe-exec');
  put(bytes, Phdr, segment(bytes, 0x70000003), {p_vaddr: 0x7000_0000n});
  t.is(edit(bytes, {osAbi: 'FreeBSD'})[7], 9);
});

test('a .gnu.hash that is longer than its words stopped a new segment as an internal error', (t) => {
  const bytes = fixtureBytes('armhf/libprobe.so.1');
  const offset = gnuHashTable(viewBuffer(bytes))?.offset ?? 0;
  put(bytes, GnuHashHeader, {offset, index: 0}, {symoffset: 1000});
  const edited = edit(bytes, {interpreter: '/lib/new.so', addInterpreter: true});
  t.is(readOwn(edited).interpreter, '/lib/new.so');
});

test('a section without SHF_ALLOC stayed behind when the tables around it slid', (t) => {
  const bytes = fixtureBytes('x86_64/needs-libprobe-rpath');
  put(bytes, Shdr, section(bytes, '.rela.plt'), {sh_flags: 0});
  const after = viewBuffer(edit(bytes, {addNeeded: ['libmore.so']}));
  const moved = after.sectionHeaders.find((header) => after.sectionName(header) === '.rela.plt');
  t.is(moved?.sh_addr, after.dynamic?.value(DT.DT_JMPREL));
});

test('a symbol with the number of a section that it does not lie in was moved with that', (t) => {
  const bytes = fixtureBytes('i386/probe-lld-exec');
  const place = {offset: dynamicSymbolTable(viewBuffer(bytes))?.offset ?? 0, index: 8};
  const symbolOf = (file: Uint8Array) => {
    const view = viewBuffer(file);
    const start = dynamicSymbolTable(view)?.offset ?? 0;
    return Sym.decode(file, view.format, start + 8 * Sym.size(32)).st_value;
  };
  put(bytes, Sym, place, {st_shndx: 1});
  t.is(symbolOf(edit(bytes, {interpreter: longInterpreter})), symbolOf(bytes));
});

test('a symbol with a version that no table has lost it with a library that was removed', (t) => {
  const bytes = fixtureBytes('armhf/probe-nosections');
  const view = viewBuffer(bytes);
  const offset = view.offsetOfAddress(view.dynamic?.value(DT.DT_VERSYM) ?? 0n) ?? 0;
  bytes.writeUInt16LE(0x77, offset + 2);
  t.throws(() => planFor(bytes, {removeNeeded: ['libc.so.6']}), {
    code: 'UNSAFE_EDIT',
    message: /DT_VERSYM gives a symbol a version that is not defined/,
  });
});

test('a program whose segments are counted in a section was edited, though no kernel loads it', (t) => {
  const bytes = fixtureBytes('armhf/needs-libprobe');
  const {header, programHeaders} = viewBuffer(bytes);
  put(bytes, Shdr, {offset: header.e_shoff, index: 0}, {sh_info: programHeaders.length});
  put(bytes, Ehdr, {offset: EI_NIDENT, index: 0}, {e_phnum: 0xffff});
  t.is(viewBuffer(bytes).programHeaders.length, programHeaders.length);
  t.throws(() => planFor(bytes, {osAbi: 'FreeBSD'}), {code: 'UNSUPPORTED'});
});

test('names that end in one string without end took minutes and more memory than there is', (t) => {
  const {dynamic} = viewBuffer(withOneNeed(growLibrary({needed: 3000, symbols: 8000})));
  t.throws(() => dynamic?.needed, {code: 'BAD_ELF', message: /strings overlap excessively/});
});

test('note sections that lie over one another were read a thousand times', (t) => {
  const bytes = withNotes(growLibrary({sections: 1000, symbols: 40_000}), 900_000);
  t.true(viewBuffer(bytes).sectionHeaders.filter(({sh_type}) => sh_type === SHT.SHT_NOTE).length > 900);
  const source = countingSource(bufferSource(bytes));
  describeElf(new ElfView(source));
  t.true(source.bytesRead < 4 * bytes.length, `${source.bytesRead} of ${bytes.length} bytes`);
});

test('the check of note sections that lie over one another took half a minute', (t) => {
  const source = countingSource(
    bufferSource(withNotes(growLibrary({sections: 1000, symbols: 40_000}), 900_000)),
  );
  checkElf(new ElfView(source));
  t.true(source.bytesRead < 2 ** 25, `${source.bytesRead} bytes`);
});

test('a loader that is one long path was looked through for each of its directories', (t) => {
  const bytes = Buffer.from(`\0glibc-ld.so.cache1.1\0/lib/\0/usr/lib/\0${'/a'.repeat(1 << 20)}`);
  const facts = readLoaderFacts(bufferSource(bytes), {
    e_machine: 62,
    e_flags: 0,
    elfClass: 64,
    littleEndian: true,
  });
  t.deepEqual(facts.systemDirectories, ['/lib/', '/usr/lib/']);
});

test('a manifest of lists in lists without end was an internal error', (t) => {
  const depth = 100_000;
  const text = `{"version": ${'['.repeat(depth)}${']'.repeat(depth)}}`;
  t.throws(() => parseManifest(text, 'manifest.json'), {code: 'BAD_MANIFEST'});
});

test('a dynamic section without a byte moved to where it could have some', (t) => {
  const bytes = fixtureBytes('x86_64/probe-gold-pie');
  put(bytes, Phdr, segment(bytes, PT.PT_DYNAMIC), {p_offset: 0, p_vaddr: 0n, p_filesz: 0});
  const interpreter = `/${'i'.repeat(150)}/ld.so`;
  const after = edit(bytes, {interpreter});
  t.is(readOwn(after).interpreter, interpreter);
  t.deepEqual(viewBuffer(after).segment(PT.PT_DYNAMIC), viewBuffer(bytes).segment(PT.PT_DYNAMIC));
  t.throws(() => edit(bytes, {runpath: '/lib'}), {code: 'NO_DYNAMIC'});
});

test(
  'a note stayed under the program headers that grew, since its segment did not say where it is mapped',
  refuses,
  'riscv64/probe-mold-exec',
  (bytes) => put(bytes, Phdr, segment(bytes, PT.PT_NOTE), {p_vaddr: 0n}),
  /PT_NOTE is mapped from a different place than its header says/,
);

test(
  'buckets that reach over other tables counted other symbols once those had moved',
  refuses,
  'x86_64/probe-nosections',
  (bytes) => {
    const offset = gnuHashTable(viewBuffer(bytes))?.offset ?? 0;
    put(bytes, GnuHashHeader, {offset, index: 0}, {nbuckets: 64});
  },
  /DT_GNU_HASH and DT_SYMTAB overlap/,
);

test('the last chain of .gnu.hash was followed word by word through a hole of a gigabyte', (t) => {
  const bytes = fixtureBytes('x86_64/probe-lld-exec');
  const table = gnuHashTable(viewBuffer(bytes));
  bytes.fill(0, table?.chains, (table?.chains ?? 0) + 4);
  const padded = bufferSource(bytes);
  const source = countingSource({
    path: undefined,
    size: 2 ** 30,
    read: (offset, length) =>
      offset + length <= bytes.length ? padded.read(offset, length) : new Uint8Array(length),
  });
  gnuHashTable(new ElfView(source));
  t.true(source.bytesRead < 2 ** 20, `${source.bytesRead} bytes`);
});

test('a table of headers that grows in a segment that can be written to was an internal error', (t) => {
  const bytes = fixtureBytes('riscv64/probe-mold-exec');
  put(bytes, Phdr, segment(bytes, PT.PT_LOAD), {p_flags: 6});
  t.is(readOwn(edit(bytes, {interpreter: longInterpreter})).interpreter, longInterpreter);
});

test(
  'of two DT_SYMTAB one was left pointing at where the tables had been',
  refuses,
  'i386/probe-exec',
  (bytes) => put(bytes, Dyn, entry(bytes, DT.DT_VERSYM), {d_tag: DT.DT_SYMTAB}),
  /there is more than one DT_SYMTAB/,
);

test(
  'a note that is longer in memory than in the file moved to where it was not covered',
  refuses,
  'riscv64/probe-mold-exec',
  (bytes) => put(bytes, Phdr, segment(bytes, PT.PT_NOTE), {p_memsz: 0x144}),
  /PT_NOTE is mapped from a different place than its header says/,
);

test('a .tbss with the address of the dynamic section hid what is wrong with that', (t) => {
  const bytes = fixtureBytes('riscv64/probe-mold-exec');
  put(bytes, Dyn, entry(bytes, DT.DT_FINI_ARRAYSZ), {d_tag: 0x1234_5678n});
  t.deepEqual(
    checkElf(viewBuffer(bytes)).map(({code}) => code),
    ['NO_SIZE'],
  );
});

test(
  'versions that lie over the ELF header, of symbols that nobody counts, changed with it',
  refuses,
  'armhf/probe-nosections',
  (bytes) => put(bytes, Dyn, entry(bytes, DT.DT_VERSYM), {d_val: 0n}),
  /the ELF header and DT_VERSYM overlap/,
);

test('a PT_GNU_PROPERTY that patchelf had left on the program headers was taken for bytes to keep', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  const {offset, index} = segment(bytes, PT.PT_INTERP);
  put(bytes, Phdr, segment(bytes, PT.PT_GNU_PROPERTY), {p_offset: offset + index * Phdr.size(64)});
  t.is(viewBuffer(edit(bytes, {interpreter: longInterpreter})).interpreter?.path, longInterpreter);
});

test('the full check read the name of a symbol outside the string table, which no edit touches', (t) => {
  const bytes = fixtureBytes('armhf/probe-pie');
  const view = viewBuffer(bytes);
  const table = dynamicSymbolTable(view);
  const index = readVersym(view, table?.count ?? 0).findIndex((raw) => versionIndex(raw) > 1);
  t.true(index > 0);
  put(bytes, Sym, {offset: table?.offset ?? 0, index}, {st_name: 0x40_0000});
  const damaged = viewBuffer(bytes);
  for (const request of [{osAbi: 'FreeBSD'}, {rpath: `/opt/${'r'.repeat(300)}`}] as const)
    t.notThrows(() => checkPlanFully(damaged, planEdit(damaged, request), [request]));
});

test('the full check asked for the names of a file whose dynamic section is empty', (t) => {
  const bytes = fixtureBytes('musl/probe-exec');
  put(bytes, Dyn, {...entry(bytes, DT.DT_NEEDED), index: 0}, {d_tag: DT.DT_NULL});
  const view = viewBuffer(bytes);
  t.is(view.dynamic?.entries.length, 0);
  const request = {interpreter: '/x'};
  t.notThrows(() => checkPlanFully(view, planEdit(view, request), [request]));
});

test('an empty PT_DYNAMIC at no address is not the concern of an edit of the interpreter', (t) => {
  for (const name of ['armhf/probe-nosections', 'armhf/probe-gold-exec', 'x86_64/probe-pie']) {
    const bytes = fixtureBytes(name);
    const empty = {p_vaddr: 0n, p_paddr: 0n, p_filesz: 0, p_memsz: 0, p_flags: 0, p_align: 0};
    put(bytes, Phdr, segment(bytes, PT.PT_DYNAMIC), empty);
    t.is(viewBuffer(edit(bytes, {interpreter: '/x'})).interpreter?.path, '/x', name);
  }
});

test('a name that no NUL ends is not the concern of an edit of the interpreter', (t) => {
  const bytes = fixtureBytes('armhf/probe-pie');
  const view = viewBuffer(bytes);
  const {offset = 0, size = 0} = view.dynamic?.stringTable ?? {};
  const symbols = dynamicSymbolTable(view);
  t.assert(symbols !== undefined);
  const index = readVersym(view, symbols?.count ?? 0).findIndex((raw) => versionIndex(raw) > 1);
  put(bytes, Sym, {offset: symbols?.offset ?? 0, index}, {st_name: size - 2});
  bytes.fill(0x78, offset + size - 2, offset + size);
  const damaged = viewBuffer(bytes);
  const plan = planEdit(damaged, {interpreter: '/x'});
  t.notThrows(() => checkPlanFully(damaged, plan, [{interpreter: '/x'}]));
});

test('a symbol table of terabytes is refused before memory is taken for it', (t) => {
  for (const sh_size of [2 ** 51, 2 ** 34]) {
    const bytes = fixtureBytes('x86_64/hello-static');
    put(bytes, Shdr, section(bytes, '.symtab'), {sh_size});
    const report = describeElf(viewBuffer(bytes));
    t.regex(JSON.stringify(report), /the file ends too early/);
  }
});

test('a section with the type of DT_VERNEED, which it is not, was taken for that when the last version went', (t) => {
  const bytes = fixtureBytes('x86_64/probe-lld-exec');
  put(bytes, Shdr, section(bytes, '.shstrtab'), {sh_type: SHT.SHT_GNU_VERNEED});
  const {sectionHeaders} = viewBuffer(edit(bytes, {removeNeeded: ['libc.so.6']}));
  t.is(sectionHeaders.filter(({sh_type}) => sh_type === SHT.SHT_GNU_VERNEED).length, 1);
  t.true((sectionHeaders.at(-1)?.sh_size ?? 0) > 0);
});

test('the section of DT_VERNEED, which had lost its bytes, got some when a version went', (t) => {
  const bytes = fixtureBytes('armhf/needs-libprobe');
  put(bytes, Shdr, section(bytes, '.gnu.version_r'), {sh_offset: 0, sh_size: 0});
  const edited = viewBuffer(edit(bytes, {clearSymbolVersions: ['puts', 'probe_version']}));
  t.is(edited.sectionHeaders.find(({sh_type}) => sh_type === SHT.SHT_GNU_VERNEED)?.sh_size, 0);
});

test('a .dynstr that is longer than DT_STRSZ says took the place of its strings', (t) => {
  const bytes = fixtureBytes('x86_64/needs-libprobe-rpath');
  const {size = 0} = viewBuffer(bytes).dynamic?.stringTable ?? {};
  put(bytes, Shdr, section(bytes, '.dynstr'), {sh_size: size + 1});
  const edited = edit(bytes, {addRpath: '/more:/still/more'});
  t.is(readOwn(edited).strings.get(Number(DT.DT_RPATH)), '$ORIGIN:/nowhere:/more:/still/more');
});

test('a writable and executable segment stopped the edit that gave a file its first library or interpreter', (t) => {
  const bytes = edit(fixtureBytes('x86_64/libprobe.so.1'), {removeNeeded: ['ld-linux-x86-64.so.2']});
  put(bytes, Phdr, segment(bytes, PT.PT_LOAD), {p_flags: PF.PF_R | PF.PF_W | PF.PF_X});
  t.deepEqual(readOwn(edit(bytes, {addNeeded: ['libc.so.6']})).needed, ['libc.so.6']);
  t.is(readOwn(edit(bytes, {interpreter: '/lib/new.so', addInterpreter: true})).interpreter, '/lib/new.so');
});

test('of two DT_MIPS_RLD_MAP_REL the second was counted from the first one', (t) => {
  const {DT_MIPS_RLD_MAP_REL} = machineDT[EM.EM_MIPS];
  const bytes = fixtureBytes('mips64el/probe-exec');
  const leadTo = (view: ElfView) =>
    (view.dynamic?.entries ?? []).flatMap(({d_tag, d_val}, i) =>
      d_tag === DT_MIPS_RLD_MAP_REL ? [(view.dynamic?.address ?? 0n) + BigInt(i * 16) + d_val] : [],
    );
  put(bytes, Dyn, entry(bytes, DT.DT_INIT), {d_tag: DT_MIPS_RLD_MAP_REL, d_val: 0x1_0938n});
  const before = leadTo(viewBuffer(bytes));
  t.is(before.length, 2);
  t.deepEqual(leadTo(viewBuffer(edit(bytes, {addRpath: '/more:/still/more'}))), before);
});

test('a loader with a segment at the end of the address space was laid out with addresses that no number can hold', (t) => {
  for (const p_vaddr of [2n ** 64n - 16n, 2n ** 40n]) {
    const bytes = fixtureBytes('x86_64/needs-libprobe');
    const {programHeaders, header} = viewBuffer(bytes);
    const last = programHeaders.findLastIndex(({p_type}) => p_type === PT.PT_LOAD);
    put(bytes, Phdr, {offset: header.e_phoff, index: last}, {p_vaddr});
    const loader = {view: viewBuffer(bytes), names: ['ld.so'], sha256: '0'.repeat(64), mode: 0o755};
    const program = {...loader, view: viewBuffer(fixtureBytes('x86_64/probe-pie')), names: ['program']};
    const error = t.throws(() => planPack({program, loader, libraries: []}), {instanceOf: ElfError});
    t.is(error?.code, 'UNSUPPORTED');
  }
});

test('versions of symbols that nobody counts were read beyond the table, where an edit wrote', (t) => {
  const bytes = fixtureBytes('armhf/probe-nosections');
  put(bytes, Dyn, entry(bytes, DT.DT_SYMTAB), {d_val: 0x5ecn});
  const edited = edit(bytes, {replaceNeeded: {'libc.so.6': 'libc-of-another-name.so.6'}});
  t.deepEqual(readOwn(edited).needed, ['libc-of-another-name.so.6']);
});

test('an inactive section header that was left over a library took the place of every string', (t) => {
  const bytes = fixtureBytes('i386/probe-lld-exec');
  const everything = {sh_flags: SHF.SHF_ALLOC, sh_offset: 0, sh_size: 2 ** 31 - 1};
  put(bytes, Shdr, section(bytes, '.shstrtab'), {sh_type: SHT.SHT_NULL, ...everything});
  const edited = edit(bytes, {addNeededFirst: ['libfirst.so']});
  t.deepEqual(readOwn(edited).needed, ['libfirst.so', 'libc.so.6']);
});

test('section headers that came back to their place were left out', (t) => {
  const bytes = fixtureBytes('x86_64/probe-exec');
  const {header, programHeaders, sectionHeaders} = viewBuffer(bytes);
  const index = programHeaders.findIndex(({p_type}) => p_type === PT.PT_INTERP);
  put(bytes, Phdr, {offset: header.e_phoff, index}, {p_type: PT.PT_NULL});
  const edited = viewBuffer(edit(bytes, {interpreter: '/lib/new.so', addInterpreter: true}));
  t.is(edited.interpreter?.path, '/lib/new.so');
  t.is(edited.header.e_shoff, header.e_shoff);
  t.deepEqual(
    edited.sectionHeaders.slice(0, -1).map((section) => edited.sectionName(section)),
    sectionHeaders.map((section) => viewBuffer(bytes).sectionName(section)),
  );
});

test('a program header table grew where only a later LOAD maps all of it', (t) => {
  const bytes = fixtureBytes('x86_64/hello-static');
  const {header, programHeaders} = viewBuffer(bytes);
  const {e_phoff: offset} = header;
  const last = programHeaders.findLastIndex(({p_type}) => p_type === PT.PT_LOAD);
  put(bytes, Phdr, {offset, index: last}, {p_offset: 0, p_filesz: 0x1000});
  put(bytes, Phdr, {offset, index: last + 1}, {p_type: PT.PT_TLS});
  const edited = viewBuffer(edit(bytes, {execStack: false}));
  t.is(edited.segment(PT.PT_GNU_STACK)?.p_flags, PF.PF_R | PF.PF_W);
  t.not(edited.header.e_phoff, header.e_phoff);
});

test('a name beyond the string table became another one when the table grew', (t) => {
  const bytes = fixtureBytes('musl/probe-pie');
  const view = viewBuffer(bytes);
  const {offset = 0} = dynamicSymbolTable(view) ?? {};
  const {size = 0} = view.dynamic?.stringTable ?? {};
  put(bytes, Sym, {offset, index: 6}, {st_name: size});
  const damaged = viewBuffer(bytes);
  const plan = planEdit(damaged, {runpath: `/${'r'.repeat(300)}`});
  t.notThrows(() => checkPlanFully(damaged, plan, [{runpath: `/${'r'.repeat(300)}`}]));
});

for (const align of [0x40000000, 0x40000004])
  test(`a note that says it is aligned to ${align} bytes made the file grow by so many`, (t) => {
    const bytes = fixtureBytes('x86_64/probe-lld-pie');
    put(bytes, Shdr, section(bytes, '.note.gnu.build-id'), {sh_addralign: align});
    const path = '/lib/elsewhere/ld.so';
    const {outputSize} = planFor(bytes, {interpreter: path, rpath: path, addNeeded: ['libmore.so']});
    t.true(outputSize < bytes.length + 0x10000, String(outputSize));
  });
