import test from 'ava';
import {findGrowth, growStringTable} from '../../../src/edit/layout/grow-string-table.js';
import {DT, PT, SHT} from '../../../src/elf/constants.js';
import {base, section, segment, sketch, usual} from '../../helpers/draft.js';

const set = (d_tag: bigint, d_val: bigint) => ({d_tag, d_val});

function withEntries(...changed: readonly {readonly d_tag: bigint; readonly d_val: bigint}[]) {
  return usual.entries.map((entry) => changed.find(({d_tag}) => d_tag === entry.d_tag) ?? entry);
}

/** .dynstr ends 8 bytes before the next table. */
const short = {
  sections: usual.sections.map((old) =>
    old.sh_offset === 0x240 ? section(SHT.SHT_STRTAB, 0x240, 0x18) : old,
  ),
  entries: withEntries(set(DT.DT_STRSZ, 0x18n)),
};

/** .dynstr is the last thing in the LOAD. */
const last = {
  sections: [],
  segments: usual.segments.map((load) => (load.p_offset === 0 ? segment(PT.PT_LOAD, 0, 0x320) : load)),
  entries: withEntries(set(DT.DT_STRTAB, base + 0x300n)),
  content: [...usual.content, [0x301, 'liba.so']] as const,
};

/** .dynstr is large, and the tables after it are not; there is no slack. */
const large = {
  segments: [
    segment(PT.PT_LOAD, 0, 0x700),
    segment(PT.PT_DYNAMIC, 0x200, 0x80),
    {...segment(PT.PT_LOAD, 0x1000, 0x110000), p_vaddr: base + 0x1000n},
    {...segment(PT.PT_LOAD, 0x111000, 0x1000), p_vaddr: base + 0x111000n},
  ],
  sections: [
    {},
    {...section(SHT.SHT_STRTAB, 0, 0x100000), sh_offset: 0x1000, sh_addr: base + 0x1000n},
    {...section(SHT.SHT_HASH, 0, 0x10), sh_offset: 0x101000, sh_addr: base + 0x101000n},
    {...section(SHT.SHT_DYNSYM, 0, 24), sh_offset: 0x101010, sh_addr: base + 0x101010n, sh_entsize: 24},
    {...section(SHT.SHT_PROGBITS, 0, 0x1000), sh_offset: 0x110000, sh_addr: base + 0x110000n},
  ],
  entries: [
    set(DT.DT_STRTAB, base + 0x1000n),
    set(DT.DT_STRSZ, 0x100000n),
    set(DT.DT_HASH, base + 0x101000n),
    set(DT.DT_SYMTAB, base + 0x101010n),
  ],
  content: [
    [0x101000, Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0)],
    [0x110000, 'x'],
    [0x111020, 'x'],
  ] as const,
  size: 0x112000,
};

test('zeros after it are the first choice', (t) => {
  t.deepEqual(findGrowth(sketch(short), 0x20), {way: 'over zeros'});
  t.not(findGrowth(sketch(short), 0x21).way, 'over zeros');
});

test('a LOAD that ends with it reaches over the zeros', (t) => {
  const draft = sketch(last);
  t.deepEqual(findGrowth(draft, 0x30), {way: 'over zeros', reaching: draft.programHeaders[1]});
  growStringTable(draft, 0x30);
  t.is(draft.programHeaders[1]?.p_filesz, 0x330);
  t.is(draft.value(DT.DT_STRSZ), 0x30n);
  t.is(draft.tables.find(({tag}) => tag === DT.DT_STRTAB)?.size, 0x30);
});

test('else it moves into slack that holds all of it', (t) => {
  const draft = sketch();
  const reaching = draft.programHeaders[1];
  t.deepEqual(findGrowth(draft, 0x30), {
    way: 'elsewhere',
    place: {offset: 0x300, address: base + 0x300n, size: 0x30, reaching},
  });
  t.deepEqual(draft.result().patches, []);
  growStringTable(draft, 0x30);
  t.is(draft.value(DT.DT_STRTAB), base + 0x300n);
  t.is(Buffer.from(draft.read(0x301, 7)).toString(), 'liba.so');
  t.deepEqual([...draft.read(0x240, 0x20)], new Array(0x20).fill(0));
  t.is(draft.sectionHeaders[2]?.sh_size, 0x30);
  t.is(draft.result().placement, 'slack');
});

test('what follows a large one moves to a new segment', (t) => {
  const draft = sketch(large);
  t.deepEqual(findGrowth(draft, 0x100004), {way: 'over what follows', bytes: 0x10 + 4});
  growStringTable(draft, 0x100004);
  t.is(draft.value(DT.DT_STRTAB), base + 0x1000n);
  t.is(draft.appended?.p_filesz, 16 + 0x10);
  t.is(draft.value(DT.DT_HASH), (draft.appended?.p_vaddr ?? 0n) + 16n);
});

test('at last it moves to a new segment itself, and grows there', (t) => {
  const draft = sketch();
  t.deepEqual(findGrowth(draft, 0x501), {way: 'appended segment'});
  growStringTable(draft, 0x501);
  const load = draft.appended;
  t.is(load?.p_filesz, 16 + 0x501);
  t.is(draft.value(DT.DT_STRTAB), (load?.p_vaddr ?? 0n) + 16n);
  t.is(draft.result().placement, 'new-segment');
  t.deepEqual(findGrowth(draft, 0x601), {way: 'at the end', load});
  growStringTable(draft, 0x601);
  t.is(load?.p_filesz, 16 + 0x601);
});
