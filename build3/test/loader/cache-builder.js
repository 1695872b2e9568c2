/* Writes an ld.so.cache, sound or not, independently of the code that reads one. */
const x86_64 = 0x303;
/** The hwcap field of an entry in the named subdirectory with this index. */
export function namedHwcap(index) {
  return (1n << 62n) | BigInt(index);
}
/** ldconfig sorts; the lines here have to be sorted already, descending. */
export function buildCache(lines, shape = {}) {
  const {layout = 'new'} = shape;
  if (layout === 'new') return newLayout(lines, shape);
  if (layout === 'old') return oldLayout(lines, shape);
  const old = oldLayout(lines, shape, false);
  const aligned = Buffer.concat([old, Buffer.alloc((8 - (old.length % 8)) % 8)]);
  return Buffer.concat([aligned, newLayout(lines, shape)]);
}
class Writer {
  bytes = [];
  #bigEndian;
  constructor(bigEndian) {
    this.#bigEndian = bigEndian;
  }
  text(text) {
    this.bytes.push(...Buffer.from(text));
    return this;
  }
  u32(value) {
    return this.#number(BigInt(value), 4);
  }
  u64(value) {
    return this.#number(value, 8);
  }
  #number(value, size) {
    const little = Array.from({length: size}, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
    this.bytes.push(...(this.#bigEndian ? little.reverse() : little));
    return this;
  }
}
class Strings {
  #start;
  text = '';
  constructor(start) {
    this.#start = start;
  }
  add(text) {
    const offset = this.#start + this.text.length;
    this.text += `${text}\0`;
    return offset;
  }
}
function newLayout(lines, shape) {
  const {hwcaps = [], bigEndian = false} = shape;
  const strings = new Strings(48 + 24 * lines.length);
  const entries = new Writer(bigEndian);
  for (const {name, path, flags = x86_64, hwcap = 0n} of lines) {
    entries.u32(flags).u32(strings.add(name)).u32(strings.add(path)).u32(0).u64(hwcap);
  }
  const names = hwcaps.map((name) => strings.add(name));
  while (strings.text.length % 4 !== 0) strings.text += '\0';
  const directory = 48 + entries.bytes.length + strings.text.length;
  const head = new Writer(bigEndian).text('glibc-ld.so.cache1.1');
  head.u32(shape.claimed ?? lines.length).u32(strings.text.length);
  head.bytes.push(shape.orderFlag ?? (bigEndian ? 3 : 2), 0, 0, 0);
  head
    .u32(hwcaps.length === 0 ? 0 : directory)
    .u32(0)
    .u32(0)
    .u32(0);
  const extension = new Writer(bigEndian);
  if (hwcaps.length > 0) {
    extension.u32(0xeaa42174).u32(1);
    extension
      .u32(1)
      .u32(0)
      .u32(directory + 24)
      .u32(4 * names.length);
    for (const offset of names) extension.u32(offset);
  }
  return Buffer.concat([
    Buffer.from([...head.bytes, ...entries.bytes]),
    Buffer.from(strings.text),
    Buffer.from(extension.bytes),
  ]);
}
function oldLayout(lines, shape, withStrings = true) {
  const writer = new Writer(shape.bigEndian ?? false)
    .text('ld.so-1.7.0\0')
    .u32(shape.claimed ?? lines.length);
  const strings = new Strings(0);
  for (const {name, path, flags = x86_64} of lines) {
    writer.u32(flags).u32(strings.add(name)).u32(strings.add(path));
  }
  return Buffer.concat([Buffer.from(writer.bytes), Buffer.from(withStrings ? strings.text : '')]);
}
//# sourceMappingURL=cache-builder.js.map
