import test from 'ava';
import {findNeighbours, moveNeighbour} from '../../../src/edit/layout/neighbours.js';
import {PT} from '../../../src/elf/constants.js';
import {base, segment, sketch, usual} from '../../helpers/draft.js';

/** What the program header table of the usual file would grow over. */
const after = (size: number) => ({offset: 0x120, size});

test('nothing has to move where there are zeros', (t) => {
  t.deepEqual(findNeighbours(sketch(), after(0xe0)), []);
});

test('an interpreter and tables can go elsewhere; without section headers zeros may be something', (t) => {
  const range = {offset: 0x1f8, size: 0x50};
  t.deepEqual(
    findNeighbours(sketch(), range)?.map(({kind, offset, size, align}) => [kind, offset, size, align]),
    [
      ['tables', 0x200, 0x10, 1],
      ['tables', 0x240, 0x20, 1],
    ],
  );
  t.is(findNeighbours(sketch({sections: []}), range), undefined);
});

test('code stays', (t) => {
  t.is(findNeighbours(sketch(), after(0x190)), undefined);
});

test('what only begins before the range stays', (t) => {
  t.is(findNeighbours(sketch(), {offset: 0x208, size: 8}), undefined);
});

test('bytes that no header describes stay, unless they are meaningless', (t) => {
  const content = (text: string) => ({content: [...usual.content, [0x120, text]] as const});
  t.is(findNeighbours(sketch(content('data')), after(4)), undefined);
  t.deepEqual(findNeighbours(sketch(content('XXXX')), after(4)), []);
});

test('what a segment of an unknown type describes stays', (t) => {
  const draft = sketch({segments: [...usual.segments, segment(0x6fffffff, 0x200, 4)]});
  t.is(findNeighbours(draft, {offset: 0x1f0, size: 0x20}), undefined);
});

test('section headers can go elsewhere', (t) => {
  t.deepEqual(findNeighbours(sketch(), {offset: 0x900, size: 8}), [
    {kind: 'section headers', offset: 0x900, size: 7 * 64, align: 8},
  ]);
});

test('a neighbour that moves leaves zeros, and what refers to it follows', (t) => {
  const draft = sketch();
  const neighbour = {kind: 'tables', offset: 0x200, size: 0x10, align: 1} as const;
  moveNeighbour(draft, neighbour, {offset: 0x300, address: base + 0x300n});
  t.is(Buffer.from(draft.read(0x300, 10)).toString(), '/lib/ld.so');
  t.deepEqual([...draft.read(0x200, 4)], [0, 0, 0, 0]);
  t.deepEqual(draft.programHeaders[0], segment(PT.PT_INTERP, 0x300, 0x10));
  t.is(draft.sectionHeaders[1]?.sh_addr, base + 0x300n);
});
