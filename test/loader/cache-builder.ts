/* Writes an ld.so.cache, sound or not, independently of the code that reads one. */

export interface Line {
  readonly name: string;
  readonly path: string;
  readonly flags?: number;
  readonly hwcap?: bigint;
}

export interface CacheShape {
  readonly layout?: 'new' | 'old' | 'both';
  /** Names of glibc-hwcaps subdirectories; an entry refers to one by `namedHwcap(index)`. */
  readonly hwcaps?: readonly string[];
  readonly bigEndian?: boolean;
  /** The byte that states the byte order: 2 little, 3 big, 0 unknown. */
  readonly orderFlag?: number;
  /** A false number of entries. */
  readonly claimed?: number;
}

const x86_64 = 0x303;

/** The hwcap field of an entry in the named subdirectory with this index. */
export function namedHwcap(index: number): bigint {
  return (1n << 62n) | BigInt(index);
}

/** Unlike ldconfig, this does not sort: the lines must already be in descending order. */
export function buildCache(lines: readonly Line[], shape: CacheShape = {}): Buffer {
  const {layout = 'new'} = shape;
  if (layout === 'new') return newLayout(lines, shape);
  if (layout === 'old') return oldLayout(lines, shape);
  const old = oldLayout(lines, shape, false);
  const aligned = Buffer.concat([old, Buffer.alloc((8 - (old.length % 8)) % 8)]);
  return Buffer.concat([aligned, newLayout(lines, shape)]);
}

class Writer {
  readonly bytes: number[] = [];
  readonly #bigEndian: boolean;

  constructor(bigEndian: boolean) {
    this.#bigEndian = bigEndian;
  }

  text(text: string): this {
    this.bytes.push(...Buffer.from(text));
    return this;
  }

  u32(value: number): this {
    return this.#number(BigInt(value), 4);
  }

  u64(value: bigint): this {
    return this.#number(value, 8);
  }

  #number(value: bigint, size: number): this {
    const little = Array.from({length: size}, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
    this.bytes.push(...(this.#bigEndian ? little.reverse() : little));
    return this;
  }
}

class Strings {
  readonly #start: number;
  text = '';

  constructor(start: number) {
    this.#start = start;
  }

  add(text: string): number {
    const offset = this.#start + this.text.length;
    this.text += `${text}\0`;
    return offset;
  }
}

function newLayout(lines: readonly Line[], shape: CacheShape): Buffer {
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

function oldLayout(lines: readonly Line[], shape: CacheShape, withStrings = true): Buffer {
  const writer = new Writer(shape.bigEndian ?? false)
    .text('ld.so-1.7.0\0')
    .u32(shape.claimed ?? lines.length);
  const strings = new Strings(0);
  for (const {name, path, flags = x86_64} of lines) {
    writer.u32(flags).u32(strings.add(name)).u32(strings.add(path));
  }
  return Buffer.concat([Buffer.from(writer.bytes), Buffer.from(withStrings ? strings.text : '')]);
}
