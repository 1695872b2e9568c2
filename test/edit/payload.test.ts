import {readFileSync} from 'node:fs';
import test from 'ava';
import {findPayload} from '../../src/elf/payload.js';
import {applyPlanSync, applyPlanToBuffer, type ElfError, openElfBuffer} from '../../src/index.js';
import {edit, loaderLink, planFor, programFile} from '../helpers/edits.js';
import {fixture, fixtureBytes, fixtures} from '../helpers/fixtures.js';
import {readelfHeader} from '../helpers/readelf.js';
import {runProgram, withTools} from '../helpers/tools.js';

const payload = Buffer.from(`#!payload\n${'data '.repeat(5000)}`);
const trailer = Buffer.from('d3n0l4nd');
const longInterpreter = `/opt/${'i'.repeat(400)}`;

/** A program with data behind it and a trailer at the very end, as deno compile makes them. */
function withTrailer(name: string): Buffer {
  return Buffer.concat([fixtureBytes(name), payload, trailer]);
}

/** An AppImage of type 2, as far as its mark and the place of its squashfs go. */
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
  t.regex(error?.message ?? '', /--payload keep .* or --payload move/);
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
