import test from 'ava';
import fc from 'fast-check';
import {defineRecord, type FieldKind, type Format, toSafeNumber} from '../../src/elf/record.js';
import {
  Dyn,
  Ehdr,
  Ident,
  Nhdr,
  Phdr,
  Rel,
  Rela,
  Shdr,
  Sym,
  Verdaux,
  Verdef,
  Vernaux,
  Verneed,
} from '../../src/elf/records.js';
import {describeFormat, formats} from '../helpers/format.js';

const records = {Ident, Ehdr, Phdr, Shdr, Dyn, Sym, Nhdr, Rel, Rela, Verneed, Vernaux, Verdef, Verdaux};

/** Every record of the specification, with its length in each class (Elf32_*, Elf64_* of elf.h). */
const sizes = {
  Ident: [9, 9],
  Ehdr: [52 - 16, 64 - 16],
  Phdr: [32, 56],
  Shdr: [40, 64],
  Dyn: [8, 16],
  Sym: [16, 24],
  Nhdr: [12, 12],
  Rel: [8, 16],
  Rela: [12, 24],
  Verneed: [16, 16],
  Vernaux: [16, 16],
  Verdef: [20, 20],
  Verdaux: [8, 8],
} as const satisfies Record<keyof typeof records, readonly [number, number]>;

const kinds: readonly FieldKind[] = ['byte', 'half', 'word', 'size', 'addr', 'tag'];

test('each record is as long as the C structure', (t) => {
  for (const [name, [size32, size64]] of Object.entries(sizes)) {
    const record = records[name as keyof typeof sizes];
    t.deepEqual([record.size(32), record.size(64)], [size32, size64], name);
  }
});

test('fields lie where elf.h has them', (t) => {
  t.deepEqual([Phdr.offsetOf('p_flags', 32), Phdr.offsetOf('p_flags', 64)], [24, 4]);
  t.deepEqual([Phdr.offsetOf('p_align', 32), Phdr.offsetOf('p_align', 64)], [28, 48]);
  t.deepEqual([Sym.offsetOf('st_value', 32), Sym.offsetOf('st_value', 64)], [4, 8]);
  t.deepEqual([Sym.offsetOf('st_shndx', 32), Sym.offsetOf('st_shndx', 64)], [14, 6]);
  t.deepEqual([Shdr.offsetOf('sh_info', 32), Shdr.offsetOf('sh_info', 64)], [28, 44]);
  t.deepEqual([Ehdr.offsetOf('e_shstrndx', 32), Ehdr.offsetOf('e_shstrndx', 64)], [34, 46]);
  t.deepEqual([Vernaux.offsetOf('vna_name', 32), Vernaux.offsetOf('vna_next', 64)], [8, 12]);
});

for (const format of formats) {
  for (const name of Object.keys(sizes) as (keyof typeof sizes)[]) {
    const record: AnyRecord = records[name];
    test(`${describeFormat(format)}: what ${name} decodes it encodes to the same bytes`, (t) => {
      fc.assert(
        fc.property(bytesOf(record.size(format.elfClass)), (bytes) => {
          const readable = tameOffsets(bytes, format);
          t.deepEqual(record.encode(record.decode(readable, format), format), readable);
        }),
        {numRuns: 50},
      );
    });
  }

  test(`${describeFormat(format)}: a record of any fields decodes to what was encoded`, (t) => {
    const fields = fc
      .array(fc.constantFrom(...kinds), {minLength: 1, maxLength: 12})
      .map((list) => Object.fromEntries(list.map((kind, i) => [`f${i}`, kind])));
    const withValues = fields.chain((table) =>
      fc.record({
        table: fc.constant(table),
        values: fc.record(
          Object.fromEntries(Object.entries(table).map(([name, kind]) => [name, anyValue(kind, format)])),
        ),
        before: fc.nat(20),
      }),
    );
    fc.assert(
      fc.property(withValues, ({table, values, before}) => {
        const record = defineRecord('Any', table);
        const plain = {...values} as Parameters<typeof record.encode>[0];
        const encoded = record.encode(plain, format);
        t.is(encoded.length, record.size(format.elfClass));
        const placed = Buffer.concat([Buffer.alloc(before, 0xaa), encoded]);
        t.deepEqual(record.decode(placed, format, before), plain);
      }),
      {numRuns: 200},
    );
  });

  test(`${describeFormat(format)}: a value too wide for its field is refused, not cut off`, (t) => {
    const {elfClass} = format;
    const record = defineRecord('R', {half: 'half', size: 'size', addr: 'addr', tag: 'tag'});
    const zero = {half: 0, size: 0, addr: 0n, tag: 0n};
    const refused = (fields: Partial<typeof zero>) => {
      const error = t.throws(() => record.encode({...zero, ...fields}, format));
      t.like(error, {code: 'BAD_REQUEST', name: 'ElfError'});
      t.regex(error?.message ?? '', /^R\.\w+ cannot hold this value \(expected \d\d bits, got -?\d+\)$/);
    };
    refused({half: 0x1_0000});
    refused({half: -1});
    refused({addr: -1n});
    refused({addr: 1n << BigInt(elfClass)});
    refused({tag: 1n << BigInt(elfClass - 1)});
    refused({tag: -(1n << BigInt(elfClass - 1)) - 1n});
    if (elfClass === 32) refused({size: 2 ** 32});
    t.notThrows(() => record.encode({...zero, tag: -(1n << BigInt(elfClass - 1))}, format));
    t.notThrows(() => record.encode({...zero, addr: (1n << BigInt(elfClass)) - 1n}, format));
  });
}

test('a 64-bit offset that no file can have is an error with the field in it', (t) => {
  const bytes = Buffer.alloc(56, 0xff);
  const format = {elfClass: 64, littleEndian: true} as const;
  t.throws(() => Phdr.decode(bytes, format), {
    code: 'BAD_ELF',
    message: 'Phdr.p_offset is out of range (expected at most 0x1fffffffffffff, got 0xffffffffffffffff)',
  });
  t.is(toSafeNumber(2n ** 53n - 1n, 'x'), Number.MAX_SAFE_INTEGER);
  t.throws(() => toSafeNumber(2n ** 53n, 'x'), {code: 'BAD_ELF'});
});

interface AnyRecord {
  size(elfClass: 32 | 64): number;
  // biome-ignore lint/suspicious/noExplicitAny: records of every type go through one property
  decode(bytes: Uint8Array, format: Format): any;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  encode(record: any, format: Format): Uint8Array;
}

function bytesOf(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({minLength: length, maxLength: length});
}

/**
 * Clear the top 11 bits of each 8-byte unit of a 64-bit record: offsets past 2^53 are refused, and tested separately.
 */
function tameOffsets(bytes: Uint8Array, {elfClass, littleEndian}: Format): Uint8Array {
  if (elfClass === 32) return bytes;
  return bytes.map((byte, i) => {
    const significance = littleEndian ? i % 8 : 7 - (i % 8);
    if (significance === 7) return 0;
    return significance === 6 ? byte & 0x1f : byte;
  });
}

function anyValue(kind: FieldKind, {elfClass}: Format): fc.Arbitrary<number | bigint> {
  if (kind === 'byte') return fc.nat(0xff);
  if (kind === 'half') return fc.nat(0xffff);
  if (kind === 'word') return fc.nat(0xffff_ffff);
  if (kind === 'size') return fc.nat(elfClass === 32 ? 0xffff_ffff : Number.MAX_SAFE_INTEGER);
  const bits = BigInt(elfClass);
  if (kind === 'addr') return fc.bigInt(0n, (1n << bits) - 1n);
  return fc.bigInt(-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n);
}
