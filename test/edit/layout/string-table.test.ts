import test from 'ava';
import {placeStrings} from '../../../src/edit/layout/string-table.js';
import {DT} from '../../../src/elf/constants.js';
import {base, sketch, usual} from '../../helpers/draft.js';

const isNeeded = ({d_tag}: {readonly d_tag: bigint}) => d_tag === DT.DT_NEEDED;

test('a string that is there is used, also as the end of another one', (t) => {
  const draft = sketch();
  t.deepEqual(placeStrings(draft, ['liba.so', 'a.so', '']), [1, 4, 0]);
  t.deepEqual(draft.result().patches, []);
});

test('a new string goes into unused zeros after a NUL', (t) => {
  const draft = sketch();
  t.deepEqual(placeStrings(draft, ['x.so']), [9]);
  t.is(Buffer.from(draft.read(0x248, 6)).toString(), '\0x.so\0');
  t.is(draft.result().placement, 'slack');
});

test('the string of an entry gets a place, one for all that are equal', (t) => {
  const draft = sketch();
  draft.entries.push({d_tag: DT.DT_NEEDED, text: 'x.so'}, {d_tag: DT.DT_SONAME, text: 'x.so'});
  placeStrings(draft, []);
  t.deepEqual(draft.entries.slice(5), [
    {d_tag: DT.DT_NEEDED, text: 'x.so', offset: 9},
    {d_tag: DT.DT_SONAME, text: 'x.so', offset: 9},
  ]);
});

test('what no entry refers to any more becomes zeros, and is the first choice for the new string', (t) => {
  const draft = sketch();
  draft.replaceEntries(isNeeded, {d_tag: DT.DT_NEEDED, text: 'b.so'});
  placeStrings(draft, []);
  t.deepEqual(draft.entries[0], {d_tag: DT.DT_NEEDED, text: 'b.so', offset: 1});
  t.is(Buffer.from(draft.read(0x240, 9)).toString(), '\0b.so\0\0\0\0');
  t.is(draft.result().placement, 'in-place');
});

test('what another entry refers to stays, from where it does', (t) => {
  const draft = sketch({entries: [...usual.entries, {d_tag: DT.DT_SONAME, d_val: 4n}]});
  draft.replaceEntries(isNeeded);
  placeStrings(draft, []);
  t.is(Buffer.from(draft.read(0x240, 9)).toString(), '\0\0\0\0a.so\0');
});

test('a string that fits nowhere makes the table grow, and is after the last one', (t) => {
  const draft = sketch();
  const text = 'x'.repeat(40);
  t.deepEqual(placeStrings(draft, [text]), [9]);
  t.is(draft.value(DT.DT_STRSZ), 50n);
  t.is(draft.value(DT.DT_STRTAB), base + 0x300n);
  t.is(Buffer.from(draft.read(0x300, 50)).toString(), `\0liba.so\0${text}\0`);
});

test('without strings to place or to clear the table is not read', (t) => {
  const draft = sketch({entries: usual.entries.map((entry) => ({...entry, d_val: 1n << 40n}))});
  draft.entries = draft.entries.slice(0, 1);
  t.deepEqual(placeStrings(draft, []), []);
});
