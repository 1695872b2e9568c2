/*
 * checkElf reports nothing about sound files, names what is damaged and where, and ends in bounded time on any input.
 */
import {execFileSync} from 'node:child_process';
import test, {type ExecutionContext} from 'ava';
import {DT, PF, PT, SHT} from '../../src/elf/constants.js';
import {Dyn, Ehdr, EI_NIDENT, Nhdr, Phdr, Shdr, Verneed} from '../../src/elf/records.js';
import {gnuHashTable} from '../../src/elf/symbols.js';
import {dynamicTables} from '../../src/elf/tables.js';
import type {ElfView} from '../../src/elf/view.js';
import {checkElf, ElfError, findElfFiles, openElfBuffer, openElfSync, type Problem} from '../../src/index.js';
import {debugFile, fixtureBytes, fixtures} from '../helpers/fixtures.js';
import {elflint} from '../helpers/readelf.js';
import {copyFixture} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';

for (const {name, path} of [...fixtures, {name: 'x86_64/probe.debug', path: debugFile}])
  test(`${name}: nothing to complain of`, (t) => {
    t.deepEqual(problemsOf(path), []);
  });

function problemsOf(path: string): Problem[] {
  const {view, close} = openElfSync(path);
  const problems = checkElf(view);
  void close();
  return problems;
}

test('no ELF file of the system is complained of', (t) => {
  let count = 0;
  for (const directory of ['/usr/bin', '/usr/lib'])
    for (const path of findElfFiles(directory)) {
      count += 1;
      t.deepEqual(problemsOf(path), [], path);
    }
  t.true(count > 100, `${count} files`);
});

type Damage = (bytes: Buffer, view: ElfView) => void;

/** Overwrite fields of one record of a table. */
function change<T extends object>(
  type: {
    size(elfClass: 32 | 64): number;
    decode(bytes: Uint8Array, format: ElfView['format'], offset?: number): T;
    encode(record: T, format: ElfView['format']): Uint8Array;
  },
  place: (view: ElfView) => number,
  fields: (old: T) => Partial<T>,
): Damage {
  return (bytes, view) => {
    const offset = place(view);
    const old = type.decode(bytes, view.format, offset);
    bytes.set(type.encode({...old, ...fields(old)}, view.format), offset);
  };
}

const header = (fields: (old: Ehdr) => Partial<Ehdr>) => change(Ehdr, () => EI_NIDENT, fields);

const segment = (p_type: number, fields: (old: Phdr) => Partial<Phdr>, nth = 0) =>
  change(
    Phdr,
    (view) => {
      const indices = view.programHeaders.flatMap((p, i) => (p.p_type === p_type ? [i] : []));
      return view.header.e_phoff + (indices.at(nth) ?? 0) * Phdr.size(view.format.elfClass);
    },
    fields,
  );

const section = (sh_type: number, fields: (old: Shdr) => Partial<Shdr>) =>
  change(
    Shdr,
    (view) =>
      view.header.e_shoff +
      view.sectionHeaders.findIndex((s) => s.sh_type === sh_type) * Shdr.size(view.format.elfClass),
    fields,
  );

const entry = (tag: bigint, fields: (old: Dyn) => Partial<Dyn>) =>
  change(
    Dyn,
    (view) =>
      (view.dynamic?.offset ?? 0) +
      (view.dynamic?.entries.findIndex((e) => e.d_tag === tag) ?? 0) * Dyn.size(view.format.elfClass),
    fields,
  );

const table =
  (tag: bigint, offset: number, value: number): Damage =>
  (bytes, view) => {
    const start = dynamicTables(view).find((t) => t.tag === tag)?.offset ?? 0;
    bytes[start + offset] = value;
  };

const damages: Readonly<Record<string, readonly [code: string, damage: Damage]>> = {
  'e_version 2': ['BAD_VERSION', header(() => ({e_version: 2}))],
  'e_ehsize 1': ['BAD_EHSIZE', header(() => ({e_ehsize: 1}))],
  'e_type 0': ['BAD_TYPE', header(() => ({e_type: 0}))],
  'e_machine 0': ['BAD_MACHINE', header(() => ({e_machine: 0}))],
  'e_shstrndx past the end': ['BAD_SHSTRNDX', header(() => ({e_shstrndx: 999}))],
  'e_phentsize 1': ['UNREADABLE', header(() => ({e_phentsize: 1}))],
  'no program headers': ['NO_SEGMENTS', header(() => ({e_phnum: 0}))],
  'a place for section headers, but none': ['NO_SECTIONS', header(() => ({e_shnum: 0}))],
  'e_entry in data': ['ENTRY_NOT_CODE', header(() => ({e_entry: 1n}))],
  'PT_PHDR elsewhere': ['PHDR_ELSEWHERE', segment(PT.PT_PHDR, (p) => ({p_offset: p.p_offset + 56}))],
  'PT_PHDR at another address': ['PHDR_NOT_SEEN', segment(PT.PT_PHDR, (p) => ({p_vaddr: p.p_vaddr + 56n}))],
  'no PT_PHDR beside PT_INTERP': ['NO_PHDR', segment(PT.PT_PHDR, () => ({p_type: PT.PT_NULL}))],
  'a second PT_INTERP': ['SECOND_SEGMENT', segment(PT.PT_NOTE, () => ({p_type: PT.PT_INTERP}))],
  'p_align 3': ['BAD_ALIGNMENT', segment(PT.PT_TLS, () => ({p_align: 3}))],
  'p_filesz above p_memsz': ['FILESZ_ABOVE_MEMSZ', segment(PT.PT_LOAD, (p) => ({p_memsz: p.p_filesz - 1}))],
  'PT_TLS larger in the file': ['FILESZ_ABOVE_MEMSZ', segment(PT.PT_TLS, () => ({p_memsz: 1}))],
  'a note that is longer than its section': [
    'BAD_NOTE',
    change(
      Nhdr,
      (view) => view.segment(PT.PT_NOTE)?.p_offset ?? 0,
      () => ({n_descsz: 0x100}),
    ),
  ],
  'a LOAD past the end': [
    'SEGMENT_OUTSIDE_FILE',
    segment(PT.PT_LOAD, () => ({p_filesz: 1 << 20, p_memsz: 1 << 20}), -1),
  ],
  'a LOAD off its page': ['NOT_CONGRUENT', segment(PT.PT_LOAD, (p) => ({p_vaddr: p.p_vaddr + 1n}), 1)],
  'LOADs in disorder': ['LOADS_OUT_OF_ORDER', segment(PT.PT_LOAD, () => ({p_vaddr: 0n}), 1)],
  'W and X': ['WRITABLE_CODE', segment(PT.PT_LOAD, () => ({p_flags: PF.PF_R | PF.PF_W | PF.PF_X}), 1)],
  'PT_INTERP elsewhere': ['NOT_IN_LOAD', segment(PT.PT_INTERP, (p) => ({p_vaddr: p.p_vaddr + 0x100000n}))],
  'an empty interpreter': [
    'EMPTY_INTERPRETER',
    (bytes, view) => void bytes.fill(0, view.interpreter?.offset, (view.interpreter?.offset ?? 0) + 28),
  ],
  'GNU_RELRO in code': ['RELRO_OUTSIDE', segment(PT.PT_GNU_RELRO, () => ({p_vaddr: 0x1000n}))],
  'DT_STRTAB outside': ['UNREADABLE', entry(DT.DT_STRTAB, () => ({d_val: 0x7000000n}))],
  'DT_NEEDED past DT_STRSZ': ['STRING_OUTSIDE', entry(DT.DT_NEEDED, () => ({d_val: 0x100000n}))],
  'an empty DT_NEEDED': ['EMPTY_NEEDED', entry(DT.DT_NEEDED, () => ({d_val: 0n}))],
  'two of DT_INIT': ['SECOND_TAG', entry(DT.DT_FINI, () => ({d_tag: DT.DT_INIT}))],
  'DT_RELASZ absurd': ['RANGE_OUTSIDE', entry(DT.DT_RELASZ, () => ({d_val: 24n << 20n}))],
  'DT_RELASZ broken': ['BROKEN_RECORD', entry(DT.DT_RELASZ, (e) => ({d_val: e.d_val - 1n}))],
  'DT_SYMENT 1': ['BAD_ENTRY_SIZE', entry(DT.DT_SYMENT, () => ({d_val: 1n}))],
  'DT_PLTREL 1': ['BAD_PLTREL', entry(DT.DT_PLTREL, () => ({d_val: 1n}))],
  'DT_GNU_HASH outside': ['TABLE_OUTSIDE', entry(DT.DT_GNU_HASH, () => ({d_val: 0x7000000n}))],
  'DT_FINI outside': ['POINTER_OUTSIDE', entry(DT.DT_FINI, () => ({d_val: 0x7000000n}))],
  'DT_PLTREL gone': ['TAG_MISSING', entry(DT.DT_PLTREL, () => ({d_tag: DT.DT_DEBUG}))],
  'a DT_NULL in the middle': ['ENTRY_AFTER_NULL', entry(DT.DT_DEBUG, () => ({d_tag: DT.DT_NULL}))],
  'a bucket of DT_GNU_HASH astray': ['CHAIN_OUTSIDE', table(DT.DT_GNU_HASH, 27, 0x7f)],
  'DT_VERNEEDNUM 9': ['BAD_COUNT', entry(DT.DT_VERNEEDNUM, () => ({d_val: 9n}))],
  'DT_VERSYM 0x7ffe': ['NO_SUCH_VERSION', table(DT.DT_VERSYM, 3, 0x7f)],
  'vn_version 2': [
    'BAD_VERSION',
    change(
      Verneed,
      (view) => dynamicTables(view).find((t) => t.tag === DT.DT_VERNEED)?.offset ?? 0,
      () => ({vn_version: 2}),
    ),
  ],
  'a last vn_next that is not 0': [
    'BAD_NEXT',
    change(
      Verneed,
      (view) => dynamicTables(view).find((t) => t.tag === DT.DT_VERNEED)?.offset ?? 0,
      () => ({vn_next: 16}),
    ),
  ],
  'a version that hashes otherwise': ['BAD_HASH', table(DT.DT_VERNEED, 16, 0x55)],
  'a symbol name outside': ['STRING_OUTSIDE', table(DT.DT_SYMTAB, 26, 0x7f)],
  'a relocation of no symbol': ['NO_SUCH_SYMBOL', table(DT.DT_JMPREL, 14, 0x7f)],
  'a relocation outside': ['RELOCATION_OUTSIDE', table(DT.DT_JMPREL, 4, 0x7f)],
  'a section past the end': ['SECTION_OUTSIDE_FILE', section(SHT.SHT_SYMTAB, () => ({sh_offset: 1 << 24}))],
  'a section off its segment': [
    'SECTION_NOT_IN_LOAD',
    section(SHT.SHT_RELA, (s) => ({sh_offset: s.sh_offset + 8})),
  ],
  'a section off its tag': [
    'SECTION_NOT_AT_TAG',
    section(SHT.SHT_DYNSYM, (s) => ({sh_addr: s.sh_addr + 8n})),
  ],
  'a mapped section without SHF_ALLOC': [
    'SECTION_NOT_ALLOC',
    section(SHT.SHT_GNU_VERSYM, () => ({sh_flags: 0})),
  ],
  'sections one over the other': [
    'SECTIONS_OVERLAP',
    section(SHT.SHT_SYMTAB, (s) => ({sh_offset: s.sh_offset - 8})),
  ],
  'a section name outside': ['STRING_OUTSIDE', section(SHT.SHT_SYMTAB, () => ({sh_name: 1 << 20}))],
  'sh_link 99': ['BAD_LINK', section(SHT.SHT_SYMTAB, () => ({sh_link: 99}))],
  'sh_entsize 1': ['BAD_ENTRY_SIZE', section(SHT.SHT_SYMTAB, () => ({sh_entsize: 1}))],
};

for (const [title, [code, damage]] of Object.entries(damages))
  test(`${title}: ${code}`, (t) => {
    const bytes = fixtureBytes('x86_64/probe-pie');
    damage(bytes, openElfBuffer(fixtureBytes('x86_64/probe-pie')).view);
    const problems = checkElf(openElfBuffer(bytes).view);
    t.true(
      problems.some((problem) => problem.code === code),
      JSON.stringify(problems),
    );
    for (const {message, offset} of problems) t.true(message.length > 10 && offset >= 0);
  });

test('a symbol that its hash table does not lead to', (t) => {
  for (const name of ['x86_64/libprobe.so.1', 's390x/libprobe.so.1']) {
    const original = openElfBuffer(fixtureBytes(name)).view;
    const hash = gnuHashTable(original);
    for (const offset of [hash?.bloom, hash?.buckets, hash?.chains]) {
      const bytes = fixtureBytes(name);
      bytes.fill(0, offset, (offset ?? 0) + 8);
      const codes = checkElf(openElfBuffer(bytes).view).map(({code}) => code);
      t.true(
        codes.some((code) => code === 'NOT_FOUND' || code === 'BAD_COUNT'),
        `${name} ${offset}: ${codes}`,
      );
    }
  }
});

test('a chain of DT_HASH that does not end', (t) => {
  const bytes = fixtureBytes('s390x/probe-pie');
  const hashed = fixtureBytes('mips64el/probe-pie');
  t.deepEqual(checkElf(openElfBuffer(bytes).view), []);
  const view = openElfBuffer(fixtureBytes('mips64el/probe-pie')).view;
  const start = dynamicTables(view).find(({tag}) => tag === DT.DT_HASH)?.offset ?? 0;
  const buckets = hashed.readUInt32LE(start);
  for (let i = 0; i < hashed.readUInt32LE(start + 4); i++)
    hashed.writeUInt32LE(i, start + 8 + (buckets + i) * 4);
  const codes = checkElf(openElfBuffer(hashed).view).map(({code}) => code);
  t.true(codes.includes('CHAIN_RING'), codes.join());
});

test(
  'what patchelf leaves behind: versions of a library that is not needed',
  withTools((t) => {
    const file = copyFixture(t, 'x86_64/needs-libprobe');
    t.is(run('patchelf', ['--remove-needed', 'libprobe.so.1', file]).status, 0);
    t.deepEqual(
      problemsOf(file).map(({code}) => code),
      ['NOT_NEEDED'],
    );
  }),
);

test(
  'where eu-elflint complains of a damaged header, so do we',
  withTools((t) => {
    for (const title of ['e_version 2', 'e_ehsize 1', 'e_shstrndx past the end', 'sh_link 99']) {
      const file = copyFixture(t, 'x86_64/probe-pie');
      const [, damage] = damages[title] ?? [];
      const bytes = fixtureBytes('x86_64/probe-pie');
      damage?.(bytes, openElfBuffer(fixtureBytes('x86_64/probe-pie')).view);
      execFileSync('tee', [file], {input: bytes});
      t.not(elflint(file).length, 0, title);
      t.not(problemsOf(file).length, 0, title);
    }
  }),
);

/** Seeded, so that failures are reproducible. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function damageAtRandom(bytes: Buffer, random: (below: number) => number): void {
  for (let i = 0; i <= random(4); i++) {
    const at = random(random(2) === 0 ? Math.min(4096, bytes.length) : bytes.length);
    bytes.fill([0, 0xff, 0x7f, random(256)][random(4)] ?? 0, at, Math.min(bytes.length, at + 2 ** random(4)));
  }
}

test('random damage is read to the end, without other errors than our own', (t: ExecutionContext) => {
  const random = randomNumbers(7);
  for (let round = 0; round < 2000; round++) {
    const {name} = fixtures[random(fixtures.length)] ?? {name: 'x86_64/probe-pie'};
    const bytes = fixtureBytes(name);
    damageAtRandom(bytes, random);
    try {
      for (const {code, message} of checkElf(openElfBuffer(bytes).view))
        t.true(code !== '' && message !== '');
    } catch (error) {
      t.true(error instanceof ElfError, `${name}, round ${round}: ${(error as Error).stack}`);
    }
  }
});
