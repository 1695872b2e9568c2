/*
 * One table of fields per on-disk record; decoding, encoding, size and the TypeScript type all derive from it.
 *
 * ELF writes each record in two widths and two byte orders, and the two widths do not always list the same
 * fields in the same order (`p_flags` is second in Elf64_Phdr and last but one in Elf32_Phdr). So a table
 * holds the names and kinds in the order of ELFCLASS64, and the order of ELFCLASS32 where that differs.
 *
 * There are two kinds of number: a count of bytes in a file is a `number`, checked to be a safe integer when it is
 * decoded; an address, or a value that may be one, is a `bigint`.
 */
import {ElfError} from '../errors.js';

/** ELFCLASS32 or ELFCLASS64, as a number of bits. */
export type ElfClass = 32 | 64;

/** What decides the layout of a record in the file. */
export interface Format {
  readonly elfClass: ElfClass;
  readonly littleEndian: boolean;
}

/**
 * How a field is stored: `byte`, `half`, `word` are 1, 2, 4 bytes in both classes; `size` and `addr` are as wide
 * as the class, `size` for offsets and lengths in the file, `addr` for addresses and untyped values; `tag` is
 * `addr` with a sign.
 */
export type FieldKind = 'byte' | 'half' | 'word' | 'size' | 'addr' | 'tag';

type Fields = Readonly<Record<string, FieldKind>>;

/** The decoded form of a record whose table is `F`. */
export type Decoded<F extends Fields> = {
  -readonly [Name in keyof F]: F[Name] extends 'addr' | 'tag' ? bigint : number;
};

/** A record's table together with what derives from it. */
export interface RecordType<F extends Fields> {
  readonly name: string;
  /** Length of one record in bytes. */
  size(elfClass: ElfClass): number;
  /** The offset of a field in the record, in bytes. */
  offsetOf(field: keyof F, elfClass: ElfClass): number;
  /** How many bytes a field has. */
  widthOf(field: keyof F, elfClass: ElfClass): number;
  /** Decode the record that starts at `offset` of `bytes`. */
  decode(bytes: Uint8Array, format: Format, offset?: number): Decoded<F>;
  /** Like `decode`, for many records in one piece of memory: making a DataView for each costs more than decoding it. */
  decodeIn(data: DataView, format: Format, offset: number): Decoded<F>;
  /** Decode as many consecutive records as `bytes` holds. */
  decodeAll(bytes: Uint8Array, format: Format): Decoded<F>[];
  /** Decode one field of each of those records. */
  decodeField<Name extends keyof F>(field: Name, bytes: Uint8Array, format: Format): Decoded<F>[Name][];
  encode(record: Decoded<F>, format: Format): Uint8Array;
}

interface PlacedField {
  readonly name: string;
  readonly kind: FieldKind;
  readonly offset: number;
  /** Read it from the record that starts at `start`. */
  readonly read: Read;
}

interface Layout {
  readonly fields: readonly PlacedField[];
  readonly size: number;
  /** A record to copy: it has all the fields at once, which is cheaper than adding them one by one. */
  readonly zeros: AnyRecord;
}

type AnyRecord = Record<string, number | bigint>;
type Read = (data: DataView, start: number, littleEndian: boolean) => number | bigint;

/** Define a record. `order32` lists the field names in the order of ELFCLASS32 if it differs. */
export function defineRecord<const F extends Fields>(
  name: string,
  fields: F,
  order32: readonly (keyof F & string)[] = Object.keys(fields),
): RecordType<F> {
  const layouts = {
    32: layOut(name, fields, order32, 32),
    64: layOut(name, fields, Object.keys(fields), 64),
  } as const satisfies Record<ElfClass, Layout>;
  return {
    name,
    size: (elfClass) => layouts[elfClass].size,
    offsetOf: (field, elfClass) => layouts[elfClass].fields.find((f) => f.name === field)?.offset ?? -1,
    widthOf: (field, elfClass) => widthOf(fields[field] as FieldKind, elfClass),
    decode(bytes, {elfClass, littleEndian}, offset = 0) {
      const layout = layouts[elfClass];
      const data = new DataView(bytes.buffer, bytes.byteOffset + offset, layout.size);
      return decodeRecord(layout, data, 0, littleEndian) as Decoded<F>;
    },
    decodeIn: (data, {elfClass, littleEndian}, offset) =>
      decodeRecord(layouts[elfClass], data, offset, littleEndian) as Decoded<F>,
    decodeAll(bytes, {elfClass, littleEndian}) {
      const layout = layouts[elfClass];
      return eachOf(layout, bytes, (data, start) =>
        decodeRecord(layout, data, start, littleEndian),
      ) as Decoded<F>[];
    },
    decodeField(field, bytes, {elfClass, littleEndian}) {
      const layout = layouts[elfClass];
      const {read} = layout.fields.find(({name}) => name === field) as PlacedField;
      return eachOf(layout, bytes, (data, start) =>
        read(data, start, littleEndian),
      ) as Decoded<F>[typeof field][];
    },
    encode: (record, format) =>
      encodeFields(
        name,
        layouts[format.elfClass],
        record as Readonly<Record<string, number | bigint>>,
        format,
      ),
  };
}

function layOut(record: string, fields: Fields, order: readonly string[], elfClass: ElfClass): Layout {
  let size = 0;
  const placed = order.map((name) => {
    const kind = fields[name] as FieldKind;
    const field = {name, kind, offset: size, read: reader(`${record}.${name}`, kind, size, elfClass)};
    size += widthOf(kind, elfClass);
    return field;
  });
  const zeros = Object.fromEntries(placed.map(({name, kind}) => [name, isWide(kind) ? 0n : 0]));
  return {fields: placed, size, zeros};
}

function isWide(kind: FieldKind): boolean {
  return kind === 'addr' || kind === 'tag';
}

function widthOf(kind: FieldKind, elfClass: ElfClass): number {
  if (kind === 'byte') return 1;
  if (kind === 'half') return 2;
  if (kind === 'word') return 4;
  return elfClass / 8;
}

function eachOf<T>({size}: Layout, bytes: Uint8Array, decode: (data: DataView, start: number) => T): T[] {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const results: T[] = [];
  for (let start = 0; start + size <= bytes.length; start += size) results.push(decode(data, start));
  return results;
}

function decodeRecord(
  {zeros, fields}: Layout,
  data: DataView,
  start: number,
  littleEndian: boolean,
): AnyRecord {
  const record = {...zeros};
  for (const {name, read} of fields) record[name] = read(data, start, littleEndian);
  return record;
}

/** Everything known about a field in advance is decided here, once, so that decoding only has to read each field. */
function reader(field: string, kind: FieldKind, offset: number, elfClass: ElfClass): Read {
  if (kind === 'byte') return (data, start) => data.getUint8(start + offset);
  if (kind === 'half') return (data, start, littleEndian) => data.getUint16(start + offset, littleEndian);
  if (kind === 'word') return (data, start, littleEndian) => data.getUint32(start + offset, littleEndian);
  return elfClass === 32 ? reader32(kind, offset) : reader64(field, kind, offset);
}

type WideKind = Exclude<FieldKind, 'byte' | 'half' | 'word'>;

function reader32(kind: WideKind, offset: number): Read {
  if (kind === 'tag')
    return (data, start, littleEndian) => BigInt(data.getInt32(start + offset, littleEndian));
  if (kind === 'addr')
    return (data, start, littleEndian) => BigInt(data.getUint32(start + offset, littleEndian));
  return (data, start, littleEndian) => data.getUint32(start + offset, littleEndian);
}

function reader64(field: string, kind: WideKind, offset: number): Read {
  if (kind === 'tag') return (data, start, littleEndian) => data.getBigInt64(start + offset, littleEndian);
  if (kind === 'addr') return (data, start, littleEndian) => data.getBigUint64(start + offset, littleEndian);
  // Read in halves: most records have several of these, and going through a bigint costs more.
  return (data, start, littleEndian) => {
    const first = data.getUint32(start + offset, littleEndian);
    const second = data.getUint32(start + offset + 4, littleEndian);
    const value = littleEndian ? second * 2 ** 32 + first : first * 2 ** 32 + second;
    return value <= Number.MAX_SAFE_INTEGER
      ? value
      : toSafeNumber(data.getBigUint64(start + offset, littleEndian), field);
  };
}

/**
 * Turn a 64-bit value that counts bytes of a file into a number.
 *
 * @throws ElfError BAD_ELF past 2^53 - 1: no file is that long
 */
export function toSafeNumber(value: bigint, what: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new ElfError('BAD_ELF', `${what} is out of range`, {
    expected: 'at most 0x1fffffffffffff',
    got: `0x${value.toString(16)}`,
    value,
  });
}

function encodeFields(
  name: string,
  layout: Layout,
  record: Readonly<Record<string, number | bigint>>,
  {elfClass, littleEndian}: Format,
): Uint8Array {
  const bytes = new Uint8Array(layout.size);
  const data = new DataView(bytes.buffer);
  for (const field of layout.fields) {
    const value = record[field.name] ?? 0;
    const bits = widthOf(field.kind, elfClass) * 8;
    checkFits(`${name}.${field.name}`, value, bits, field.kind === 'tag');
    if (bits === 8) data.setUint8(field.offset, Number(value));
    else if (bits === 16) data.setUint16(field.offset, Number(value), littleEndian);
    else if (bits === 32)
      data.setUint32(field.offset, Number(BigInt.asUintN(32, BigInt(value))), littleEndian);
    else data.setBigUint64(field.offset, BigInt.asUintN(64, BigInt(value)), littleEndian);
  }
  return bytes;
}

/**
 * A value that does not fit its field hits a limit of the format (a 32-bit file past 4 GiB) and must not be truncated.
 */
function checkFits(field: string, value: number | bigint, bits: number, signed: boolean): void {
  const wide = BigInt(value);
  if (signed ? BigInt.asIntN(bits, wide) === wide : BigInt.asUintN(bits, wide) === wide) return;
  throw new ElfError('BAD_REQUEST', `${field} cannot hold this value`, {
    expected: `${bits} bits`,
    got: wide.toString(),
    value,
  });
}
