/*
 * Setting and removing DT_RPATH and DT_RUNPATH: read back by readelf and eu-readelf, judged by eu-elflint, obeyed by
 * the real loader.
 */
import {copyFileSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {DT} from '../../../src/elf/constants.js';
import {dynamicSymbolTable, eachSymbol} from '../../../src/elf/symbols.js';
import {readDefinedVersions, readNeededVersions} from '../../../src/elf/versions.js';
import type {ElfView} from '../../../src/elf/view.js';
import {
  checkElfNotes,
  describeElf,
  type EditRequest,
  openElfBuffer,
  shrinkSearchPath,
} from '../../../src/index.js';
import {edit, editOrNoRoom, hasRoom, planFor, programFile} from '../../helpers/edits.js';
import {type Fixture, fixture, fixtureBytes, fixtures} from '../../helpers/fixtures.js';
import {euReadelfStrings, newComplaints, readelfDynamic} from '../../helpers/readelf.js';
import {tempDirectory} from '../../helpers/temp.js';
import {output, run, runProgram, withTools} from '../../helpers/tools.js';

/** Programs and libraries with a dynamic section that may have a search path. */
const dynamic = fixtures.filter(
  ({needed, name}) => needed !== undefined && name !== 'x86_64/hello-static-pie',
);

test('golden: another search path over the old one, in place', (t) => {
  const {placement, writes, regions, changes} = planOf('x86_64/needs-libprobe', {runpath: '$ORIG'});
  t.deepEqual(
    {placement, changes},
    {placement: 'in-place', changes: ['runpath (DT_RUNPATH): DT_RUNPATH $ORIGIN -> $ORIG']},
  );
  t.deepEqual(writes, [
    {
      offset: 0x56d,
      bytes: new Uint8Array(1),
      before: new TextEncoder().encode('I'),
      reason: 'the string $ORIG',
    },
    {
      offset: 0x56e,
      bytes: new Uint8Array(1),
      before: new TextEncoder().encode('N'),
      reason: 'the string $ORIGIN, no longer used',
    },
  ]);
  t.deepEqual(regions, [
    {offset: 0x568, size: 7, what: 'the string $ORIGIN, no longer used'},
    {offset: 0x568, size: 6, what: 'the string $ORIG'},
  ]);
});

test('golden: the same path under the other tag is one byte', (t) => {
  t.deepEqual(planOf('x86_64/needs-libprobe', {rpath: '$ORIGIN'}).writes, [
    {offset: 0x2de0, bytes: Uint8Array.of(0x0f), before: Uint8Array.of(0x1d), reason: 'DT_RPATH'},
  ]);
});

test('golden: .dynstr grows by sliding the tables behind it', (t) => {
  t.deepEqual(summary('x86_64/probe-exec', {rpath: '/debootstrap/qemu-libs'}), [
    'slack, 14656 -> 14656 bytes',
    '0xd0 PT_LOAD in the program header table',
    '0x4e7 the string /debootstrap/qemu-libs',
    '0x500 the tables after .dynstr, moved toward the slack',
    '0x2eb0 DT_STRSZ',
    '0x2f10 DT_JMPREL',
    '0x2f20 DT_RELA',
    '0x2f50 DT_VERNEED',
    '0x2f70 DT_VERSYM',
    '0x2f78 DT_RPATH',
    '0x33a0 a section in the section header table',
    '0x33d0 a section in the section header table',
    '0x3410 a section in the section header table',
    '0x3450 a section in the section header table',
    '0x3490 a section in the section header table',
  ]);
});

test('golden: .dynstr moves whole into slack, and a spare DT_NULL takes the new entry', (t) => {
  t.deepEqual(summary('ppc64/probe-exec', {runpath: '$ORIGIN/lib'}), [
    'slack, 67952 -> 67952 bytes',
    '0xd7 PT_LOAD in the program header table',
    '0x371 zeros over the old .dynstr',
    '0xb4d .dynstr, moved as a whole',
    '0xbe1 the string $ORIGIN/lib',
    '0xfcbe DT_STRTAB',
    '0xfcdf DT_STRSZ',
    '0xfdb7 DT_RUNPATH',
    '0x10386 a section in the section header table',
  ]);
});

function planOf(name: string, request: EditRequest) {
  return planFor(new Uint8Array(fixtureBytes(name)), request);
}

function summary(name: string, request: EditRequest): string[] {
  const {placement, inputSize, outputSize, writes} = planOf(name, request);
  return [
    `${placement}, ${inputSize} -> ${outputSize} bytes`,
    ...writes.map(({offset, reason}) => `0x${offset.toString(16)} ${reason}`),
  ];
}

for (const file of dynamic) {
  const {name, path: original} = file;
  const bytes = fixtureBytes(name);

  for (const [field, tag] of [
    ['rpath', 'RPATH'],
    ['runpath', 'RUNPATH'],
  ] as const) {
    test(
      `${name}: ${field} is read back under DT_${tag} alone, and eu-elflint finds nothing new`,
      withTools((t) => {
        const value = '/debootstrap/qemu-libs';
        const edited = editOrNoRoom(bytes, {[field]: value});
        if (edited === undefined) return expectNoRoom(t, file);
        if (hasRoom(file)) t.is(edited.length, bytes.length);
        const copy = programFile(t, edited);
        const paths = readelfDynamic(copy).filter(({type}) => type === 'RPATH' || type === 'RUNPATH');
        t.deepEqual(
          paths.map(({type, string}) => [type, string]),
          [[tag, value]],
        );
        if (!file.hasSections) return;
        t.deepEqual(euReadelfStrings(copy, tag), [value]);
        t.deepEqual(newComplaints(original, copy), []);
      }),
    );
  }

  test(
    `${name}: runs with a search path, and after its removal`,
    withTools((t) => {
      const edited = editOrNoRoom(bytes, {rpath: '/nowhere/at/all:$ORIGIN'});
      if (edited === undefined) return expectNoRoom(t, file);
      const removed = edit(edited, {removeRpath: true});
      t.deepEqual(openElfBuffer(removed).view.dynamic?.rpath, undefined);
      if (file.output === undefined) return;
      requireOutput(t, file, edited);
      if (!name.includes('needs')) requireOutput(t, file, removed);
    }),
  );

  test(`${name}: every other string reads as before, however the path changes`, (t) => {
    const strings = stringsOf(openElfBuffer(bytes).view);
    t.true(strings.length > 1);
    let current = bytes;
    for (const value of [
      '/a',
      '$ORIGIN/../lib:/usr/lib/a-longer-one',
      '/opt',
      '',
      `/${'b'.repeat(60)}`,
      '$ORIGIN',
    ]) {
      const next = editOrNoRoom(current, {runpath: value});
      if (next === undefined) return expectNoRoom(t, file);
      t.is(openElfBuffer(next).view.dynamic?.runpath, value);
      t.deepEqual(stringsOf(openElfBuffer(next).view), strings, value);
      current = next;
    }
    t.deepEqual(stringsOf(openElfBuffer(edit(current, {removeRpath: true})).view), strings);
  });

  test(`${name}: 100 alternating edits do not grow it`, (t) => {
    const requests = [
      {rpath: `/${'r'.repeat(50)}`},
      {removeRpath: true},
      {runpath: '$ORIGIN/lib'},
      {rpath: '/x'},
    ];
    let current = bytes;
    for (let i = 0; i < 100; i++) {
      const next = editOrNoRoom(current, requests[i % requests.length] ?? {});
      if (next === undefined) return expectNoRoom(t, file);
      if (hasRoom(file) || i >= requests.length) t.is(next.length, current.length, `edit ${i}`);
      current = next;
    }
  });

  test(`${name}: the same path again is nothing to do, and so is removing what is not there`, (t) => {
    const edited = editOrNoRoom(bytes, {rpath: '/debootstrap/qemu-libs'});
    if (edited === undefined) return expectNoRoom(t, file);
    t.like(planFor(edited, {rpath: '/debootstrap/qemu-libs'}), {placement: 'none', writes: []});
    t.like(planFor(edit(edited, {removeRpath: true}), {removeRpath: true}), {placement: 'none', writes: []});
  });
}

/** Assert that the linker left no room. */
function expectNoRoom(t: ExecutionContext, file: Fixture): void {
  t.false(hasRoom(file), 'there is room');
}

/** Run an edited fixture, with the library of the fixtures beside it. */
function requireOutput(t: ExecutionContext, file: Fixture, bytes: Uint8Array): void {
  const copy = programFile(t, bytes);
  for (const library of (file.needed ?? []).filter((needed) => needed.startsWith('libprobe')))
    copyFileSync(path.join(path.dirname(file.path), library), path.join(path.dirname(copy), library));
  const {status, stdout, stderr} = runProgram(file, copy);
  t.is(stderr, '');
  t.is(status, 0);
  t.regex(stdout, file.output ?? /^$/);
}

/** Every string that something other than the search path refers to. */
function stringsOf(view: ElfView): (string | undefined)[] {
  const {dynamic} = view;
  if (dynamic === undefined) return [];
  const read = (index: number) => dynamic.stringAt(BigInt(index));
  const strings: (string | undefined)[] = [...dynamic.needed, dynamic.soname];
  const symbols = dynamicSymbolTable(view);
  if (symbols?.exact) eachSymbol(view, symbols.offset, symbols.count, (name) => strings.push(read(name)));
  for (const {record, versions} of readNeededVersions(view))
    strings.push(read(record.vn_file), ...versions.map((version) => read(version.record.vna_name)));
  for (const {names} of readDefinedVersions(view))
    strings.push(...names.map((version) => read(version.record.vda_name)));
  return strings;
}

/** A program that needs libtail.so and has a search path; GNU ld stores one string as the tail of the other. */
function tailMerged(t: ExecutionContext, runpath: string): Buffer {
  const directory = tempDirectory(t);
  const at = (name: string) => path.join(directory, name);
  writeFileSync(at('tail.c'), 'int tail(void) { return 0; }\n');
  writeFileSync(at('main.c'), 'int tail(void); int main(void) { return tail(); }\n');
  output('gcc', ['-shared', '-fPIC', '-Wl,-soname,libtail.so', '-o', at('libtail.so'), at('tail.c')]);
  output('gcc', [
    '-o',
    at('main'),
    at('main.c'),
    at('libtail.so'),
    `-Wl,--enable-new-dtags,-rpath,${runpath}`,
  ]);
  return readFileSync(at('main'));
}

function offsetsOf(bytes: Uint8Array): {needed: bigint; runpath: bigint} {
  const entries = openElfBuffer(bytes).view.dynamic?.entries ?? [];
  const first = (tag: bigint) => entries.find(({d_tag}) => d_tag === tag)?.d_val ?? 0n;
  return {needed: first(DT.DT_NEEDED), runpath: first(DT.DT_RUNPATH)};
}

for (const [runpath, distance] of [
  ['tail.so', 3n],
  ['/opt/libtail.so', -5n],
] as const) {
  test(
    `a search path ${runpath} that shares its bytes with the name libtail.so leaves that name alone`,
    withTools((t) => {
      const bytes = tailMerged(t, runpath);
      const {needed, runpath: start} = offsetsOf(bytes);
      t.is(start - needed, distance, 'the linker merged them');
      for (const request of [{removeRpath: true}, {runpath: '/x'}, {rpath: `/${'y'.repeat(100)}`}]) {
        const edited = edit(bytes, request);
        t.deepEqual(readelfDynamic(programFile(t, edited))[0]?.string, 'libtail.so');
        t.deepEqual(newComplaints(programFile(t, bytes), programFile(t, edited)), []);
      }
    }),
  );
}

test(
  'a search path that stands in .dynstr already is not stored again',
  withTools((t) => {
    const bytes = tailMerged(t, '/opt/lib');
    for (const value of ['libtail.so', 'tail.so', 'libc.so.6', 'main']) {
      const {writes} = planFor(edit(bytes, {removeRpath: true}), {runpath: value});
      t.deepEqual(
        writes.filter(({reason}) => reason.includes('string')),
        [],
        value,
      );
    }
    const {writes} = planFor(bytes, {runpath: 'tail.so'});
    t.deepEqual(
      writes.map(({reason}) => reason),
      ['the string /opt/lib, no longer used', 'DT_RUNPATH'],
    );
  }),
);

test('a hole that an edit left takes the next string', (t) => {
  const bytes = fixtureBytes('ppc64/probe-exec');
  const long = edit(bytes, {runpath: `/${'h'.repeat(80)}`});
  const empty = edit(long, {removeRpath: true});
  const {writes, outputSize} = planFor(empty, {rpath: `/${'k'.repeat(80)}`});
  t.is(outputSize, bytes.length);
  t.deepEqual(
    writes.map(({reason}) => reason),
    [`the string /${'k'.repeat(80)}`, 'DT_RPATH'],
  );
  t.is(
    openElfBuffer(edit(empty, {rpath: '/k'})).view.dynamic?.stringTable.size,
    openElfBuffer(long).view.dynamic?.stringTable.size,
  );
});

test('setting one tag replaces the other, and a second one of the same', (t) => {
  const both = openElfBuffer(edit(fixtureBytes('x86_64/needs-libprobe'), {rpath: '/a'})).view.dynamic;
  t.is(both?.rpath, '/a');
  t.is(both?.runpath, undefined);
  const back = openElfBuffer(edit(fixtureBytes('x86_64/needs-libprobe-rpath'), {runpath: '/a'})).view.dynamic;
  t.is(back?.rpath, undefined);
  t.is(back?.runpath, '/a');
});

test(
  'the loader obeys: DT_RPATH beats LD_LIBRARY_PATH, DT_RUNPATH does not',
  withTools((t) => {
    const bytes = fixtureBytes('x86_64/needs-libprobe');
    const library = fixture('x86_64/libprobe.so.1').path;
    const directory = path.dirname(library);
    const elsewhere = tempDirectory(t);
    copyFileSync(library, path.join(elsewhere, 'libprobe.so.1'));
    const loaded = (request: EditRequest) => {
      const env = {LD_LIBRARY_PATH: elsewhere, LD_TRACE_LOADED_OBJECTS: '1'};
      const {stdout} = run(programFile(t, edit(bytes, request)), [], {env});
      return /libprobe\.so\.1 => (\S+)/.exec(stdout)?.[1];
    };
    t.is(loaded({rpath: directory}), library);
    t.is(loaded({runpath: directory}), path.join(elsewhere, 'libprobe.so.1'));
  }),
);

test('a static program has no search path; a static-pie program without a libc starts with one', (t) => {
  t.throws(() => planOf('x86_64/hello-static', {rpath: '/a'}), {code: 'NO_DYNAMIC'});
  const name = 'x86_64/hello-static-pie';
  const file = programFile(t, edit(fixtureBytes(name), {runpath: '/a'}));
  t.regex(runProgram(fixture(name), file).stdout, /^hello/);
});

test('two of rpath, runpath and removeRpath are refused, and so are NUL and newline', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  for (const request of [
    {rpath: '/a', runpath: '/b'},
    {rpath: '/a', removeRpath: true},
    {runpath: '/a\0'},
    {rpath: 'a\nb'},
  ])
    t.throws(() => planFor(bytes, request), {code: 'BAD_REQUEST'});
});

for (const [path, named] of [
  ['/tmp/x::.:lib', "'', '.', 'lib'"],
  ['$ORIGIN/lib:/opt/lib:', "''"],
  ['/opt/lib:$ORIGIN', undefined],
] as const) {
  test(`elements that depend on the working directory are named: ${path}`, (t) => {
    const note = named && `relative to the working directory: ${named}`;
    const bytes = fixtureBytes('x86_64/needs-libprobe');
    t.deepEqual(planFor(bytes, {runpath: path}).notes, note === undefined ? [] : [`search path: ${note}`]);
    const {view} = openElfBuffer(edit(bytes, {runpath: path}));
    t.deepEqual(
      checkElfNotes(view).map(({code, message}) => [code, message]),
      note === undefined ? [] : [['RELATIVE_PATH', `search path: ${note}`]],
    );
    t.is(describeElf(view).relativePath, note);
  });
}

test('what is not UTF-8 is not carried on in other bytes', (t) => {
  for (const [place, byte] of [
    [4, 0xe9],
    [0, 0xff],
  ] as const) {
    const bytes = edit(fixtureBytes('x86_64/probe-pie'), {runpath: '/opt/caf/lib:/other'});
    const start = bytes.indexOf('/opt/caf/lib');
    bytes[start + place] = byte;
    const refused = {code: 'UNSAFE_EDIT', message: /not valid UTF-8.*got .*\ufffd/};
    for (const request of [
      {addRpath: '/more'},
      {convertRpath: 'rpath'},
      {runpath: `${openElfBuffer(bytes).view.dynamic?.runpath}:/more`},
    ] as const)
      t.throws(() => planFor(bytes, request), refused, JSON.stringify(request));
    t.throws(() => shrinkSearchPath(openElfBuffer(bytes).view), refused);
    t.is(planFor(bytes, {addRpath: '/other'}).placement, 'none');
    t.is(planFor(bytes, {convertRpath: 'runpath'}).placement, 'none');
    const replaced = edit(bytes, {runpath: '/other:/more'});
    t.is(openElfBuffer(replaced).view.dynamic?.runpath, '/other:/more');
    t.is(openElfBuffer(edit(bytes, {removeRpath: true})).view.dynamic?.runpath, undefined);
    const elsewhere = edit(bytes, {addNeeded: ['libm.so.6']});
    t.true(elsewhere.includes(bytes.subarray(start, start + 12)));
  }
});
