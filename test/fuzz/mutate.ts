/*
 * Damage to a file: blind (bits, pieces, its length), or structural, where one field of one record gets a value that
 * programs tend to mishandle. Most inputs are damaged only once or twice, so that code after the first check is reached
 * too.
 */
import {DT, PT} from '../../src/elf/constants.js';
import type {Format} from '../../src/elf/record.js';
import type {AnyRecord, Fields, PlacedRecord} from './placed-records.js';
import type {Random} from './random.js';

/** A sound file, and where its records are; a text has none. */
export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly format: Format;
  /** By the kind of record. */
  readonly records: readonly (readonly PlacedRecord[])[];
}

/** Make a damaged copy. */
export function mutate(seed: Seed, random: Random): Uint8Array<ArrayBuffer> {
  let result = seed.bytes.slice();
  const times = random.pick([1, 1, 1, 2, 2, 3, 5]);
  for (let i = 0; i < times; i++) {
    const isBlind = seed.records.length === 0 || random.below(4) === 0;
    if (isBlind) result = random.pick(blind)(result, random);
    else damageRecord(seed, result, random);
  }
  return result;
}

type Mutation = (bytes: Uint8Array<ArrayBuffer>, random: Random) => Uint8Array<ArrayBuffer>;

const blind: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    return bytes;
  },
  function setByte(bytes, random) {
    const reach = Math.min(bytes.length, random.pick([64, 1024, bytes.length]));
    bytes[random.below(reach)] = random.pick([0, 1, 0x7f, 0x80, 0xff, 0x24, 0x2f, 0x3a]);
    return bytes;
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random.below(bytes.length));
  },
  function extend(bytes, random) {
    const longer = new Uint8Array(bytes.length + random.below(9000));
    longer.set(bytes);
    if (random.below(2) === 0) longer.fill(1 + random.below(255), bytes.length + random.below(64));
    return longer;
  },
  function copyPiece(bytes, random) {
    const length = random.below(200);
    const from = random.below(bytes.length);
    bytes.copyWithin(random.below(bytes.length), from, from + length);
    return bytes;
  },
];

/** Damage one record. Its kind is drawn first, because there are a hundred symbols for each header. */
export function damageRecord({records, format}: Seed, bytes: Uint8Array, random: Random): void {
  const kind = random.pick(records);
  const {type, offset} = random.pick(kind);
  if (offset + type.size(format.elfClass) > bytes.length) return;
  if (random.below(8) === 0) {
    copyRecord(type, random.pick(kind).offset, offset, format, bytes);
    return;
  }
  const record = decode(type, bytes, format, offset);
  const name = random.pick(Object.keys(record));
  const meaningful = names[name];
  const value =
    meaningful !== undefined && random.below(3) > 0
      ? random.pick(meaningful)
      : random.below(4) === 0
        ? fieldOfAnother(records, bytes, format, random)
        : nearValue(record[name] ?? 0, bytes, random);
  write(type, {...record, [name]: value}, format, bytes, offset);
}

/** A second segment, entry or symbol of one kind where there should be one. */
function copyRecord(type: AnyRecord, from: number, to: number, format: Format, bytes: Uint8Array): void {
  const size = type.size(format.elfClass);
  if (from + size <= bytes.length) bytes.copyWithin(to, from, from + size);
}

function decode(type: AnyRecord, bytes: Uint8Array, format: Format, offset: number): Fields {
  try {
    return type.decode(bytes, format, offset);
  } catch {
    return type.decode(new Uint8Array(type.size(format.elfClass)), format, 0);
  }
}

/** A field that is too narrow for its value gets the low bits. */
function write(type: AnyRecord, record: Fields, format: Format, bytes: Uint8Array, offset: number): void {
  for (const bits of [64, 63, 32, 31, 16, 8]) {
    const cut = Object.entries(record).map(([name, value]): [string, number | bigint] => {
      const short = BigInt.asUintN(bits, BigInt(value));
      return [name, typeof value === 'bigint' ? (value < 0n ? value : short) : Number(short)];
    });
    try {
      bytes.set(type.encode(Object.fromEntries(cut), format), offset);
      return;
    } catch {
      // Too wide still.
    }
  }
}

/** Fields whose values are names for something. */
const names: Readonly<Record<string, readonly (number | bigint)[]>> = {
  d_tag: Object.values(DT),
  p_type: Object.values(PT),
  p_flags: [0, 1, 2, 3, 4, 5, 6, 7],
  sh_type: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 0x6ffffff6, 0x6ffffffd, 0x6ffffffe, 0x6fffffff],
  e_type: [0, 1, 2, 3, 4, 0xffff],
  e_machine: [3, 8, 20, 21, 22, 40, 62, 183, 243, 258, 36902, 0xffff],
  EI_CLASS: [0, 1, 2, 3],
  EI_DATA: [0, 1, 2, 3],
  EI_OSABI: [0, 3, 9, 64, 97, 255],
  e_phnum: [0, 1, 2, 0xfffe, 0xffff],
  e_shnum: [0, 1, 0xff00, 0xffff],
  e_shstrndx: [0, 1, 0xff00, 0xffff],
};

/** Addresses, offsets and sizes copied from another record make structures overlap. */
function fieldOfAnother(
  records: Seed['records'],
  bytes: Uint8Array,
  format: Format,
  random: Random,
): number | bigint {
  const {type, offset} = random.pick(random.pick(records));
  if (offset + type.size(format.elfClass) > bytes.length) return 0;
  return random.pick(Object.values(decode(type, bytes, format, offset)));
}

function nearValue(old: number | bigint, bytes: Uint8Array, random: Random): number | bigint {
  const value = BigInt(old);
  const length = BigInt(bytes.length);
  const chosen = random.pick([
    value + 1n,
    value - 1n,
    value * 2n,
    value / 2n,
    value + 0x1000n,
    value ^ (1n << BigInt(random.below(64))),
    length,
    length + 1n,
    length - 1n,
    length - value,
    0n,
    1n,
    7n,
    0x1000n,
    0xffffn,
    0x7fffffffn,
    0x80000000n,
    0xffffffffn,
    0xffffffffffffn,
    0x7fffffffffffffffn,
    0x8000000000000000n,
    0xfffffffffffffff0n,
    0xffffffffffffffffn,
    BigInt(random.below(bytes.length + 1)),
    BigInt(random.next()),
  ]);
  const bits = BigInt.asUintN(64, chosen);
  return typeof old === 'bigint' ? bits : Number(bits);
}
