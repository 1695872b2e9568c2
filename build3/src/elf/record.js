/*
 * One table of fields per on-disk record; decoding, encoding, size and the TypeScript type all derive from it.
 *
 * ELF writes each record in two widths and two byte orders, and the two widths do not always list the same
 * fields in the same order (`p_flags` stands second in Elf64_Phdr and last but one in Elf32_Phdr). So a table
 * holds the names and kinds in the order of ELFCLASS64, and the order of ELFCLASS32 where that differs.
 *
 * Two kinds of number, decided once: what counts bytes of a file is a `number`, checked to be a safe integer
 * when it is decoded; an address, or a value that may be one, is a `bigint`.
 */
import {ElfError} from '../errors.js';
/** Define a record. `order32` lists the field names in the order of ELFCLASS32 where it is another one. */
export function defineRecord(name, fields, order32 = Object.keys(fields)) {
  const layouts = {
    32: layOut(fields, order32, 32),
    64: layOut(fields, Object.keys(fields), 64),
  };
  return {
    name,
    size: (elfClass) => layouts[elfClass].size,
    offsetOf: (field, elfClass) => layouts[elfClass].fields.find((f) => f.name === field)?.offset ?? -1,
    decode: (bytes, format, offset = 0) =>
      decodeFields(name, layouts[format.elfClass], bytes, format, offset),
    encode: (record, format) => encodeFields(name, layouts[format.elfClass], record, format),
  };
}
function layOut(fields, order, elfClass) {
  let offset = 0;
  const placed = order.map((name) => {
    const kind = fields[name];
    const field = {name, kind, offset};
    offset += widthOf(kind, elfClass);
    return field;
  });
  return {fields: placed, size: offset};
}
function widthOf(kind, elfClass) {
  if (kind === 'byte') return 1;
  if (kind === 'half') return 2;
  if (kind === 'word') return 4;
  return elfClass / 8;
}
function decodeFields(name, layout, bytes, {elfClass, littleEndian}, start) {
  const data = new DataView(bytes.buffer, bytes.byteOffset + start, layout.size);
  const record = {};
  for (const field of layout.fields) {
    const {kind, offset} = field;
    if (kind === 'byte') record[field.name] = data.getUint8(offset);
    else if (kind === 'half') record[field.name] = data.getUint16(offset, littleEndian);
    else if (kind === 'word') record[field.name] = data.getUint32(offset, littleEndian);
    else if (elfClass === 32) record[field.name] = decode32(kind, data, offset, littleEndian);
    else record[field.name] = decode64(`${name}.${field.name}`, kind, data, offset, littleEndian);
  }
  return record;
}
function decode32(kind, data, offset, littleEndian) {
  if (kind === 'tag') return BigInt(data.getInt32(offset, littleEndian));
  const value = data.getUint32(offset, littleEndian);
  return kind === 'addr' ? BigInt(value) : value;
}
function decode64(field, kind, data, offset, littleEndian) {
  if (kind === 'tag') return data.getBigInt64(offset, littleEndian);
  const value = data.getBigUint64(offset, littleEndian);
  return kind === 'addr' ? value : toSafeNumber(value, field);
}
/**
 * Turn a 64-bit value that counts bytes of a file into a number.
 *
 * @throws ElfError BAD_ELF past 2^53 - 1: no file is that long
 */
export function toSafeNumber(value, what) {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new ElfError('BAD_ELF', `${what} is out of range`, {
    expected: 'at most 0x1fffffffffffff',
    got: `0x${value.toString(16)}`,
    value,
  });
}
function encodeFields(name, layout, record, {elfClass, littleEndian}) {
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
/** A value that does not fit its field is a limit of the format (a 32-bit file past 4 GiB), never to be cut off. */
function checkFits(field, value, bits, signed) {
  const wide = BigInt(value);
  if (signed ? BigInt.asIntN(bits, wide) === wide : BigInt.asUintN(bits, wide) === wide) return;
  throw new ElfError('BAD_REQUEST', `${field} cannot hold this value`, {
    expected: `${bits} bits`,
    got: wide.toString(),
    value,
  });
}
//# sourceMappingURL=record.js.map
