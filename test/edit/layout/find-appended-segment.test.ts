import test from 'ava';
import {
  makeSlot,
  requireAppended,
  takeAppended,
  takeProgramHeader,
} from '../../../src/edit/layout/appended-segment.js';
import {Draft} from '../../../src/edit/layout/draft.js';
import {encode} from '../../../src/edit/layout/encode.js';
import {findAppended, findHoles} from '../../../src/edit/layout/find-appended-segment.js';
import {PT, SHT} from '../../../src/elf/constants.js';
import {ElfView} from '../../../src/index.js';
import {overlaySource} from '../../../src/source/overlay.js';
import {base, section, segment, sketch, usual} from '../../helpers/draft.js';

/** The next draft of the file that a draft makes. */
function next(draft: Draft): Draft {
  const {patches, size} = encode(draft);
  return new Draft(new ElfView(overlaySource(draft.view.source, patches, size)));
}

const types = (draft: Draft) => draft.programHeaders.map(({p_type}) => p_type);

/** Code right after the program headers: the table cannot grow where it is. */
const full = {
  sections: [...usual.sections, section(SHT.SHT_PROGBITS, 0x120, 0x10)],
  content: [...usual.content, [0x120, 'code']] as const,
};

test('the appended segment lies after the file, on pages of its own, and holds what is taken', (t) => {
  const draft = sketch();
  t.is(findAppended(draft), undefined);
  t.deepEqual(takeAppended(draft, 0x20, 8), {offset: 0xad0, address: base + 0x2ad0n});
  t.deepEqual(draft.appended, {
    ...segment(PT.PT_LOAD, 0xac0, 0x30),
    p_vaddr: base + 0x2ac0n,
    p_paddr: base + 0x2ac0n,
  });
  t.deepEqual(types(draft), [PT.PT_INTERP, PT.PT_LOAD, PT.PT_LOAD, PT.PT_LOAD, PT.PT_DYNAMIC]);
  t.is(draft.size, 0xaf0);
});

test('more goes to the end of the same one', (t) => {
  const draft = sketch();
  takeAppended(draft, 3, 1);
  t.deepEqual(takeAppended(draft, 0x10, 8), {offset: 0xad8, address: base + 0x2ad8n});
  t.is(types(draft).length, 5);
});

test('the next edit finds it again, with its holes', (t) => {
  const draft = sketch();
  takeAppended(draft, 0x20, 1);
  const again = next(draft);
  const load = findAppended(again);
  if (load === undefined) return t.fail();
  t.is(load.p_offset, 0xac0);
  t.deepEqual(findHoles(again, load), [{offset: 0xad0, size: 0x20}]);
});

test('a LOAD with bytes that belong to nothing is not it', (t) => {
  const draft = sketch();
  draft.write(takeAppended(draft, 0x20, 1).offset, Uint8Array.of(1), 'a byte');
  t.is(findAppended(next(draft)), undefined);
});

test('a PT_NULL becomes the new entry', (t) => {
  const draft = sketch({...full, segments: [...usual.segments.slice(0, 3), {}]});
  takeAppended(draft, 1, 1);
  t.deepEqual(types(draft), [PT.PT_INTERP, PT.PT_LOAD, PT.PT_LOAD, PT.PT_LOAD]);
  t.is(draft.programHeaderOffset, 0x40);
});

test('a table that cannot grow moves to a LOAD of its own', (t) => {
  const draft = sketch({...full, segments: [...usual.segments]});
  requireAppended(draft, 1);
  t.is(draft.programHeaderOffset % 0x1000, 0xb10);
  t.is(types(draft).length, 6);
  t.regex(draft.notes[0] ?? '', /^the program header table moved to the end of the file/);
});

test('a slot where there are zeros costs no segment', (t) => {
  const draft = sketch();
  makeSlot(draft);
  t.is(types(draft).length, 4);
  t.is(draft.appended, undefined);
});

test('PT_INTERP comes before the LOADs, another segment last', (t) => {
  const draft = sketch({segments: usual.segments.slice(1)});
  takeProgramHeader(draft, {p_type: PT.PT_INTERP});
  takeProgramHeader(draft, {p_type: PT.PT_GNU_STACK});
  t.deepEqual(types(draft), [PT.PT_INTERP, PT.PT_LOAD, PT.PT_LOAD, PT.PT_DYNAMIC, PT.PT_GNU_STACK]);
});
