import test from 'ava';
import fc from 'fast-check';
import {bufferSource} from '../../src/source/buffer.js';
import {overlaySource} from '../../src/source/overlay.js';
import {countingSource} from '../helpers/counting.js';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const digits = bufferSource(Buffer.from('0123456789'), 'digits');
const patch = (offset: number, content: string) => ({offset, bytes: Buffer.from(content)});

test('patches stand in front of the bytes below, in any order given', (t) => {
  const source = overlaySource(digits, [patch(7, 'xy'), patch(2, 'ab')]);
  t.is(text(source.read(0, 10)), '01ab456xy9');
  t.is(text(source.read(3, 5)), 'b456x');
  t.is(text(source.read(3, 1)), 'b');
  t.is(source.path, 'digits');
  t.is(text(digits.read(0, 10)), '0123456789', 'the source itself stays');
});

test('a longer file has zeros where nothing is given', (t) => {
  const source = overlaySource(digits, [patch(9, 'AB'), patch(14, 'C')], 16);
  t.is(source.size, 16);
  t.is(text(source.read(8, 8)), '8AB\0\0\0C\0');
  t.is(text(source.read(11, 2)), '\0\0');
  t.is(source.read(16, 0).length, 0);
  t.is(source.read(13, 0).length, 0);
  t.throws(() => source.read(15, 2), {code: 'TRUNCATED'});
});

test('a shorter file ends earlier', (t) => {
  const source = overlaySource(digits, [patch(1, 'x')], 4);
  t.is(text(source.read(0, 4)), '0x23');
  t.throws(() => source.read(0, 5), {code: 'TRUNCATED'});
});

test('a range without patches costs one read of the source below and no copy', (t) => {
  const counting = countingSource(digits);
  const source = overlaySource(counting, [patch(7, 'xy')]);
  t.is(source.read(0, 7).buffer, digits.read(0, 1).buffer);
  t.deepEqual([counting.reads, counting.bytesRead], [1, 7]);
});

test('reading through patches is the same as writing them and reading', (t) => {
  const pieces = fc.array(fc.tuple(fc.nat(30), fc.uint8Array({maxLength: 12})), {maxLength: 5});
  const scene = fc.record({
    below: fc.uint8Array({maxLength: 40}),
    pieces,
    size: fc.nat(80),
    from: fc.nat(80),
    to: fc.nat(80),
  });
  fc.assert(
    fc.property(scene, ({below, pieces, size, from, to}) => {
      // Patches must not overlap: lay them out one after the other, at the given distances.
      let end = 0;
      const patches = pieces.map(([distance, bytes]) => {
        const offset = end + distance;
        end = offset + bytes.length;
        return {offset, bytes};
      });
      const expected = Buffer.alloc(Math.max(size, end, below.length));
      expected.set(below);
      for (const {offset, bytes} of patches) expected.set(bytes, offset);
      const start = Math.min(from, to, size);
      const length = Math.min(Math.max(from, to), size) - start;
      const result = overlaySource(bufferSource(below), patches, size).read(start, length);
      t.deepEqual(text(result), text(expected.subarray(start, start + length)));
    }),
    {numRuns: 300},
  );
});
