import test from 'ava';
import type {Draft} from '../../../src/edit/layout/draft.js';
import {appendTo, findFreeSpace, findPlace, takePlace, vacate} from '../../../src/edit/layout/free-space.js';
import {PT, SHT} from '../../../src/elf/constants.js';
import type {Range} from '../../../src/source/range-set.js';
import {base, section, segment, sketch, usual} from '../../helpers/draft.js';

function free(draft: Draft, vacated?: Range) {
  return findFreeSpace(draft, vacated).map(({kind, offset, size}) => [kind, offset, size]);
}

const interpreter = {offset: 0x200, size: 0x10};

test('free are the gap between two tables and the slack after a LOAD, up to the next one’s bytes', (t) => {
  t.deepEqual(free(sketch()), [
    ['gap', 0x270, 0x10],
    ['slack', 0x300, 0x500],
  ]);
});

test('slack ends at the first byte that is not zero', (t) => {
  t.deepEqual(free(sketch({content: [...usual.content, [0x310, 'x']]})).at(-1), ['slack', 0x300, 0x10]);
});

test('slack ends before the page of the next LOAD in memory', (t) => {
  const [interp, load, data, dynamic] = usual.segments;
  const near = {...data, p_vaddr: base + 0x1800n};
  const long = {...load, p_vaddr: base + 0xcf0n};
  const draft = sketch({segments: [interp ?? {}, long, near, dynamic ?? {}], sections: []});
  t.deepEqual(free(draft), [['slack', 0x300, 0x10]]);
});

test('without section headers no gap is trusted', (t) => {
  t.deepEqual(free(sketch({sections: []})), [['slack', 0x300, 0x500]]);
});

test('what is to be given back is seen as free, and nothing is changed', (t) => {
  const draft = sketch();
  t.deepEqual(free(draft, interpreter), [
    ['gap', 0x120, 0x120],
    ['gap', 0x270, 0x10],
    ['slack', 0x300, 0x500],
  ]);
  t.deepEqual(free(sketch({sections: []}), interpreter)[0], ['gap', 0x200, 0x10]);
  t.deepEqual(draft.result().patches, []);
});

test('where a LOAD ends with what is to be given back, its slack begins there', (t) => {
  const end = {offset: 0x2f0, size: 0x10};
  const segments = [segment(PT.PT_INTERP, 0x2f0, 0x10), ...usual.segments.slice(1)];
  t.deepEqual(free(sketch({segments, sections: []}), end), [['slack', 0x2f0, 0x510]]);
});

test('zeros before a section that is aligned are padding', (t) => {
  const sections = [
    ...usual.sections.slice(0, 5),
    section(SHT.SHT_PROGBITS, 0x2c0, 0x40, {sh_addralign: 64}),
    ...usual.sections.slice(6),
  ];
  const content = [...usual.content, [0x2a0, new Uint8Array(0x20)]] as const;
  t.deepEqual(free(sketch({sections, content})).at(-1), ['padding', 0x298, 0x28]);
});

test('a place is the preferred one if that is free, else the first that is large enough', (t) => {
  const ranges = findFreeSpace(sketch());
  const load = ranges[1]?.load;
  t.deepEqual(findPlace(ranges, 0x10), {offset: 0x270, address: base + 0x270n, size: 0x10});
  t.deepEqual(findPlace(ranges, 0x11), {offset: 0x300, address: base + 0x300n, size: 0x11, reaching: load});
  t.is(findPlace(ranges, 8, 0x278)?.offset, 0x278);
  t.is(findPlace(ranges, 9, 0x278)?.offset, 0x270);
  t.is(findPlace(ranges, 0x501), undefined);
});

test('a place in slack that is taken is in the LOAD, and is taken', (t) => {
  const draft = sketch();
  const place = findPlace(findFreeSpace(draft), 0x20);
  if (place === undefined) return t.fail();
  takePlace(draft, place);
  t.is(draft.programHeaders[1]?.p_filesz, 0x320);
  t.is(draft.programHeaders[1]?.p_memsz, 0x320);
  t.deepEqual(draft.taken, [{offset: 0x300, size: 0x20}]);
});

test('given back, bytes are zero, and a LOAD that ended with them is shorter', (t) => {
  const draft = sketch();
  vacate(draft, {offset: 0x2f0, size: 0x10}, 'gone');
  t.is(draft.programHeaders[1]?.p_filesz, 0x2f0);
  t.is(draft.read(0x2ff, 1)[0], 0);
  vacate(draft, {offset: 0x260, size: 0x10}, 'gone');
  t.is(draft.programHeaders[1]?.p_filesz, 0x2f0);
});

test('section headers after a LOAD that gets longer give way, aligned to 8 bytes', (t) => {
  const draft = sketch({segments: [...usual.segments, segment(PT.PT_LOAD, 0x8f0, 0x10)]});
  const load = draft.programHeaders.at(-1);
  if (load === undefined) return t.fail();
  t.deepEqual(appendTo(draft, load, 0x13, 4), {offset: 0x900, address: load.p_vaddr + 0x10n});
  t.is(load.p_filesz, 0x23);
  t.is(draft.sectionHeaderOffset, 0x918);
  t.is(draft.size, 0x918 + 7 * 64);
});
