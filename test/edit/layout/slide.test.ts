import test from 'ava';
import type {Draft} from '../../../src/edit/layout/draft.js';
import {findFreeSpace, ofKind} from '../../../src/edit/layout/free-space.js';
import {findSlide, slide} from '../../../src/edit/layout/slide.js';
import {DT, PT, SHT} from '../../../src/elf/constants.js';
import {base, section, segment, sketch, usual} from '../../helpers/draft.js';

/** A file whose read-only LOAD ends with the tables. */
const tail = {
  segments: usual.segments.map((load) => (load.p_offset === 0 ? segment(PT.PT_LOAD, 0, 0x2a0) : load)),
  sections: usual.sections.filter(({sh_offset}) => sh_offset !== 0x2a0),
  content: usual.content.filter(([offset]) => offset !== 0x2a0),
};

function findFor(draft: Draft, size: number) {
  const [table] = draft.tables;
  return table && findSlide(draft, table, size, ofKind(findFreeSpace(draft), 'slack'));
}

test('the tables after .dynstr slide as far as it must grow, by their alignment', (t) => {
  const draft = sketch(tail);
  const load = draft.programHeaders[1];
  t.deepEqual(findFor(draft, 0x21), {load, offset: 0x260, size: 0x40, distance: 8});
  t.deepEqual(findFor(draft, 0x30), {load, offset: 0x260, size: 0x40, distance: 0x10});
  t.deepEqual(draft.result().patches, []);
});

test('they do not slide further than there are zeros', (t) => {
  const draft = sketch({...tail, content: [...tail.content, [0x2b0, 'x']]});
  t.is(findFor(draft, 0x30)?.distance, 0x10);
  t.is(findFor(draft, 0x31), undefined);
});

test('nothing slides where something else is among them', (t) => {
  t.is(findFor(sketch(), 0x30), undefined);
  const note = section(SHT.SHT_PROGBITS, 0x270, 4);
  t.is(findFor(sketch({...tail, sections: [...tail.sections, note]}), 0x30), undefined);
  t.is(findFor(sketch({...tail, content: [...tail.content, [0x272, 'x']]}), 0x30), undefined);
});

test('nothing slides to which a pointer would not follow', (t) => {
  const entries = [...usual.entries, {d_tag: DT.DT_INIT, d_val: base + 0x278n}];
  t.is(findFor(sketch({...tail, entries}), 0x30), undefined);
});

test('what slid leaves zeros, and everything follows, an empty table at the end too', (t) => {
  const draft = sketch({...tail, entries: [...usual.entries, {d_tag: DT.DT_JMPREL, d_val: base + 0x2a0n}]});
  const [table, found] = [draft.tables[0], findFor(draft, 0x30)];
  if (table === undefined || found === undefined) return t.fail();
  slide(draft, table, found);
  t.deepEqual([...draft.read(0x260, 0x18)], [...new Array(16).fill(0), 1, 0, 0, 0, 1, 0, 0, 0]);
  t.is(draft.value(DT.DT_STRTAB), base + 0x240n);
  t.is(draft.value(DT.DT_HASH), base + 0x270n);
  t.is(draft.value(DT.DT_JMPREL), base + 0x2b0n);
  t.is(draft.programHeaders[1]?.p_filesz, 0x2b0);
});
