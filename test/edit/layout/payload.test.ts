import {readFileSync, writeFileSync} from 'node:fs';
import test from 'ava';
import {findPayload} from '../../../src/elf/payload.js';
import {applyPlanSync, applyPlanToBuffer, type ElfError, openElfBuffer} from '../../../src/index.js';
import {edit, loaderLink, planFor, programFile} from '../../helpers/edits.js';
import {fixture, fixtureBytes, fixtures} from '../../helpers/fixtures.js';
import {readelfHeader} from '../../helpers/readelf.js';
import {output, runProgram, withTools} from '../../helpers/tools.js';

const payload = Buffer.from(`#!payload\n${'data '.repeat(5000)}`);
const trailer = Buffer.from('d3n0l4nd');
const longInterpreter = `/opt/${'i'.repeat(400)}`;

/** A program followed by data and, at the very end, a trailer, as deno compile makes them. */
function withTrailer(name: string): Buffer {
  return Buffer.concat([fixtureBytes(name), payload, trailer]);
}

/** An AppImage of type 2, with only its mark and the start of its squashfs. */
function appImage(name: string): Buffer {
  const bytes = Buffer.concat([fixtureBytes(name), Buffer.from('hsqs'), payload]);
  bytes.set([0x41, 0x49, 2], 8);
  return bytes;
}

test('bytes behind the image are found, and of what kind they are', (t) => {
  for (const name of ['x86_64/probe-pie', 'armhf/probe-nosections', 's390x/probe-mold-pie']) {
    const size = fixtureBytes(name).length;
    const rest = payload.length + trailer.length;
    t.deepEqual(findPayload(openElfBuffer(withTrailer(name)).view), {
      kind: 'unknown',
      offset: size,
      size: rest,
    });
    t.is(findPayload(openElfBuffer(appImage(name)).view)?.kind, 'AppImage');
  }
});

test('no test program has any, and padding with zeros is none', (t) => {
  for (const {name} of fixtures) t.is(findPayload(openElfBuffer(fixtureBytes(name)).view), undefined, name);
  const padded = Buffer.concat([fixtureBytes('x86_64/probe-pie'), Buffer.alloc(70_000)]);
  t.is(findPayload(openElfBuffer(padded).view), undefined);
});

test('an edit that fits leaves every byte behind the image at its offset and at the end', (t) => {
  const name = 'x86_64/probe-pie';
  const before = withTrailer(name);
  const after = edit(before, {interpreter: longInterpreter, rpath: '/opt/lib'});
  const size = fixtureBytes(name).length;
  t.is(after.length, before.length);
  t.deepEqual(after.subarray(size), before.subarray(size));
});

test('an edit that needs a longer file is refused, and the error says where the payload is', (t) => {
  const error = t.throws(
    () => planFor(withTrailer('x86_64/probe-mold-pie'), {interpreter: longInterpreter}),
    {
      code: 'PAYLOAD',
    },
  ) as ElfError | undefined;
  t.is(error?.offset, fixtureBytes('x86_64/probe-mold-pie').length);
  t.regex(error?.message ?? '', /payload: keep, move, keep-and-repeat/);
});

test(
  'keep: the payload stays at its offset, and the program runs',
  withTools((t) => {
    const name = 'x86_64/probe-mold-pie';
    const before = withTrailer(name);
    const interpreter = loaderLink(t, fixture(name), 250);
    const after = edit(before, {interpreter, payload: 'keep'});
    const size = fixtureBytes(name).length;
    t.deepEqual(after.subarray(size, before.length), before.subarray(size));
    t.regex(runProgram(fixture(name), programFile(t, after)).stdout, /as linked/);
  }),
);

test(
  'move: the payload is at the end of the file, as a file and as a buffer, also after a second edit',
  withTools((t) => {
    const name = 'x86_64/probe-mold-pie';
    const before = withTrailer(name);
    const rest = before.subarray(fixtureBytes(name).length);
    const file = programFile(t, before);
    for (const length of [150, 285]) {
      const interpreter = loaderLink(t, fixture(name), length);
      const plan = planFor(readFileSync(file), {interpreter, payload: 'move'});
      const inMemory = Buffer.from(applyPlanToBuffer(readFileSync(file), plan));
      applyPlanSync(file, plan);
      const after = readFileSync(file);
      t.deepEqual(inMemory, after);
      t.deepEqual(after.subarray(-rest.length), rest);
      t.is((after.length - before.length) % 4096, 0, 'it keeps its place in a page');
      t.regex(runProgram(fixture(name), file).stdout, /as linked/);
    }
  }),
);

test('move: an AppImage finds its squashfs where the section headers end', (t) => {
  const file = programFile(t, appImage('x86_64/probe-mold-pie'));
  for (const length of [400, 3000]) {
    applyPlanSync(
      file,
      planFor(readFileSync(file), {interpreter: `/${'i'.repeat(length)}`, payload: 'move'}),
    );
    const {e_shoff, e_shentsize, shnum} = readelfHeader(file);
    const end = e_shoff + e_shentsize * shnum;
    t.is(
      readFileSync(file)
        .subarray(end, end + 4)
        .toString(),
      'hsqs',
    );
    t.deepEqual(readFileSync(file).subarray(end + 4), payload);
  }
});

test(
  'move: a payload behind a file too large for memory goes to its new place',
  withTools((t) => {
    const large = Buffer.concat([fixtureBytes('x86_64/probe-mold-pie'), Buffer.alloc(1 << 19, 'l')]);
    const file = programFile(t, Buffer.concat([large, payload]));
    applyPlanSync(file, planFor(readFileSync(file), {interpreter: longInterpreter, payload: 'move'}));
    const after = readFileSync(file);
    const start = after.length - payload.length - (1 << 19);
    t.true(after.subarray(0, start).includes(longInterpreter));
    t.deepEqual(after.subarray(start), Buffer.concat([Buffer.alloc(1 << 19, 'l'), payload]));
  }),
);

test('move: a file that is written in place is refused and stays as it is', (t) => {
  const before = withTrailer('x86_64/probe-mold-pie');
  const file = programFile(t, before);
  const plan = planFor(before, {interpreter: longInterpreter, payload: 'move'});
  t.throws(() => applyPlanSync(file, plan, {inPlace: true}), {code: 'BAD_REQUEST'});
  t.deepEqual(readFileSync(file), before);
});

test('another choice than keep or move is no request', (t) => {
  const request = {interpreter: '/ld.so', payload: 'drop'} as unknown as Parameters<typeof planFor>[1];
  t.throws(() => planFor(fixtureBytes('x86_64/probe-pie'), request), {code: 'BAD_REQUEST'});
});

const behind = (tail: Uint8Array | string) =>
  Buffer.concat([fixtureBytes('x86_64/probe-mold-pie'), payload, Buffer.from(tail)]);

/** An end-of-central-directory record with a comment. */
const zipEnd = Buffer.concat([
  Buffer.from('PK\x05\x06'),
  Buffer.alloc(16),
  Buffer.from([2, 0]),
  Buffer.from('hi'),
]);
const dartTail = Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 0xdc, 0xdc, 0xf6, 0xf6, 0, 0, 0, 0]);

for (const [kind, tail] of [
  ['zip', zipEnd],
  ['Dart', dartTail],
  ['deno', `d3n0l4nd${'\0'.repeat(16)}`],
  ['deno', `d3n0l4nd${'\0'.repeat(32)}`],
  ['bun', `\n---- Bun! ----\n${'\0'.repeat(8)}`],
  ['nexe', `<nexe~~sentinel>${'\0'.repeat(16)}`],
  ['PyInstaller', `MEI\x0c\x0b\x0a\x0b\x0e${'\0'.repeat(80)}`],
] as const)
  test(`${kind} data is known by its last ${tail.length} bytes`, (t) => {
    t.is(findPayload(openElfBuffer(behind(tail)).view)?.kind, kind);
    const further = Buffer.concat([Buffer.from(tail), Buffer.from('x')]);
    t.is(findPayload(openElfBuffer(behind(further)).view)?.kind, 'unknown');
  });

test('Dart: the payload keeps its offset, its trailer is repeated, and a second edit repeats no more', (t) => {
  const before = behind(dartTail);
  const size = before.length;
  const once = edit(before, {interpreter: longInterpreter});
  t.deepEqual(once.subarray(size - payload.length - 16, size), before.subarray(size - payload.length - 16));
  t.deepEqual(once.subarray(-16), dartTail);
  const twice = edit(once, {interpreter: longInterpreter, rpath: `/${'r'.repeat(9000)}`});
  t.deepEqual(twice.subarray(size - payload.length - 16, size), before.subarray(size - payload.length - 16));
  t.deepEqual(twice.subarray(-16), dartTail);
  t.true(twice.length - once.length < 16_000);
});

test('a kind that survives one way only is not given another', (t) => {
  for (const [tail, choice] of [
    [dartTail, 'move'],
    [dartTail, 'keep'],
    [zipEnd, 'keep'],
  ] as const)
    t.throws(() => planFor(behind(tail), {interpreter: longInterpreter, payload: choice}), {code: 'PAYLOAD'});
});

test('the bundle of a .NET host keeps its offset, without being asked', (t) => {
  const mark = Buffer.from('8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae', 'hex');
  const image = fixtureBytes('x86_64/probe-mold-pie');
  const place = image.indexOf('probe: all as linked');
  const {sectionHeaders} = openElfBuffer(image).view;
  const comment = sectionHeaders.findLast(
    ({sh_type, sh_flags, sh_size}) => sh_type === 1 && sh_flags === 0x30 && sh_size >= 32,
  );
  image.set(mark, comment?.sh_offset ?? place);
  const before = Buffer.concat([image, payload]);
  const after = edit(before, {interpreter: longInterpreter});
  t.deepEqual(after.subarray(image.length, before.length), before.subarray(image.length));
  t.throws(() => planFor(before, {interpreter: longInterpreter, payload: 'move'}), {code: 'PAYLOAD'});
});

test('keep-and-repeat: what is read at an offset and what is read at the end are both there', (t) => {
  const before = withTrailer('x86_64/probe-mold-pie');
  const size = fixtureBytes('x86_64/probe-mold-pie').length;
  const after = edit(before, {interpreter: longInterpreter, payload: 'keep-and-repeat'});
  t.deepEqual(after.subarray(size, before.length), before.subarray(size));
  t.deepEqual(after.subarray(-trailer.length), trailer);
});

test(
  'a zip behind a program is read by Python after each of two edits',
  withTools((t) => {
    const file = programFile(t, fixtureBytes('x86_64/probe-mold-pie'));
    const script = `import zipfile; z = zipfile.ZipFile('${file}', 'a'); z.writestr('inner.txt', 'data'); z.close()`;
    output('python3', ['-c', script]);
    const interpreter = loaderLink(t, fixture('x86_64/probe-mold-pie'), 240);
    for (const request of [{interpreter}, {runpath: `/${'r'.repeat(9000)}`}]) {
      writeFileSync(file, edit(readFileSync(file), request));
      const read = `import zipfile; print(zipfile.ZipFile('${file}').read('inner.txt'))`;
      t.is(output('python3', ['-c', read]), "b'data'\n");
      t.regex(runProgram(fixture('x86_64/probe-mold-pie'), file).stdout, /as linked/);
    }
  }),
);
