/*
 * Setting PT_INTERP, over every committed program: read back by readelf, judged by eu-elflint, and run with the new
 * interpreter in place.
 */
import {spawnSync} from 'node:child_process';
import {readFileSync, symlinkSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {openElfBuffer} from '../../../src/index.js';
import {
  countDifferent,
  edit,
  editOrNoRoom,
  hasRoom,
  loaderLink,
  planFor,
  programFile,
} from '../../helpers/edits.js';
import {dynamicPrograms, fixture, fixtureBytes, fixtures, toolchains} from '../../helpers/fixtures.js';
import {newComplaints, readelfInterpreter} from '../../helpers/readelf.js';
import {output, runProgram, withTools} from '../../helpers/tools.js';

/** As `/xxxx`, of that many bytes. */
const pathOf = (length: number) => `/${'x'.repeat(length - 1)}`;

test('golden: a shorter path, in place', (t) => {
  t.deepEqual(planFor(new Uint8Array(fixtureBytes('x86_64/probe-pie')), {interpreter: '/l'}), {
    path: undefined,
    placement: 'in-place',
    inputSize: 16_624,
    outputSize: 16_624,
    writes: [
      {
        offset: 0x98,
        bytes: bytesOf('03 00 00 00 00 00 00 00 03'),
        before: bytesOf('1c 00 00 00 00 00 00 00 1c'),
        reason: 'PT_INTERP in the program header table',
      },
      {offset: 0x352, bytes: bytesOf('00'), before: textOf('i'), reason: 'the interpreter, /l'},
      {
        offset: 0x353,
        bytes: new Uint8Array(24),
        before: textOf('b64/ld-linux-x86-64.so.2'),
        reason: 'zeros over the old interpreter',
      },
      {
        offset: 0x38d0,
        bytes: bytesOf('03'),
        before: bytesOf('1c'),
        reason: 'a section in the section header table',
      },
    ],
    regions: [
      {offset: 0x350, size: 28, what: 'zeros over the old interpreter'},
      {offset: 0x350, size: 3, what: 'the interpreter, /l'},
      {offset: 0x78, size: 56, what: 'PT_INTERP in the program header table'},
      {offset: 0x38b0, size: 64, what: 'a section in the section header table'},
    ],
    changes: ['interpreter: /lib64/ld-linux-x86-64.so.2 -> /l'],
    notes: [],
  });
});

test('golden: a longer path, into the slack of a LOAD', (t) => {
  const interpreter = '/debootstrap/qemu-libs/ld.so';
  t.deepEqual(planFor(new Uint8Array(fixtureBytes('i386/probe-exec')), {interpreter}), {
    path: undefined,
    placement: 'slack',
    inputSize: 13_864,
    outputSize: 13_864,
    writes: [
      {
        offset: 0x58,
        bytes: bytesOf('6c 03 00 00 6c 83 04 08 6c 83 04 08 1d 00 00 00 1d'),
        before: bytesOf('b4 01 00 00 b4 81 04 08 b4 81 04 08 13 00 00 00 13'),
        reason: 'PT_INTERP in the program header table',
      },
      {
        offset: 0x84,
        bytes: bytesOf('89 03 00 00 89'),
        before: bytesOf('6c 03 00 00 6c'),
        reason: 'PT_LOAD in the program header table',
      },
      {
        offset: 0x1b4,
        bytes: new Uint8Array(18),
        before: textOf('/lib/ld-linux.so.2'),
        reason: 'zeros over the old interpreter',
      },
      {
        offset: 0x36c,
        bytes: textOf(interpreter),
        before: new Uint8Array(28),
        reason: `the interpreter, ${interpreter}`,
      },
      {
        offset: 0x31d4,
        bytes: bytesOf('6c 83 04 08 6c 03 00 00 1d'),
        before: bytesOf('b4 81 04 08 b4 01 00 00 13'),
        reason: 'a section in the section header table',
      },
    ],
    regions: [
      {offset: 0x1b4, size: 19, what: 'zeros over the old interpreter'},
      {offset: 0x36c, size: 29, what: `the interpreter, ${interpreter}`},
      {offset: 0x54, size: 32, what: 'PT_INTERP in the program header table'},
      {offset: 0x74, size: 32, what: 'PT_LOAD in the program header table'},
      {offset: 0x31c8, size: 40, what: 'a section in the section header table'},
    ],
    changes: [`interpreter: /lib/ld-linux.so.2 -> ${interpreter}`],
    notes: [],
  });
});

function bytesOf(digits: string): Uint8Array {
  return Uint8Array.from(digits.split(' '), (byte) => Number.parseInt(byte, 16));
}

function textOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

for (const program of dynamicPrograms) {
  const {name, interpreter = '', path: original} = program;
  const bytes = fixtureBytes(name);

  test(
    `${name}: paths from 2 to 200 bytes are read back, and eu-elflint finds nothing new`,
    withTools((t) => {
      for (const length of [2, interpreter.length - 1, interpreter.length, interpreter.length + 1, 60, 200]) {
        const edited = editOrNoRoom(bytes, {interpreter: pathOf(length)});
        if (edited === undefined) {
          t.false(hasRoom(program), `no room for ${length} bytes`);
          continue;
        }
        const file = programFile(t, edited);
        t.is(readelfInterpreter(file), pathOf(length));
        t.is(openElfBuffer(edited).view.interpreter?.path, pathOf(length));
        if (program.hasSections) t.deepEqual(newComplaints(original, file), [], `${length} bytes`);
        if (hasRoom(program)) t.is(edited.length, bytes.length, `${length} bytes`);
      }
    }),
  );

  test(
    `${name}: runs with a new interpreter, short and long`,
    withTools((t) => {
      for (const length of [0, 200]) {
        const link = loaderLink(t, program, length);
        const edited = editOrNoRoom(bytes, {interpreter: link});
        if (edited === undefined) {
          t.false(hasRoom(program));
          continue;
        }
        const file = programFile(t, edited);
        for (const library of program.needed ?? []) linkLibrary(program, library, path.dirname(file));
        const {status, stdout, stderr} = runProgram(program, file);
        t.is(stderr, '');
        t.is(status, 0);
        t.regex(stdout, program.output ?? /^$/);
      }
    }),
  );

  test(`${name}: the same value is nothing to do`, (t) => {
    const {placement, writes, changes} = planFor(bytes, {interpreter});
    t.deepEqual({placement, writes, changes}, {placement: 'none', writes: [], changes: []});
  });

  test(`${name}: set and set back reads as before, and is the old file where section headers tell what is free`, (t) => {
    for (const length of [2, 60, 200]) {
      const there = editOrNoRoom(bytes, {interpreter: pathOf(length)});
      if (there === undefined) {
        t.false(hasRoom(program));
        continue;
      }
      const back = editOrNoRoom(there, {interpreter});
      if (back === undefined) {
        t.false(hasRoom(program));
        continue;
      }
      t.is(openElfBuffer(back).view.interpreter?.path, interpreter);
      if (program.hasSections && hasRoom(program)) t.is(countDifferent(back, bytes), 0, `${length} bytes`);
    }
  });

  test(`${name}: 100 alternating edits do not grow it`, (t) => {
    const lengths = [60, 3, 200, 100, 41];
    let current = bytes;
    for (let i = 0; i < 100; i++) {
      const next = editOrNoRoom(current, {interpreter: pathOf(lengths[i % lengths.length] ?? 2)});
      if (next === undefined) {
        t.false(hasRoom(program));
        return;
      }
      if (hasRoom(program) || i >= lengths.length) t.is(next.length, current.length, `edit ${i}`);
      current = next;
    }
  });
}

/** The library of a fixture is beside it in test-binaries, where $ORIGIN finds it. */
function linkLibrary({path: original}: {path: string}, library: string, directory: string): void {
  const source = path.join(path.dirname(original), library);
  if (library.startsWith('libprobe')) symlinkSync(source, path.join(directory, library));
}

test('4,095 bytes are the most that the kernel takes', (t) => {
  const bytes = fixtureBytes('aarch64/probe-pie');
  t.is(openElfBuffer(edit(bytes, {interpreter: pathOf(4095)})).view.interpreter?.path.length, 4095);
  t.throws(() => edit(bytes, {interpreter: pathOf(4096)}), {
    code: 'BAD_REQUEST',
    message: 'the interpreter path is too long for the kernel (expected at most 4095 bytes, got 4096)',
  });
});

test('a path in UTF-8 is counted in bytes', (t) => {
  const interpreter = `/${'ü'.repeat(40)}`;
  const {view} = openElfBuffer(edit(fixtureBytes('x86_64/probe-pie'), {interpreter}));
  t.is(view.interpreter?.path, interpreter);
  t.is(view.interpreter?.size, 82);
});

test('what is no path is refused before the file is looked at', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  for (const [interpreter, message] of [
    ['', /is empty/],
    ['/a\0b', /contains a NUL.*got "\/a\\x00b"/],
    ['/a\nb', /contains a newline.*got "\/a\\x0ab"/],
    ['ld.so', /is relative.*or allowRelative/],
  ] as const)
    t.throws(() => edit(bytes, {interpreter}), {code: 'BAD_REQUEST', message});
});

test(
  'a relative path is taken when it is asked for',
  withTools((t) => {
    const program = fixture('x86_64/probe-pie');
    const link = loaderLink(t, program);
    const file = programFile(
      t,
      edit(readFileSync(program.path), {interpreter: 'ld.so', allowRelative: true}),
    );
    const here = spawnSync(file, {cwd: path.dirname(link), encoding: 'utf8'});
    t.regex(here.stdout, program.output ?? /^$/);
    t.is(spawnSync(file, {cwd: '/', encoding: 'utf8'}).status, null, 'elsewhere it does not start');
  }),
);

for (const {name, interpreter, e_type} of fixtures) {
  if (interpreter !== undefined) continue;
  test(`${name}: has no interpreter to set`, (t) => {
    const error = t.throws(() => planFor(fixtureBytes(name), {interpreter: '/ld.so'}));
    t.like(error, {code: e_type === 'ET_REL' ? 'UNSUPPORTED' : 'NO_INTERPRETER'});
  });
}

const triples: Readonly<Record<string, string>> = {
  armhf: 'arm-linux-gnueabihf-',
  s390x: 's390x-linux-gnu-',
  ppc64: 'powerpc64-linux-gnu-',
  i386: 'i686-linux-gnu-',
  riscv64: 'riscv64-linux-gnu-',
};

for (const name of [
  'x86_64/probe-pie',
  'x86_64/probe-gold-pie',
  'armhf/probe-pie',
  's390x/probe-pie',
  'ppc64/probe-pie',
  'i386/probe-pie',
  'riscv64/probe-pie',
]) {
  test(
    `${name}: copies by strip and objcopy of the edited file still run`,
    withTools((t) => {
      const program = fixture(name);
      const interpreter = loaderLink(t, program);
      const file = programFile(t, edit(fixtureBytes(name), {interpreter, rpath: '/opt/somewhere/lib'}));
      const prefix = triples[program.toolchain] ?? '';
      for (const [tool, args] of [
        ['strip', ['-o', `${file}.strip`, file]],
        ['objcopy', [file, `${file}.objcopy`]],
        ['objcopy', ['--strip-all', '--remove-section=.comment', file, `${file}.objcopy`]],
      ] as const) {
        output(`${prefix}${tool}`, args);
        const copy = `${file}.${tool}`;
        t.is(readelfInterpreter(copy), interpreter);
        const {status, stdout, stderr} = runProgram(program, copy);
        t.is(stderr, '');
        t.is(status, 0, `${tool} ${args.join(' ')}`);
        t.regex(stdout, program.output ?? /^$/);
      }
    }),
  );
}

test('every architecture of the fixtures is among the programs that were edited', (t) => {
  t.deepEqual(
    [...new Set(dynamicPrograms.map(({toolchain}) => toolchain))].sort(),
    Object.keys(toolchains).sort(),
  );
});
