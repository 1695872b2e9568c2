import test from 'ava';
import {makeDynamicRoom} from '../../../src/edit/layout/dynamic-room.js';
import {DF, DF_1, DT, PF, PT, SHF, SHT} from '../../../src/elf/constants.js';
import {base, section, segment, sketch, usual} from '../../helpers/draft.js';

/** Entries without a meaning. */
const more = (count: number) =>
  Array.from({length: count}, (_, i) => ({d_tag: BigInt(0x70000000 + i), d_val: 0n}));

test('spare slots are room enough', (t) => {
  const draft = sketch();
  draft.entries.push(...more(2));
  makeDynamicRoom(draft);
  t.is(draft.dynamicPlace?.offset, 0x800);
  t.deepEqual(draft.notes, []);
});

test('an entry that repeats another one gives its slot', (t) => {
  const draft = sketch();
  draft.entries.push(
    {d_tag: DT.DT_FLAGS, d_val: DF.DF_BIND_NOW},
    {d_tag: DT.DT_FLAGS_1, d_val: DF_1.DF_1_NOW},
    ...more(1),
  );
  makeDynamicRoom(draft);
  t.is(draft.value(DT.DT_FLAGS), undefined);
  t.is(draft.entries.length, 7);
  t.is(draft.dynamicPlace?.offset, 0x800);
  t.deepEqual(draft.notes, ['DT_FLAGS was replaced by the new entry; DT_FLAGS_1 has the same meaning']);
});

test('one that says more stays, and the section moves to a writable LOAD of its own', (t) => {
  const relro = segment(PT.PT_GNU_RELRO, 0x800, 0x80);
  const draft = sketch({segments: [...usual.segments, relro]});
  draft.entries.push(
    {d_tag: DT.DT_FLAGS, d_val: DF.DF_BIND_NOW | DF.DF_TEXTREL},
    {d_tag: DT.DT_FLAGS_1, d_val: DF_1.DF_1_NOW},
    ...more(1),
  );
  makeDynamicRoom(draft);
  const load = draft.programHeaders.find(({p_offset}) => p_offset >= 0x900);
  t.is(load?.p_flags, PF.PF_R | PF.PF_W);
  t.is(load?.p_filesz, 16 + 25 * 16);
  const place = {offset: (load?.p_offset ?? 0) + 16, address: (load?.p_vaddr ?? 0n) + 16n};
  t.deepEqual(draft.dynamicPlace, {...place, capacity: 25});
  t.is(draft.programHeaders.find(({p_type}) => p_type === PT.PT_DYNAMIC)?.p_vaddr, place.address);
  t.is(draft.sectionHeaders[6]?.sh_addr, place.address);
  t.true(draft.result().leavesRelro);
});

test('padding between the sections of a writable LOAD is nearer', (t) => {
  const data = section(SHT.SHT_PROGBITS, 0x8c0, 0x40, {
    sh_flags: SHF.SHF_ALLOC | SHF.SHF_WRITE,
    sh_addralign: 64,
  });
  const dynamic = {...segment(PT.PT_DYNAMIC, 0x800, 0x20), p_flags: PF.PF_R | PF.PF_W};
  const sections = usual.sections.map((old) => (old.sh_offset === 0x800 ? {...old, sh_size: 0x20} : old));
  const draft = sketch({
    segments: [...usual.segments.slice(0, 3), dynamic],
    sections: [...sections, section(SHT.SHT_PROGBITS, 0x820, 0x68), data],
    entries: usual.entries.slice(0, 1),
    content: [...usual.content, [0x820, new Uint8Array(0x68).fill(7)], [0x888, new Uint8Array(0x38)]],
  });
  draft.entries.push(...more(1));
  makeDynamicRoom(draft);
  t.deepEqual(draft.dynamicPlace, {offset: 0x890, address: base + 0x1890n, capacity: 3});
  t.is(draft.appended, undefined);
});

test('a static program needs none', (t) => {
  const draft = sketch({segments: usual.segments.slice(0, 3), entries: []});
  makeDynamicRoom(draft);
  t.is(draft.dynamicPlace, undefined);
});
