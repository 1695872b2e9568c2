import test from 'ava';
import {Rel, Rela, Sym} from '../../src/elf/records.js';
import {
  address,
  baseOf,
  column,
  distance,
  type RecordRange,
  read,
  readColumn,
  readU16s,
  readU32s,
  scan,
  wideColumn,
} from '../../src/elf/scan.js';
import {bufferSource} from '../../src/source/buffer.js';
import {countingSource} from '../helpers/counting.js';
import {describeFormat, formats} from '../helpers/format.js';
import {seededRandom} from '../helpers/random.js';

/** Bytes that are not aligned to a word in memory. */
function randomBytes(length: number): Uint8Array {
  const random = seededRandom(length);
  return Uint8Array.from({length: length + 1}, () => random(256)).subarray(1);
}

for (const format of formats) {
  test(`a scan finds in each field what a decoder does: ${describeFormat(format)}`, (t) => {
    const size = Sym.size(format.elfClass);
    const bytes = randomBytes(5 + 100 * size);
    const file = {source: bufferSource(bytes), format};
    const range: RecordRange = {offset: 5, count: 100};
    const decoded = Sym.decodeAll(bytes.subarray(5), format);
    for (const field of ['st_name', 'st_info', 'st_other', 'st_shndx'] as const)
      t.deepEqual(
        [...readColumn(file, Sym, field, range)],
        decoded.map((symbol) => symbol[field]),
        field,
      );
    for (const field of ['st_value', 'st_size'] as const) {
      const place = wideColumn(Sym, field, format);
      scan(file, Sym, range, (words, count) => {
        for (let i = 0; i < count; i++)
          t.is(address(words, i * place.step, place), decoded[i]?.[field] ?? -1n, field);
      });
    }
  });

  test(`addresses are measured from one another: ${describeFormat(format)}`, (t) => {
    const top = format.elfClass === 64 ? 0xffff_ffff_8000_0000n : 0x8000_0000n;
    const records = [top - 1n, top, top + 0x1234n, 0n].map((r_offset) => ({
      r_offset,
      r_info: 0n,
      r_addend: 0n,
    }));
    const bytes = Uint8Array.from(records.flatMap((record) => [...Rela.encode(record, format)]));
    const place = wideColumn(Rela, 'r_offset', format);
    scan({source: bufferSource(bytes), format}, Rela, {offset: 0, count: 4}, (words) => {
      const far = records.map((_, i) => distance(words, i * place.step, place, baseOf(top)));
      t.deepEqual(far.slice(0, 3), [-1, 0, 0x1234]);
      t.true((far[3] ?? 0) < -0x7fff_ffff);
    });
  });
}

test('words and halves are read in the order of the file', (t) => {
  const source = bufferSource(Uint8Array.of(9, 1, 2, 3, 4));
  const little = {source, format: {elfClass: 64, littleEndian: true}} as const;
  const big = {source, format: {elfClass: 64, littleEndian: false}} as const;
  t.deepEqual([...readU32s(little, 1, 1)], [0x04030201]);
  t.deepEqual([...readU32s(big, 1, 1)], [0x01020304]);
  t.deepEqual([...readU16s(little, 1, 2)], [0x0201, 0x0403]);
  t.deepEqual([...readU16s(big, 1, 2)], [0x0102, 0x0304]);
});

test('a scan reads in pieces, and no further than its visitor wants', (t) => {
  const format = {elfClass: 32, littleEndian: true} as const;
  const source = countingSource(bufferSource(new Uint8Array(8 * 100_000)));
  let seen = 0;
  scan({source, format}, Rel, {offset: 0, count: 100_000}, (_, count, first) => {
    t.is(first, seen);
    seen += count;
    return seen > 10_000;
  });
  t.true(seen > 10_000 && seen < 20_000, `${seen}`);
  t.is(source.bytesRead, seen * 8);
  t.is(column(Rel, 'r_info', format).step, 2);
  t.is(read(Uint32Array.of(0, 7), 0, column(Rel, 'r_info', format)), 7);
});
