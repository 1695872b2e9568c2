import test from 'ava';
import fc from 'fast-check';
import {
  byteString,
  concatenate,
  decodeString,
  encodeString,
  readString,
  readStringBytes,
} from '../../src/elf/strings.js';
import {bufferSource} from '../../src/source/buffer.js';
import {libraryText} from '../../src/source/byte-string.js';
import {countingSource} from '../helpers/counting.js';

const table = Buffer.from('xx\0hello\0\0worl', 'latin1');
const source = bufferSource(table, 'a-file');

test('a string ends at its NUL, and may start in the middle of another one', (t) => {
  t.is(readString(source, 3, 7, 0), 'hello');
  t.is(readString(source, 3, 7, 2), 'llo');
  t.is(readString(source, 3, 7, 6), '');
});

test('a string outside its table, and one without an end, are errors that say where', (t) => {
  t.throws(() => readString(source, 3, 7, 7), {
    code: 'BAD_ELF',
    message: 'a-file: a string is outside its table (at offset 0xa, expected an index below 7, got 7)',
  });
  t.throws(() => readString(source, 3, 11, 7), {
    code: 'BAD_ELF',
    message: 'a-file: a string is not terminated (at offset 0xa, expected a NUL within 4 bytes)',
  });
  t.throws(() => readString(source, 3, 0, 0), {code: 'BAD_ELF'});
});

test('a table that reaches past the end of the file is TRUNCATED', (t) => {
  t.throws(() => readString(source, 3, 4000, 7), {code: 'TRUNCATED'});
});

test('strings of any length are read whole, in pieces', (t) => {
  const name = fc.string({unit: 'grapheme', maxLength: 900}).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(name, fc.nat(700), (text, before) => {
      const bytes = Buffer.concat([Buffer.alloc(before, 'x'), encodeString(text), Buffer.from('tail\0')]);
      t.is(readString(bufferSource(bytes), 0, bytes.length, before), text);
    }),
    {numRuns: 100},
  );
});

test('a short string of a large table costs one small read', (t) => {
  const counting = countingSource(
    bufferSource(Buffer.concat([encodeString('libc.so.6'), Buffer.alloc(1 << 20)])),
  );
  t.is(readString(counting, 0, counting.size, 0), 'libc.so.6');
  t.is(counting.reads, 1);
  t.true(counting.bytesRead <= 256);
});

test('bytes that are not UTF-8 are kept as bytes and shown as U+FFFD', (t) => {
  const bytes = bufferSource(Buffer.from([0x61, 0xff, 0x62, 0]));
  t.deepEqual([...readStringBytes(bytes, 0, 4, 0)], [0x61, 0xff, 0x62]);
  t.is(readString(bytes, 0, 4, 0), 'a\ufffdb');
});

test('text to bytes and back', (t) => {
  t.deepEqual([...encodeString('é')], [0xc3, 0xa9, 0]);
  t.is(decodeString(encodeString('é').subarray(0, 2)), 'é');
  t.deepEqual([...concatenate([])], []);
  t.deepEqual([...concatenate([Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3)])], [1, 2, 3]);
});

test('a byte string has one character a byte, of the same number', (t) => {
  const bytes = Uint8Array.from({length: 10_000}, (_, i) => i);
  for (const part of [bytes, bytes.subarray(1), bytes.subarray(7, 100)]) {
    const text = byteString(part);
    t.is(libraryText(bufferSource(part, 'part')), text);
    t.is(text.length, part.length);
    t.true(part.every((byte, i) => text.charCodeAt(i) === byte));
  }
});
