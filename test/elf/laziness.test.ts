/*
 * What is not asked for is not read: getting the interpreter of a file of any size reads only kilobytes.
 */
import {truncateSync} from 'node:fs';
import test from 'ava';
import {PT, SHT} from '../../src/elf/constants.js';
import {readNotes} from '../../src/elf/notes.js';
import {Dyn} from '../../src/elf/records.js';
import {ElfView} from '../../src/elf/view.js';
import {bufferSource} from '../../src/source/buffer.js';
import {fileSource} from '../../src/source/file.js';
import {countingSource} from '../helpers/counting.js';
import {readEverything} from '../helpers/everything.js';
import {dynamicPrograms, fixtureBytes} from '../helpers/fixtures.js';
import {elfHeader, headerSize, programHeader} from '../helpers/synthetic.js';
import {copyFixture} from '../helpers/temp.js';
import {viewBuffer} from '../helpers/view-buffer.js';

const threeGigabytes = 3 * 2 ** 30;

test('making a view reads the header alone', (t) => {
  const source = countingSource(bufferSource(fixtureBytes('ppc64/probe-pie')));
  t.is(new ElfView(source).header.e_machine, 21);
  t.true(source.bytesRead <= 4 + 64, `${source.bytesRead} bytes`);
});

for (const {name, interpreter} of dynamicPrograms) {
  test(`${name}: the interpreter costs two kilobytes at most, in a file of 3 GB too`, (t) => {
    const path = copyFixture(t, name);
    truncateSync(path, threeGigabytes);
    const file = fileSource(path);
    t.teardown(() => file.close());
    const source = countingSource(file);
    t.is(source.size, threeGigabytes);
    t.is(new ElfView(source).interpreter?.path, interpreter);
    t.true(source.bytesRead <= 2048, `${source.bytesRead} bytes`);
  });

  test(`${name}: what it needs and its paths cost ten kilobytes at most, in a file of 3 GB too`, (t) => {
    const path = copyFixture(t, name);
    truncateSync(path, threeGigabytes);
    const file = fileSource(path);
    t.teardown(() => file.close());
    const source = countingSource(file);
    const {dynamic} = new ElfView(source);
    t.true((dynamic?.needed.length ?? 0) > 0);
    t.is(dynamic?.soname, undefined);
    t.notThrows(() => [dynamic?.rpath, dynamic?.runpath]);
    t.true(source.bytesRead <= 10_240, `${source.bytesRead} bytes`);
  });
}

test('what has been read is not read again', (t) => {
  const source = countingSource(bufferSource(fixtureBytes('x86_64/probe-pie')));
  const view = new ElfView(source);
  const ask = () => [view.programHeaders, view.sectionHeaders, view.interpreter, view.dynamic];
  const first = ask();
  const {bytesRead} = source;
  const second = ask();
  t.is(source.bytesRead, bytesRead);
  t.true(first.every((value, i) => value === second[i]));
});

test('that there is no interpreter and no dynamic section is found out once', (t) => {
  const source = countingSource(bufferSource(fixtureBytes('armel/hello-static')));
  const view = new ElfView(source);
  t.is(view.interpreter, undefined);
  t.is(view.dynamic, undefined);
  const {reads} = source;
  t.is(view.interpreter, undefined);
  t.is(view.dynamic, undefined);
  t.is(source.reads, reads);
});

test('segments that claim gigabytes are read by the kilobyte', (t) => {
  const path = copyFixture(t, 'x86_64/probe-pie');
  truncateSync(path, threeGigabytes);
  const file = fileSource(path);
  t.teardown(() => file.close());
  const before = new ElfView(file);
  const {format} = before;
  for (const p_type of [PT.PT_DYNAMIC, PT.PT_NOTE, PT.PT_INTERP]) {
    const headers = before.programHeaders.map((phdr) =>
      phdr.p_type === p_type ? {...phdr, p_filesz: threeGigabytes - phdr.p_offset} : phdr,
    );
    const table = Buffer.concat(headers.map((phdr) => programHeader(format, phdr)));
    const source = countingSource({
      path,
      size: threeGigabytes,
      read: (offset, length) =>
        offset === before.header.e_phoff ? table.subarray(0, length) : file.read(offset, length),
    });
    readEverything(source);
    t.true(source.bytesRead < 3 << 20, `type ${p_type}: ${source.bytesRead} bytes`);
  }
});

test('a thousand overlapping note segments do not cost a thousand times their bytes', (t) => {
  const format = {elfClass: 64, littleEndian: true} as const;
  const p_offset = headerSize(format) + 1000 * 56;
  const note = {p_type: PT.PT_NOTE, p_offset, p_filesz: 1 << 20, p_align: 4};
  const bytes = Buffer.concat([
    elfHeader(format, {e_phoff: headerSize(format), e_phnum: 1000}),
    ...Array.from({length: 1000}, () => programHeader(format, note)),
    Buffer.alloc(1 << 20),
  ]);
  const source = countingSource(bufferSource(bytes));
  readNotes(new ElfView(source));
  t.true(source.bytesRead <= 2 << 20, `${source.bytesRead} bytes`);
});

test('a name of megabytes is an error, found at a bounded cost', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  const {dynamic, format} = viewBuffer(bytes);
  const strtab = viewBuffer(bytes).sectionHeaders.find((section) => section.sh_type === SHT.SHT_DYNSYM);
  if (dynamic === undefined || strtab === undefined) return t.fail('no dynamic section');
  const long = Buffer.concat([bytes, Buffer.alloc(16 << 20, 'x')]);
  const {offset} = dynamic.stringTable;
  long.fill('x', offset);
  long.set(bytes.subarray(dynamic.offset, dynamic.offset + 4096), dynamic.offset);
  const index = dynamic.entries.findIndex((entry) => entry.d_tag === 10n);
  const slot = dynamic.offset + index * Dyn.size(64);
  long.set(Dyn.encode({d_tag: 10n, d_val: BigInt(long.length - offset)}, format), slot);
  const source = countingSource(bufferSource(long));
  const view = new ElfView(source);
  t.throws(() => view.dynamic?.stringAt(BigInt(bytes.length)), {
    code: 'BAD_ELF',
    message: /a string is not terminated/,
  });
  t.true(source.bytesRead < 2 << 20, `${source.bytesRead} bytes`);
});
