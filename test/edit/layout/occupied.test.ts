import test from 'ava';
import {knownRanges, mergeOccupied, occupiedRanges} from '../../../src/edit/layout/occupied.js';
import {sketch} from '../../helpers/draft.js';

const free = {sections: []};

test('headers, segments, tables and what the draft took are in use', (t) => {
  const draft = sketch(free);
  draft.take({offset: 0x300, size: 8});
  t.deepEqual(knownRanges(draft), [
    {start: 0, end: 0x40, isTable: true},
    {start: 0x40, end: 0x120, isTable: true},
    {start: 0x200, end: 0x210, isTable: true},
    {start: 0x800, end: 0x880, isTable: false},
    {start: 0x240, end: 0x260, isTable: true},
    {start: 0x260, end: 0x270, isTable: true},
    {start: 0x280, end: 0x298, isTable: true},
    {start: 0x300, end: 0x308, isTable: true},
  ]);
});

test('a section is in use, a table only where it is the linker’s', (t) => {
  const known = knownRanges(sketch());
  t.true(known.some(({start, end, isTable}) => start === 0x2a0 && end === 0x300 && !isTable));
  t.true(known.some(({start, end, isTable}) => start === 0x900 && end === 0x900 + 7 * 64 && !isTable));
});

test('a range that is to be given back is not in use', (t) => {
  const known = knownRanges(sketch(), {offset: 0x200, size: 0x10});
  t.false(known.some(({start}) => start === 0x200));
  t.true(knownRanges(sketch(), {offset: 0x200, size: 0x11}).some(({start}) => start === 0x200));
});

test('without section headers all of each LOAD is in use, less what it will lose', (t) => {
  const draft = sketch(free);
  const [, load] = draft.programHeaders;
  t.deepEqual(occupiedRanges(draft).slice(-2), [
    {start: 0, end: 0x300, isTable: false},
    {start: 0x800, end: 0x900, isTable: false},
  ]);
  t.deepEqual(occupiedRanges(draft, {offset: 0x2f0, size: 0x10}, load).at(-2), {
    start: 0,
    end: 0x2f0,
    isTable: false,
  });
  t.is(occupiedRanges(sketch()).length, knownRanges(sketch()).length);
});

test('ranges that overlap become one, which is a table if both are; ranges that touch stay two', (t) => {
  const range = (start: number, end: number, isTable: boolean) => ({start, end, isTable});
  t.deepEqual(
    mergeOccupied([range(8, 12, true), range(0, 4, true), range(2, 8, false), range(20, 30, true)]),
    [range(0, 8, false), range(8, 12, true), range(20, 30, true)],
  );
  t.deepEqual(mergeOccupied([range(0, 9, true), range(2, 4, false)]), [range(0, 9, true)]);
});
