import test from 'ava';
import {bufferSource} from '../../src/source/buffer.js';
import {leadingZeros, readInPieces} from '../../src/source/source.js';

const source = bufferSource(Buffer.from('0123456789'), 'digits');

test('reads by range', (t) => {
  t.is(source.size, 10);
  t.is(source.path, 'digits');
  t.is(Buffer.from(source.read(3, 4)).toString(), '3456');
  t.is(source.read(10, 0).length, 0);
  t.is(source.read(0, 10).length, 10);
});

test('no bytes can be read anywhere but before the file', (t) => {
  t.is(source.read(11, 0).length, 0);
  t.throws(() => source.read(-1, 0), {code: 'TRUNCATED'});
});

test('a range that does not lie inside is TRUNCATED, with what is missing', (t) => {
  t.throws(() => source.read(8, 3), {
    code: 'TRUNCATED',
    message: 'digits: the file ends too early (at offset 0x8, expected 3 bytes, got 2 bytes)',
  });
  for (const [offset, length] of [
    [-1, 2],
    [0, -1],
    [Number.MAX_SAFE_INTEGER, 5],
    [Number.NaN, 1],
    [0, Number.NaN],
  ] as const)
    t.throws(() => source.read(offset, length), {code: 'TRUNCATED'}, `${offset}, ${length}`);
});

test('a view into a larger buffer reads its own bytes only', (t) => {
  const part = bufferSource(Buffer.from('0123456789').subarray(2, 5));
  t.is(part.size, 3);
  t.is(Buffer.from(part.read(0, 3)).toString(), '234');
  t.throws(() => part.read(0, 4), {code: 'TRUNCATED'});
});

test('pieces cover a range once, in order, and stop when told', (t) => {
  const pieces: [number, string][] = [];
  const collect = (bytes: Uint8Array, offset: number) => {
    pieces.push([offset, Buffer.from(bytes).toString()]);
    return offset < 5;
  };
  readInPieces(source, 1, 8, collect, 3);
  t.deepEqual(pieces, [
    [1, '123'],
    [4, '456'],
    [7, '78'],
  ]);
  pieces.length = 0;
  readInPieces(source, 5, 5, collect, 2);
  t.deepEqual(pieces, [[5, '56']]);
  pieces.length = 0;
  readInPieces(source, 5, 0, collect);
  t.deepEqual(pieces, []);
});

test('a copy of what was read is a copy, also where the bytes are a Buffer', (t) => {
  const bytes = Buffer.from('0123456789');
  bufferSource(bytes).read(2, 4).slice().fill(0);
  t.is(bytes.toString(), '0123456789');
});

test('zeros are counted up to the first other byte, wherever the bytes lie in memory', (t) => {
  const memory = new Uint8Array(64);
  for (let start = 0; start < 8; start++) {
    for (let length = 0; length <= 24; length++) {
      const bytes = memory.subarray(start, start + length);
      t.is(leadingZeros(bytes), length);
      for (let at = 0; at < length; at++) {
        bytes[at] = 1;
        t.is(leadingZeros(bytes), at);
        bytes[at] = 0;
      }
    }
  }
});
