/*
 * Damaged files. Whatever the bytes, the result is a value or an ElfError.
 */
import test from 'ava';
import fc from 'fast-check';
import {PT} from '../../src/elf/constants.js';
import {Phdr} from '../../src/elf/records.js';
import {ElfView, longestInterpreter} from '../../src/elf/view.js';
import {ElfError} from '../../src/errors.js';
import {bufferSource} from '../../src/source/buffer.js';
import {readEverything} from '../helpers/everything.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {describeFormat, formats} from '../helpers/format.js';
import {elfHeader, fileWithInterpreter, headerSize, programHeader} from '../helpers/synthetic.js';
import {viewBuffer} from '../helpers/view-buffer.js';

/** Small ones of each class and byte order; there is no big-endian 32-bit toolchain, so that one is synthetic. */
const small = {
  'armhf/probe-nosections': fixtureBytes('armhf/probe-nosections'),
  's390x/needs-libprobe': fixtureBytes('s390x/needs-libprobe'),
  'x86_64/probe-lld-exec': fixtureBytes('x86_64/probe-lld-exec'),
  'a synthetic 32-bit big-endian file': Buffer.from(
    fileWithInterpreter({elfClass: 32, littleEndian: false}, Buffer.from('/lib/ld.so.1\0')),
  ),
};

for (const [name, bytes] of Object.entries(small)) {
  test(`${name}: cut off at every byte it gives values or ElfErrors`, (t) => {
    for (let length = 0; length < bytes.length; length++) {
      const errors = readEverything(bufferSource(bytes.subarray(0, length), 'cut'));
      for (const error of errors) {
        if (error.path !== 'cut' || !error.message.startsWith('cut: '))
          t.fail(`${length}: ${error.message} does not name the file`);
        if (!['NOT_ELF', 'TRUNCATED', 'BAD_ELF'].includes(error.code)) t.fail(`${length}: ${error.code}`);
      }
      if (length < 64 && errors.length === 0 && length < headerSize(viewBuffer(bytes).format))
        t.fail(`${length}: no error`);
    }
    t.deepEqual(
      readEverything(bufferSource(bytes)).filter((error) => error.code !== 'BAD_ELF'),
      [],
    );
  });

  test(`${name}: with bytes of its first kilobyte overwritten it gives values or ElfErrors`, (t) => {
    const change = fc.tuple(fc.nat(1023), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 4, 0x40));
    fc.assert(
      fc.property(fc.array(change, {minLength: 1, maxLength: 8}), (changes) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
        readEverything(bufferSource(damaged, 'damaged'));
      }),
      {numRuns: 300},
    );
    t.pass();
  });
}

test('noise behind an ELF magic gives values or ElfErrors', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({maxLength: 600}),
      fc.constantFrom(1, 2),
      fc.constantFrom(1, 2),
      (noise, cls, data) => {
        readEverything(
          bufferSource(Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, cls, data, 1]), noise])),
        );
      },
    ),
    {numRuns: 500},
  );
  t.pass();
});

test('what is not ELF says so, with the bytes it has instead', (t) => {
  const message = (bytes: Uint8Array) => t.throws(() => viewBuffer(bytes, 'f'), {code: 'NOT_ELF'})?.message;
  t.is(message(Buffer.from('')), 'f: the file is empty (at offset 0x0, expected 7f 45 4c 46, got nothing)');
  t.is(
    message(Buffer.from('#!/bin/sh\n')),
    'f: not an ELF file (at offset 0x0, expected 7f 45 4c 46, got 23 21 2f 62)',
  );
  t.is(
    message(Buffer.from([0x7f, 0x45])),
    'f: not an ELF file (at offset 0x0, expected 7f 45 4c 46, got 7f 45)',
  );
});

test('an unknown class or byte order is an error at its offset', (t) => {
  const bytes = Buffer.from(elfHeader({elfClass: 64, littleEndian: true}));
  bytes[4] = 3;
  t.throws(() => viewBuffer(bytes, 'f'), {
    code: 'BAD_ELF',
    message: 'f: unknown EI_CLASS (at offset 0x4, expected 1 or 2, got 3)',
  });
  bytes[4] = 1;
  bytes[5] = 0;
  t.throws(() => viewBuffer(bytes, 'f'), {message: /unknown EI_DATA \(at offset 0x5/});
});

for (const format of formats) {
  const interpreterOf = (bytes: Uint8Array, fields?: Partial<Phdr>) =>
    viewBuffer(fileWithInterpreter(format, bytes, fields), 'f').interpreter?.path;

  test(`${describeFormat(format)}: PT_INTERP as the kernel wants it`, (t) => {
    t.is(interpreterOf(Buffer.from('/lib/ld.so\0')), '/lib/ld.so');
    t.is(interpreterOf(Buffer.from('/lib/ld.so\0\0\0')), '/lib/ld.so');
    const longest = `/${'x'.repeat(longestInterpreter - 2)}`;
    t.is(interpreterOf(Buffer.from(`${longest}\0`)), longest);
  });

  test(`${describeFormat(format)}: PT_INTERP not NUL-terminated, too long, too short, out of bounds`, (t) => {
    t.throws(() => interpreterOf(Buffer.from('/lib/ld.so')), {
      code: 'BAD_ELF',
      message: /^f: PT_INTERP is not NUL-terminated \(at offset 0x[0-9a-f]+, expected 0x0, got 0x6f\)$/,
    });
    t.throws(() => interpreterOf(Buffer.from(`/${'x'.repeat(longestInterpreter - 1)}\0`)), {
      code: 'BAD_ELF',
      message: 'f: the kernel refuses the size of PT_INTERP (expected 2 to 4096 bytes, got 4097)',
    });
    t.throws(() => interpreterOf(Buffer.from('\0')), {code: 'BAD_ELF', message: /got 1\)$/});
    t.throws(() => interpreterOf(Buffer.from('')), {code: 'BAD_ELF', message: /got 0\)$/});
    t.throws(() => interpreterOf(Buffer.from('/lib/ld.so\0'), {p_filesz: 100}), {
      code: 'TRUNCATED',
      message: /^f: the file ends too early \(at offset 0x[0-9a-f]+, expected 100 bytes, got 11 bytes\)$/,
    });
    t.throws(() => interpreterOf(Buffer.from('/lib/ld.so\0'), {p_offset: 0xffff_0000}), {
      code: 'TRUNCATED',
      message: /expected 11 bytes, got 0 bytes/,
    });
  });

  test(`${describeFormat(format)}: a table of entries of another size, and one of absurd length`, (t) => {
    const header = {e_phoff: headerSize(format), e_phnum: 1};
    const file = Buffer.concat([
      elfHeader(format, {...header, e_phentsize: 40}),
      programHeader(format, {p_type: PT.PT_LOAD}),
    ]);
    t.throws(() => viewBuffer(file, 'f').programHeaders, {
      code: 'BAD_ELF',
      message: `f: wrong program header entry size (expected ${Phdr.size(format.elfClass)}, got 40)`,
    });
    t.throws(() => viewBuffer(elfHeader(format, {...header, e_phnum: 60000}), 'f').programHeaders, {
      code: 'TRUNCATED',
    });
  });
}

test('an error of the view is an ElfError with code, path and offset as properties', (t) => {
  const error = t.throws(() => new ElfView(bufferSource(Buffer.from('text'), 'a\nb')), {
    instanceOf: ElfError,
  });
  t.like(error, {code: 'NOT_ELF', path: 'a\nb', offset: 0});
  t.true(error?.message.startsWith('a\\x0ab: '), 'the name does not reach the terminal raw');
});
