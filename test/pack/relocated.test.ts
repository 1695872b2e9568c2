import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {DT, PF, PT} from '../../src/elf/constants.js';
import {Dyn, Ehdr, EI_NIDENT, Phdr, Rela} from '../../src/elf/records.js';
import type {ElfView} from '../../src/elf/view.js';
import {memoryLayout} from '../../src/pack/fixed/memory-layout.js';
import {type Relocated, relocate} from '../../src/pack/fixed/relocated.js';
import {tempDirectory, tempFile} from '../helpers/temp.js';
import {output, pathOf, withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';
import {pack} from './packing.js';

const base = 0x5660_0000_0000n;
const libraryFile = '/lib/x86_64-linux-gnu/liblzma.so.5';

function relocateAll(view: ElfView, at = base): Relocated {
  const loads = view.segments(PT.PT_LOAD).filter(({p_flags}) => (p_flags & PF.PF_W) !== 0);
  return relocate(view, loads, at, 4096);
}

/** The word at an address. */
function wordIn({segments}: Relocated, address: bigint): bigint | undefined {
  const own = segments.find(
    ({address: start, bytes}) => address >= start && address + 8n <= start + BigInt(bytes.length),
  );
  return own && Buffer.from(own.bytes).readBigUInt64LE(Number(address - own.address));
}

/** The value of a dynamic entry. */
function entryIn(relocated: Relocated, {dynamic}: ElfView, tag: bigint): bigint | undefined {
  const index = dynamic?.tags.lastIndexOf(tag) ?? -1;
  return wordIn(relocated, (dynamic?.address ?? 0n) + BigInt(index * 16 + 8));
}

interface Change {
  /** Of the first relocations. */
  readonly relocations?: readonly Partial<Rela>[];
  readonly entries?: Partial<Record<keyof typeof DT, bigint>>;
  /** Of the writable segment. */
  readonly data?: Partial<Phdr>;
}

/** Change a library. */
function forge({relocations = [], entries = {}, data = {}}: Change, file = libraryFile): ElfView {
  const bytes = Buffer.from(readFileSync(file));
  const view = viewBuffer(bytes);
  const {format, dynamic, programHeaders} = view;
  relocations.forEach((fields, i) => {
    const at = (view.offsetOfTable(DT.DT_RELA) ?? 0) + i * Rela.size(64);
    bytes.set(Rela.encode({...Rela.decode(bytes.subarray(at, at + 24), format), ...fields}, format), at);
  });
  for (const [name, d_val] of Object.entries(entries)) {
    const d_tag = DT[name as keyof typeof DT];
    const at = (dynamic?.offset ?? 0) + (dynamic?.tags.lastIndexOf(d_tag) ?? 0) * 16;
    bytes.set(Dyn.encode({d_tag, d_val}, format), at);
  }
  const index = programHeaders.findIndex(isData);
  const changed = {...(programHeaders[index] as Phdr), ...data};
  bytes.set(Phdr.encode(changed, format), view.header.e_phoff + index * Phdr.size(64));
  return viewBuffer(bytes, 'forged.so');
}

function isData({p_type, p_flags}: Phdr): boolean {
  return p_type === PT.PT_LOAD && (p_flags & PF.PF_W) !== 0;
}

const sound = viewBuffer(readFileSync(libraryFile));
const {p_vaddr, p_filesz, p_memsz} = sound.programHeaders.find(isData) as Phdr;
const dataEnd = p_vaddr + BigInt(p_filesz);
const whole = relocateAll(sound).count;

test(
  'what readelf lists as relative is applied, and nothing else is changed',
  withTools((t) => {
    for (const file of [libraryFile, '/lib/x86_64-linux-gnu/libc.so.6', pathOf('qemu-arm')]) {
      const view = viewBuffer(readFileSync(file));
      const relocated = relocateAll(view);
      const list = output('readelf', ['-rW', file]);
      const wanted = new Map<bigint, bigint>();
      // An address alone, or since binutils 2.43 after the entry and before the symbol.
      const packed = /^(?:[0-9a-f]{4}: {2}\w{16} | {24})(\w{16}) {2}\S.*$|^(\w{16})$/gm;
      for (const [, listed, at = listed] of list.matchAll(packed)) {
        const offset = view.offsetOfAddress(BigInt(`0x${at}`)) ?? 0;
        wanted.set(BigInt(`0x${at}`), base + Buffer.from(view.source.read(offset, 8)).readBigUInt64LE());
      }
      for (const [, at = '', addend] of list.matchAll(/^(\w{16}) .* R_X86_64_RELATIVE +(\w+)$/gm))
        wanted.set(BigInt(`0x${at}`), base + BigInt(`0x${addend}`));
      t.is(relocated.count, wanted.size);
      t.true(wanted.size > 5);
      t.deepEqual(
        [...wanted.keys()].filter((at) => wordIn(relocated, at) !== wanted.get(at)),
        [],
      );
      const {address = 0n, capacity = 0} = view.dynamic ?? {};
      for (const {bytes, offset, address: start} of relocated.segments) {
        const before = Buffer.from(view.source.read(offset, bytes.length));
        for (let i = 0; i + 8 <= bytes.length; i += 8) {
          const at = start + BigInt(i);
          const isDynamic = at >= address && at < address + BigInt(capacity * 16);
          if (before.compare(bytes, i, i + 8, i, i + 8) !== 0 && !isDynamic && !wanted.has(at))
            t.fail(`${file} ${at}`);
        }
      }
    }
  }),
);

test('the loader is told to begin after what was applied', (t) => {
  const relocated = relocateAll(sound);
  const {dynamic} = sound;
  t.is(entryIn(relocated, sound, DT.DT_RELA), (dynamic?.value(DT.DT_RELA) ?? 0n) + BigInt(whole * 24));
  t.is(entryIn(relocated, sound, DT.DT_RELASZ), (dynamic?.value(DT.DT_RELASZ) ?? 0n) - BigInt(whole * 24));
  t.is(entryIn(relocated, sound, DT.DT_RELACOUNT), 0n);
  t.is(entryIn(relocated, sound, DT.DT_JMPREL), dynamic?.value(DT.DT_JMPREL));
});

test('DT_RELACOUNT is not believed', (t) => {
  for (const count of [0n, 3n, 1n << 40n]) {
    const view = forge({entries: {DT_RELACOUNT: count}});
    const relocated = relocateAll(view);
    t.is(relocated.count, whole);
    t.is(entryIn(relocated, view, DT.DT_RELACOUNT), 0n);
  }
});

const ends: Record<string, Partial<Rela>> = {
  'a relocation with a symbol': {r_info: 1n},
  'one relative to a symbol': {r_info: (5n << 32n) | 8n},
  IRELATIVE: {r_info: 37n},
  COPY: {r_info: (1n << 32n) | 5n},
  'a word of the BSS': {r_offset: dataEnd + 8n},
  'a word half in the BSS': {r_offset: dataEnd - 4n},
};

for (const [name, relocation] of Object.entries(ends)) {
  test(`what comes from here on is left to the loader: ${name}`, (t) => {
    const data = {p_memsz: p_filesz + 64};
    const view = forge({relocations: [{}, {}, relocation], data});
    const relocated = relocateAll(view);
    t.is(relocated.count, 2);
    t.is(entryIn(relocated, view, DT.DT_RELA), (sound.dynamic?.value(DT.DT_RELA) ?? 0n) + 48n);
  });
}

test('of two relocations of one word the later one counts, as in the loader; sums carry and wrap around', (t) => {
  const r_offset = p_vaddr + 8n;
  const view = forge({
    relocations: [
      {r_offset, r_addend: 0x111n},
      {r_offset, r_addend: 0x222n},
      {r_offset: r_offset + 4n, r_addend: -1n},
    ],
  });
  const word = wordIn(relocateAll(view, base + 0x1000n), r_offset);
  t.is(word, 0xfff_0000_1222n);
  t.is(wordIn(relocateAll(view, base + 0x1000n), r_offset + 4n), base + 0xfffn);
});

test('relocations of the procedure linkage table are not taken for others', (t) => {
  const rela = sound.dynamic?.value(DT.DT_RELA) ?? 0n;
  t.is(relocateAll(forge({entries: {DT_JMPREL: rela + 72n}})).count, 3);
  t.is(relocateAll(forge({entries: {DT_RELAENT: 48n}})).count, 0, 'nor records of another size');
});

const dynamicAt = sound.dynamic?.address ?? 0n;
const hostile: Record<string, bigint> = {
  'before everything': (1n << 64n) - 8n,
  'behind everything': p_vaddr + BigInt(p_memsz) + 0x10000n,
  'far away': 1n << 62n,
  'the ELF header': 0x18n,
  'the program headers': 0x48n,
  code: sound.header.e_entry + 0x4000n,
  'the dynamic section': dynamicAt + 8n,
  'half of the dynamic section': dynamicAt - 4n,
};

for (const [name, r_offset] of Object.entries(hostile)) {
  test(`a relocation of what is not data is refused: ${name}`, (t) => {
    const view = forge({relocations: [{}, {r_offset}]});
    const error = t.throws(() => relocateAll(view), {code: 'BAD_ELF', message: /^forged\.so: a relocation /});
    t.like(error, {offset: (sound.offsetOfTable(DT.DT_RELA) ?? 0) + 24});
    if (r_offset < 1n << 53n) t.like(error, {value: r_offset});
  });
}

test('a table that is not in a segment is refused', (t) => {
  for (const size of [1n << 20n, 1n << 62n])
    t.throws(() => relocateAll(forge({entries: {DT_RELASZ: size}})), {
      code: 'BAD_ELF',
      message: /forged\.so: DT_RELASZ/,
    });
});

test(
  'DT_RELR that changes what is not data is refused, one that changes the BSS is left to the loader',
  withTools((t) => {
    const file = path.join(tempDirectory(t), 'lib.so');
    const source = tempFile(t, 'int a; int *p = &a, *q = &a, *r = &a; int bss[100];\n', 'lib.c');
    output('gcc', ['-shared', '-fPIC', '-Wl,-z,pack-relative-relocs', '-Wl,-Bsymbolic', '-o', file, source]);
    const view = viewBuffer(readFileSync(file));
    const at = view.offsetOfTable(DT.DT_RELR) ?? 0;
    t.true(relocateAll(view).count > 2);
    t.is(entryIn(relocateAll(view), view, DT.DT_RELRSZ), 0n);
    const withFirst = (place: bigint) => {
      const bytes = readFileSync(file);
      bytes.writeBigUInt64LE(place, at);
      return viewBuffer(bytes, 'forged.so');
    };
    for (const place of [0n, 0x48n, 1n << 40n, (1n << 64n) - 2n])
      t.throws(
        () => relocateAll(withFirst(place)),
        {code: 'BAD_ELF', message: /forged\.so: a relocation/},
        `${place}`,
      );
    const data = view.programHeaders.find(isData) as Phdr;
    const bss = withFirst(data.p_vaddr + BigInt(data.p_filesz) + 8n);
    t.is(relocateAll(bss).count, 0);
    t.is(entryIn(relocateAll(bss), bss, DT.DT_RELRSZ), view.dynamic?.value(DT.DT_RELRSZ));
  }),
);

test('a relocation of a table that the loader reads is refused where it could be written to', (t) => {
  for (const tag of [DT.DT_RELA, DT.DT_SYMTAB, DT.DT_STRTAB]) {
    const bytes = Buffer.from(readFileSync(libraryFile));
    const {header, programHeaders, format} = viewBuffer(bytes);
    const place = sound.dynamic?.value(tag) ?? 0n;
    const index = programHeaders.findIndex(
      (one) => one.p_type === PT.PT_LOAD && place >= one.p_vaddr && place < one.p_vaddr + BigInt(one.p_memsz),
    );
    const load = {...(programHeaders[index] as Phdr), p_flags: PF.PF_R | PF.PF_W};
    bytes.set(Phdr.encode(load, format), header.e_phoff + index * Phdr.size(64));
    bytes.writeBigUInt64LE(place + 16n, sound.offsetOfTable(DT.DT_RELA) ?? 0);
    t.throws(() => relocateAll(viewBuffer(bytes)), {code: 'BAD_ELF', message: /or a table of relocations/});
  }
});

test(
  'DT_RELR that names more words than there are is refused',
  withTools((t) => {
    const file = path.join(tempDirectory(t), 'lib.so');
    const code = 'int a; int *p = &a, *q = &a; const long mark[5000] = {0x1122334455667788};\n';
    const relr = ['-Wl,-z,pack-relative-relocs', '-Wl,-Bsymbolic'];
    output('gcc', ['-shared', '-fPIC', ...relr, '-o', file, tempFile(t, code, 'lib.c')]);
    const bytes = readFileSync(file);
    const {dynamic, programHeaders} = viewBuffer(bytes);
    const {p_vaddr: place} = programHeaders.find(isData) as Phdr;
    const at = bytes.indexOf(Buffer.from('8877665544332211', 'hex'));
    for (let i = 0; i < 5000; i++) bytes.writeBigUInt64LE(place, at + i * 8);
    const set = (tag: bigint, value: bigint) =>
      bytes.writeBigUInt64LE(value, (dynamic?.offset ?? 0) + (dynamic?.tags.lastIndexOf(tag) ?? 0) * 16 + 8);
    const first = programHeaders.find(
      (one) => one.p_type === PT.PT_LOAD && at >= one.p_offset && at < one.p_offset + one.p_filesz,
    );
    set(DT.DT_RELR, (first?.p_vaddr ?? 0n) + BigInt(at - (first?.p_offset ?? 0)));
    set(DT.DT_RELRSZ, 40_000n);
    t.throws(() => relocateAll(viewBuffer(bytes)), {code: 'BAD_ELF', message: /more words than there are/});
  }),
);

test(
  'a program is not packed with a library whose relocations are refused, and nothing is left behind',
  withTools(async (t) => {
    const directory = tempDirectory(t);
    const forged = forge({relocations: [{r_offset: 0x18n}]});
    writeFileSync(path.join(directory, 'liblzma.so.5'), forged.source.read(0, forged.source.size));
    const file = path.join(tempDirectory(t), 'packed');
    const options = {libraryPath: directory, output: file};
    await t.throwsAsync(pack(t, '/usr/bin/xz', {...options, fixedAddress: true}), {
      code: 'BAD_ELF',
      message:
        /liblzma\.so\.5: a relocation changes the headers or a table of relocations \(at offset 0x\w+,/,
    });
    t.false(existsSync(file));
  }),
);

const layouts: Record<string, Partial<Phdr>> = {
  'aligned to less than a page': {p_align: 16},
  'at another place in its page than in the file': {p_vaddr: p_vaddr + 16n},
  'over the code': {p_vaddr: 0x3000n + (p_vaddr & 0xfffn)},
  'far away': {p_vaddr: (1n << 46n) + (p_vaddr & 0xfffn)},
  'larger in the file than in memory': {p_memsz: 16},
  'not in the file': {p_filesz: 1 << 20, p_memsz: 1 << 20},
  'with a huge BSS': {p_memsz: 1 << 30},
};

for (const [name, data] of Object.entries(layouts)) {
  test(`a library stays relocatable whose data is ${name}`, (t) => {
    t.truthy(memoryLayout(sound, 4096));
    t.is(memoryLayout(forge({data}), 4096), undefined);
  });
}

test(
  'a library stays relocatable that is aligned to more than a page of the machine',
  withTools((t) => {
    const file = path.join(tempDirectory(t), 'lib.so');
    const source = tempFile(t, 'int a = 1;\n', 'lib.c');
    output('gcc', ['-shared', '-fPIC', '-Wl,-z,max-page-size=0x10000', '-o', file, source]);
    const view = viewBuffer(readFileSync(file));
    t.is(memoryLayout(view, 4096), undefined);
    t.is(memoryLayout(view, 0x10000)?.align, 0x10000);
  }),
);

/** A library with more segments of zeros, which are in memory after the others. */
function withMoreSegments(count: number): ElfView {
  const {header, format, programHeaders, source} = sound;
  const size = source.size + (-source.size & 4095);
  const page = (i: number) => BigInt(((size >> 12) + 16 + i) << 12);
  const zeros = Array.from({length: count}, (_, i): Phdr => {
    const at = {p_offset: size, p_vaddr: page(i), p_paddr: page(i), p_align: 4096};
    return {p_type: PT.PT_LOAD, p_flags: PF.PF_R | PF.PF_W, p_filesz: 0, p_memsz: 4096, ...at};
  });
  const table = [...programHeaders, ...zeros].map((phdr) => Phdr.encode(phdr, format));
  const bytes = Buffer.concat([
    Buffer.from(source.read(0, source.size)),
    Buffer.alloc(size - source.size),
    ...table,
  ]);
  const e_phnum = table.length;
  bytes.set(Ehdr.encode({...header, e_phoff: size, e_phnum}, format), EI_NIDENT);
  return viewBuffer(bytes);
}

test('a library stays relocatable that has more segments than any linker makes', (t) => {
  t.truthy(memoryLayout(withMoreSegments(20), 4096));
  t.is(memoryLayout(withMoreSegments(100), 4096), undefined);
});
