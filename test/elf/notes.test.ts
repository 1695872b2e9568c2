import test from 'ava';
import {NT, PT} from '../../src/elf/constants.js';
import {readNotes, roundUp} from '../../src/elf/notes.js';
import {Ehdr, Nhdr} from '../../src/elf/records.js';
import {fixture, fixtureBytes, fixtures} from '../helpers/fixtures.js';
import {describeFormat, formats} from '../helpers/format.js';
import {readelfNotes} from '../helpers/readelf.js';
import {elfHeader, headerSize, programHeader} from '../helpers/synthetic.js';
import {tempFile} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';

for (const {name} of fixtures.filter((fixture) => fixture.e_type !== 'ET_REL')) {
  test(
    `${name}: the notes are what readelf -n finds by PT_NOTE`,
    withTools((t) => {
      const bytes = fixtureBytes(name);
      const ours = readNotes(viewBuffer(bytes));
      const theirs = readelfNotes(tempFile(t, withoutSections(bytes)));
      t.deepEqual(
        ours.map((note) => ({owner: note.name, size: note.description.length})),
        theirs,
      );
    }),
  );
}

/** readelf looks for notes by section where there are sections, and finds those too that no segment holds. */
function withoutSections(bytes: Buffer): Buffer {
  const {header, format} = viewBuffer(bytes);
  bytes.set(Ehdr.encode({...header, e_shoff: 0, e_shnum: 0, e_shstrndx: 0}, format), 16);
  return bytes;
}

test(
  'the build ID is the one that readelf prints',
  withTools((t) => {
    for (const {name, path} of fixtures.filter((fixture) => fixture.name.endsWith('/probe-pie'))) {
      const buildId = readNotes(viewBuffer(fixtureBytes(name))).find(
        (note) => note.type === NT.NT_GNU_BUILD_ID,
      );
      const theirs = /Build ID: ([0-9a-f]+)/.exec(output('readelf', ['-nW', path]))?.[1];
      t.is(buildId && Buffer.from(buildId.description).toString('hex'), theirs, name);
    }
  }),
);

test(
  'without program headers the notes are found by their sections',
  withTools((t) => {
    for (const name of [
      'x86_64/probe-mold-pie',
      'x86_64/probe-gold-exec',
      's390x/probe-pie',
      'i386/probe-pie',
    ]) {
      const bytes = fixtureBytes(name);
      const {header, format} = viewBuffer(bytes);
      bytes.set(Ehdr.encode({...header, e_phoff: 0, e_phnum: 0}, format), 16);
      t.deepEqual(
        readNotes(viewBuffer(bytes)).map((note) => ({owner: note.name, size: note.description.length})),
        readelfNotes(fixture(name).path),
        name,
      );
    }
  }),
);

for (const format of formats) {
  const note = (n_namesz: number, n_descsz: number, n_type: number, rest: string) =>
    Buffer.concat([Nhdr.encode({n_namesz, n_descsz, n_type}, format), Buffer.from(rest, 'latin1')]);
  const file = (bytes: Uint8Array, p_align = 4) => {
    const p_offset = 512;
    return Buffer.concat([
      Buffer.concat([
        elfHeader(format, {e_phoff: headerSize(format), e_phnum: 1}),
        programHeader(format, {p_type: PT.PT_NOTE, p_offset, p_filesz: bytes.length, p_align}),
        Buffer.alloc(p_offset),
      ]).subarray(0, p_offset),
      bytes,
    ]);
  };

  test(`${describeFormat(format)}: several notes of one segment, names and contents padded to 4 bytes`, (t) => {
    const bytes = Buffer.concat([note(2, 3, 7, 'A\0\0\0abc\0'), note(0, 0, 8, ''), note(3, 1, 9, 'BC\0\0z')]);
    t.deepEqual(
      readNotes(viewBuffer(file(bytes))).map((n) => [
        n.name,
        n.type,
        Buffer.from(n.description).toString(),
        n.offset,
      ]),
      [
        ['A', 7, 'abc', 512],
        ['', 8, '', 532],
        ['BC', 9, 'z', 544],
      ],
    );
  });

  test(`${describeFormat(format)}: a note that runs past its segment ends the walk`, (t) => {
    const good = note(2, 4, 7, 'A\0\0\0abcd');
    for (const bad of [note(0xffff_ffff, 4, 1, 'xxxx'), note(4, 0xffff_fff0, 1, 'xxxx'), Buffer.alloc(5)])
      t.is(readNotes(viewBuffer(file(Buffer.concat([good, bad])))).length, 1);
  });
}

test('rounding up', (t) => {
  t.deepEqual(
    [roundUp(0, 4), roundUp(1, 4), roundUp(4, 4), roundUp(5, 8), roundUp(7, 1), roundUp(7, 0)],
    [0, 4, 4, 8, 7, 7],
  );
});
