/*
 * A second reader, as short as possible and independent of src, for what the kernel and ld.so would find in a file. The
 * kernel uses the first PT_INTERP; ld.so uses the last PT_DYNAMIC and, if a tag occurs twice, the last entry. A plan
 * has kept its promise if this reader finds it.
 */

export interface Found {
  readonly interpreter: string | undefined;
  readonly needed: readonly string[];
  /** For each other tag with a string, the string of its last entry, by tag number. */
  readonly strings: ReadonlyMap<number, string>;
  /** For each tag, the value of its last entry. */
  readonly values: ReadonlyMap<number, bigint>;
  readonly osAbi: number;
  readonly isStackExecutable: boolean | undefined;
}

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly size: number;
}

const stringTags = [14, 15, 29];

export function readOwn(bytes: Uint8Array): Found {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isWide = bytes[4] === 2;
  const little = bytes[5] === 1;
  const half = (at: number) => data.getUint16(at, little);
  const word = (at: number) => data.getUint32(at, little);
  const address = (at: number) => (isWide ? data.getBigUint64(at, little) : BigInt(word(at)));
  const size = (at: number) => Number(address(at));
  const table = size(isWide ? 32 : 28);
  // At offset 0 there is no table, however many records the header claims (gABI, ELF header, e_phoff).
  const count = table === 0 ? 0 : half(isWide ? 56 : 44);
  const segments = Array.from({length: count}, (_, i): Segment => {
    const at = table + i * (isWide ? 56 : 32);
    return isWide
      ? {
          type: word(at),
          flags: word(at + 4),
          offset: size(at + 8),
          address: address(at + 16),
          size: size(at + 32),
        }
      : {
          type: word(at),
          flags: word(at + 24),
          offset: size(at + 4),
          address: address(at + 8),
          size: size(at + 16),
        };
  });
  const text = (start: number) => new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
  const entries = readEntries(segments, isWide ? 8 : 4, address);
  const values = new Map(entries);
  const strings = offsetOf(segments, values.get(5) ?? 0n);
  const stringOf = (value: bigint) => text(strings + Number(value));
  const interpreter = segments.find(({type}) => type === 3);
  const stack = segments.find(({type}) => type === 0x6474e551);
  return {
    interpreter: interpreter && text(interpreter.offset),
    needed: entries.filter(([tag]) => tag === 1).map(([, value]) => stringOf(value)),
    strings: new Map(
      entries.filter(([tag]) => stringTags.includes(tag)).map(([tag, v]) => [tag, stringOf(v)]),
    ),
    values,
    osAbi: bytes[7] ?? 0,
    isStackExecutable: stack && (stack.flags & 1) !== 0,
  };
}

function readEntries(
  segments: readonly Segment[],
  word: number,
  value: (at: number) => bigint,
): [number, bigint][] {
  const segment = segments.findLast(({type}) => type === 2);
  const entries: [number, bigint][] = [];
  if (segment === undefined) return entries;
  const end = segment.offset + segment.size - (segment.size % (2 * word));
  for (let at = segment.offset; at < end && value(at) !== 0n; at += 2 * word)
    entries.push([Number(value(at)), value(at + word)]);
  return entries;
}

function offsetOf(segments: readonly Segment[], address: bigint): number {
  const load = segments.find(
    (s) => s.type === 1 && address >= s.address && address < s.address + BigInt(s.size),
  );
  return load === undefined ? Number.NaN : load.offset + Number(address - load.address);
}
