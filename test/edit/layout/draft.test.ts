import test from 'ava';
import {DT, PF, PT} from '../../../src/elf/constants.js';
import {segment, sketch} from '../../helpers/draft.js';

const needed = DT.DT_NEEDED;

test('a draft reads what it wrote, a snapshot what was there before', (t) => {
  const draft = sketch();
  const before = draft.snapshot();
  draft.write(0x241, Uint8Array.of(1, 2), 'two bytes');
  t.deepEqual([...draft.read(0x240, 4)], [0, 1, 2, 0x62]);
  t.deepEqual([...before.read(0x240, 4)], [0, 0x6c, 0x69, 0x62]);
});

test('writing past the end makes the file longer, clearing nothing does nothing', (t) => {
  const draft = sketch({sections: []});
  draft.clear(0x2000, 0, 'nothing');
  t.is(draft.size, 0x900);
  draft.write(0x8ff, Uint8Array.of(1, 2), 'two bytes');
  t.is(draft.size, 0x901);
  draft.reach(0x800);
  t.is(draft.size, 0x901);
  t.deepEqual(draft.result().regions, [{offset: 0x8ff, size: 2, what: 'two bytes'}]);
});

test('of two placements the later one counts', (t) => {
  const draft = sketch();
  draft.placed('slack');
  draft.placed('in-place');
  t.is(draft.result().placement, 'slack');
});

test('the records are copies: the view keeps its own', (t) => {
  const draft = sketch();
  for (const load of draft.programHeaders) load.p_offset = 1;
  draft.setValue(DT.DT_STRSZ, 5n);
  t.is(draft.view.programHeaders[1]?.p_offset, 0);
  t.is(draft.view.dynamic?.value(DT.DT_STRSZ), 0x20n);
  t.is(draft.value(DT.DT_STRSZ), 5n);
});

test('entries take the place of the first of the old ones, or go to the end', (t) => {
  const draft = sketch({entries: [1n, 2n, 3n].map((d_val) => ({d_tag: needed, d_val}))});
  draft.replaceEntries((entry) => 'd_val' in entry && entry.d_val < 3n, {d_tag: DT.DT_SONAME, text: 'x'});
  draft.replaceEntries(() => false, {d_tag: DT.DT_DEBUG, d_val: 0n});
  t.deepEqual(draft.entries, [
    {d_tag: DT.DT_SONAME, text: 'x'},
    {d_tag: needed, d_val: 3n},
    {d_tag: DT.DT_DEBUG, d_val: 0n},
  ]);
});

test('an entry has no value as long as it is a string', (t) => {
  const draft = sketch({entries: [{d_tag: needed, d_val: 1n}]});
  draft.replaceEntries(() => true, {d_tag: needed, text: 'liba.so'});
  t.is(draft.value(needed), undefined);
  t.deepEqual(draft.values, []);
});

test('of several entries the last one counts, as for ld.so', (t) => {
  const draft = sketch({entries: [1n, 2n].map((d_val) => ({d_tag: DT.DT_RPATH, d_val}))});
  t.is(draft.value(DT.DT_RPATH), 2n);
});

test('only a LOAD that is mapped from the file to its end, readable and not writable may take more bytes', (t) => {
  const load = segment(PT.PT_LOAD, 0x300, 0x40);
  const draft = sketch({
    segments: [
      load,
      segment(PT.PT_LOAD, 0x400, 0x40, {p_flags: PF.PF_R | PF.PF_X}),
      segment(PT.PT_LOAD, 0x500, 0x40, {p_flags: PF.PF_R | PF.PF_W}),
      segment(PT.PT_LOAD, 0x600, 0x40, {p_flags: PF.PF_X}),
      segment(PT.PT_LOAD, 0x700, 0x40, {p_memsz: 0x41}),
    ],
    entries: [],
  });
  t.deepEqual(
    draft.readOnlyLoads.map(({p_offset}) => p_offset),
    [0x300, 0x400],
  );
});

test('a LOAD to which the program header table moved takes no more bytes', (t) => {
  const draft = sketch();
  t.is(draft.readOnlyLoads.length, 1);
  draft.programHeaders.splice(1, 1, segment(PT.PT_LOAD, 0x10, 0x2f0));
  t.deepEqual(draft.readOnlyLoads, []);
});
