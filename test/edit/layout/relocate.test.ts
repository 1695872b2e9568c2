import test from 'ava';
import {relocate} from '../../../src/edit/layout/relocate.js';
import {DT, PT, SHT} from '../../../src/elf/constants.js';
import {Sym} from '../../../src/elf/records.js';
import {base, section, segment, sketch, usual} from '../../helpers/draft.js';

/** .dynstr and .hash, and where they go. */
const tables = {offset: 0x240, size: 0x30, address: base + 0x240n};
const away = {offset: 0x340, size: 0x30, address: base + 0x340n};

test('sections, entries and tables that begin in the range follow it', (t) => {
  const draft = sketch();
  relocate(draft, tables, away);
  t.deepEqual(
    draft.sectionHeaders.map(({sh_offset, sh_addr}) => [sh_offset, sh_addr]),
    [
      [0, 0n],
      [0x200, base + 0x200n],
      [0x340, base + 0x340n],
      [0x360, base + 0x360n],
      [0x280, base + 0x280n],
      [0x2a0, base + 0x2a0n],
      [0x800, base + 0x1800n],
    ],
  );
  t.is(draft.value(DT.DT_STRTAB), base + 0x340n);
  t.is(draft.value(DT.DT_HASH), base + 0x360n);
  t.is(draft.value(DT.DT_SYMTAB), base + 0x280n);
  t.deepEqual(
    draft.tables.map(({offset}) => offset),
    [0x340, 0x360, 0x280],
  );
});

test('segments of tables follow, with both addresses; the LOAD does not', (t) => {
  const draft = sketch();
  const at = {offset: 0x200, size: 0x10, address: base + 0x200n};
  relocate(draft, at, {offset: 0x300, size: 0x18, address: base + 0x300n});
  t.deepEqual(draft.programHeaders[0], segment(PT.PT_INTERP, 0x300, 0x18));
  t.deepEqual(draft.programHeaders.slice(1), usual.segments.slice(1));
});

test('what begins where the range does takes its new size, the rest of it keeps its own', (t) => {
  const draft = sketch();
  relocate(draft, tables, {...away, size: 0x50});
  t.deepEqual(
    draft.sectionHeaders.slice(2, 4).map(({sh_size}) => sh_size),
    [0x50, 0x10],
  );
  t.deepEqual(
    draft.tables.map(({size}) => size),
    [0x50, 0x10, 24],
  );
});

test('what begins at the end of the range stays', (t) => {
  const draft = sketch();
  const before = draft.value(DT.DT_HASH);
  relocate(draft, {...tables, size: 0x20}, {...away, size: 0x20});
  t.is(draft.value(DT.DT_HASH), before);
  t.is(draft.sectionHeaders[3]?.sh_offset, 0x260);
});

test('a section without bytes at the address of one that moves stays', (t) => {
  const tbss = section(SHT.SHT_NOBITS, 0x240, 0x20);
  const draft = sketch({sections: [...usual.sections, tbss]});
  relocate(draft, tables, away);
  t.is(draft.sectionHeaders.at(-1)?.sh_offset, 0x240);
});

test('a section that lost its SHF_ALLOC follows its bytes', (t) => {
  const [, , strings, ...others] = usual.sections;
  const lost = {...strings, sh_flags: 0};
  const draft = sketch({sections: [lost, ...others]});
  relocate(draft, tables, away);
  t.is(draft.sectionHeaders[0]?.sh_offset, 0x340);
});

test('symbols inside a section that moves follow it, one at its end and one of another section do not', (t) => {
  const symbol = (st_shndx: number, st_value: bigint): Uint8Array =>
    Sym.encode(
      {st_name: 0, st_value, st_size: 0n, st_info: 0, st_other: 0, st_shndx},
      {elfClass: 64, littleEndian: true},
    );
  const symbols = [
    symbol(2, base + 0x240n),
    symbol(2, base + 0x25fn),
    symbol(2, base + 0x260n),
    symbol(5, base + 0x241n),
  ];
  const table = {sh_type: SHT.SHT_SYMTAB, sh_flags: 0, sh_offset: 0x900, sh_size: 96, sh_entsize: 24};
  const draft = sketch({
    sections: [...usual.sections, table],
    content: [...usual.content, [0x900, Buffer.concat(symbols)]],
    size: 0x960,
  });
  relocate(draft, {...tables, size: 0x20}, {...away, size: 0x20});
  const values = symbols.map(
    (_, i) => Sym.decode(draft.read(0x900 + i * 24, 24), {elfClass: 64, littleEndian: true}).st_value,
  );
  t.deepEqual(values, [base + 0x340n, base + 0x35fn, base + 0x260n, base + 0x241n]);
});

test('only tables follow by entries: an address of code stays', (t) => {
  const draft = sketch({entries: [...usual.entries, {d_tag: DT.DT_INIT, d_val: base + 0x248n}]});
  relocate(draft, tables, away);
  t.is(draft.value(DT.DT_INIT), base + 0x248n);
});

test('a section without bytes follows its address, one with bytes its place in the file', (t) => {
  const empty = section(SHT.SHT_PROGBITS, 0x250, 0, {sh_offset: 0x10});
  const stray = section(SHT.SHT_PROGBITS, 0x250, 4, {sh_offset: 0x10});
  const draft = sketch({sections: [...usual.sections, empty, stray]});
  relocate(draft, tables, away);
  t.deepEqual(
    draft.sectionHeaders.slice(-2).map(({sh_addr}) => sh_addr),
    [base + 0x350n, base + 0x250n],
  );
});
