import test from 'ava';
import {Draft} from '../../../src/edit/layout/draft.js';
import {encode} from '../../../src/edit/layout/encode.js';
import {DT, machineDT} from '../../../src/elf/constants.js';
import {Dyn} from '../../../src/elf/records.js';
import {openElfBuffer} from '../../../src/index.js';
import {base, sketch, sketchBytes, usual} from '../../helpers/draft.js';

/** The entries that a draft would have, spare slots included. */
function encoded(draft: Draft, count: number): Dyn[] {
  encode(draft);
  const {offset = 0} = draft.dynamicPlace ?? {};
  const format = draft.view.format;
  return Array.from({length: count}, (_, i) => Dyn.decode(draft.read(offset + i * 16, 16), format));
}

const nothing = {d_tag: DT.DT_NULL, d_val: 0n};

test('what was not changed is not written', (t) => {
  t.deepEqual(encode(sketch()).patches, []);
});

test('each record that was changed is written, with its name', (t) => {
  const draft = sketch();
  draft.setValue(DT.DT_STRSZ, 0x30n);
  for (const segment of draft.programHeaders.slice(1, 2)) segment.p_filesz += 1;
  for (const section of draft.sectionHeaders.slice(2, 3)) section.sh_size += 1;
  t.deepEqual(
    encode(draft).patches.map(({offset, reason}) => [offset, reason]),
    [
      [0x40 + 56, 'PT_LOAD in the program header table'],
      [0x800 + 32, 'DT_STRSZ'],
      [0x900 + 128, 'a section in the section header table'],
    ],
  );
});

test('an entry of a string has its place, and after fewer entries comes DT_NULL', (t) => {
  const draft = sketch();
  draft.entries = [{d_tag: DT.DT_RUNPATH, text: 'x', offset: 7}];
  t.deepEqual(encoded(draft, 3), [{d_tag: DT.DT_RUNPATH, d_val: 7n}, nothing, nothing]);
});

test('a string without a place is an internal error', (t) => {
  const draft = sketch();
  draft.entries = [{d_tag: DT.DT_RUNPATH, text: 'x'}];
  t.throws(() => encode(draft), {code: 'CHECK_FAILED'});
});

test('more entries than there is room for are an internal error', (t) => {
  const draft = sketch();
  for (const d_tag of [1n, 2n, 3n]) draft.entries.push({d_tag, d_val: 0n});
  t.throws(() => encode(draft), {code: 'CHECK_FAILED', message: /no room for a dynamic entry/});
});

test('DT_MIPS_RLD_MAP_REL counts from its slot, which may move', (t) => {
  const d_tag = machineDT[8].DT_MIPS_RLD_MAP_REL;
  const [first, ...others] = usual.entries;
  const entries = [first ?? nothing, {d_tag, d_val: 0x100n}, ...others];
  const bytes = sketchBytes({entries});
  bytes[18] = 8;
  const draft = new Draft(openElfBuffer(bytes).view);
  draft.entries.splice(0, 1);
  t.deepEqual(encoded(draft, 1), [{d_tag, d_val: 0x110n}]);
  draft.placeDynamic({offset: 0x300, address: base + 0x300n, capacity: 8}, true);
  t.deepEqual(encoded(draft, 1), [{d_tag, d_val: 0x1610n}]);
  t.true(draft.result().leavesRelro);
});
