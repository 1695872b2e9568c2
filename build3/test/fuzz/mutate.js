/*
 * Damage to an ELF file: blind (bytes, pieces, its length) and with knowledge of its structure (one field of one
 * record set to a value that programs get wrong).
 */
import {DT} from '../../src/elf/constants.js';
import {Dyn, Ehdr, EI_NIDENT, Phdr, Shdr, Sym} from '../../src/elf/records.js';
import {viewBuffer} from '../../src/elf/view.js';
/** Make a damaged copy: one to four mutations, one after the other. */
export function mutate(bytes, random) {
  let result = bytes.slice();
  for (let i = 1 + random.below(4); i > 0; i--) result = random.pick(mutations)(result, random);
  return result;
}
const mutations = [
  flipBit,
  setByte,
  truncate,
  extend,
  copyPiece,
  damageField,
  damageField,
  damageField,
  damageField,
  damageField,
  damageField,
];
function flipBit(bytes, random) {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
}
function setByte(bytes, random) {
  bytes[random.below(Math.min(bytes.length, random.pick([64, 1024, bytes.length])))] = random.pick([
    0, 1, 0x7f, 0x80, 0xff,
  ]);
  return bytes;
}
function truncate(bytes, random) {
  return bytes.slice(0, random.below(bytes.length));
}
function extend(bytes, random) {
  const longer = new Uint8Array(bytes.length + random.below(9000));
  longer.set(bytes);
  return longer;
}
function copyPiece(bytes, random) {
  const length = random.below(200);
  const from = random.below(bytes.length);
  bytes.copyWithin(random.below(bytes.length), from, from + length);
  return bytes;
}
/** Set one field of one header, segment, section, dynamic entry or symbol. */
function damageField(bytes, random) {
  try {
    const view = viewBuffer(bytes);
    random.pick([
      damageHeader,
      damageSegment,
      damageSegment,
      damageSection,
      damageDynamic,
      damageDynamic,
      damageTable,
    ])(view, bytes, random);
  } catch {
    // Too damaged to have that structure: it stays as it is.
  }
  return bytes;
}
const damageHeader = (view, bytes, random) => {
  const record = setField(Ehdr.decode(bytes, view.format, EI_NIDENT), bytes, random);
  bytes.set(Ehdr.encode(record, view.format), EI_NIDENT);
};
const damageSegment = (view, bytes, random) => {
  const i = random.below(view.programHeaders.length);
  const record = setField({...view.programHeaders[i]}, bytes, random);
  bytes.set(Phdr.encode(record, view.format), view.header.e_phoff + i * Phdr.size(view.format.elfClass));
};
const damageSection = (view, bytes, random) => {
  const i = random.below(view.sectionHeaders.length);
  const record = setField({...view.sectionHeaders[i]}, bytes, random);
  bytes.set(Shdr.encode(record, view.format), view.header.e_shoff + i * Shdr.size(view.format.elfClass));
};
const damageDynamic = (view, bytes, random) => {
  const {dynamic} = view;
  if (dynamic === undefined) return;
  const i = random.below(dynamic.capacity);
  const offset = dynamic.offset + i * Dyn.size(view.format.elfClass);
  const record = Dyn.decode(bytes, view.format, offset);
  if (random.below(3) === 0) record.d_tag = random.pick(Object.values(DT));
  else setField(record, bytes, random);
  bytes.set(Dyn.encode(record, view.format), offset);
};
/** A word somewhere in a table that a dynamic entry points at: hash buckets, version links, symbols. */
const damageTable = (view, bytes, random) => {
  const entry = random.pick(view.dynamic?.entries ?? []);
  const offset = entry === undefined ? undefined : view.offsetOfAddress(entry.d_val);
  if (offset === undefined) return;
  const at = offset + random.below(Sym.size(view.format.elfClass) * 4);
  const word = new Uint8Array(new Uint32Array([random.pick(words)]).buffer);
  bytes.set(word.subarray(0, Math.max(0, Math.min(4, bytes.length - at))), at);
};
const words = [0, 1, 2, 3, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 0x10000, 24, 16];
function setField(record, bytes, random) {
  const fields = record;
  const name = random.pick(Object.keys(fields));
  const old = fields[name] ?? 0;
  const near = [
    Number(old) + 1,
    Number(old) - 1,
    Number(old) * 2,
    bytes.length,
    bytes.length + 1,
    bytes.length - 1,
    0,
    1,
    7,
    0x1000,
    0xffff,
    random.next(),
  ];
  const value = Math.max(0, Math.trunc(random.pick(near)));
  fields[name] = typeof old === 'bigint' ? BigInt(value) : value;
  return record;
}
//# sourceMappingURL=mutate.js.map
