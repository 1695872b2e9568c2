/** A range of a file, in bytes. */
export interface Range {
  readonly offset: number;
  readonly size: number;
}

/** Ranges of a file, joined where they touch, to make many lookups cheap. */
export class RangeSet {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  constructor(ranges: readonly Range[]) {
    const sorted = ranges.filter(({size}) => size > 0).sort((a, b) => a.offset - b.offset);
    for (const {offset, size} of sorted) {
      const last = this.#ends.length - 1;
      const end = this.#ends[last];
      if (end !== undefined && offset <= end) this.#ends[last] = Math.max(end, offset + size);
      else {
        this.#starts.push(offset);
        this.#ends.push(offset + size);
      }
    }
  }

  /** The end of the range that holds a byte; undefined when none does. */
  endAt(offset: number): number | undefined {
    const index = this.#firstEndingAfter(offset);
    return (this.#starts[index] ?? Number.POSITIVE_INFINITY) <= offset ? this.#ends[index] : undefined;
  }

  /** The first byte at an offset or after it that is in one of these; undefined when none is. */
  nextFrom(offset: number): number | undefined {
    const start = this.#starts[this.#firstEndingAfter(offset)];
    return start === undefined ? undefined : Math.max(start, offset);
  }

  /** Whether a range has a byte in common with one of these. */
  touches({offset, size}: Range): boolean {
    return (this.#starts[this.#firstEndingAfter(offset)] ?? Number.POSITIVE_INFINITY) < offset + size;
  }

  /** The parts of a range that are in these. */
  within({offset, size}: Range): readonly Range[] {
    const parts: Range[] = [];
    const end = offset + size;
    for (let i = this.#firstEndingAfter(offset); (this.#starts[i] ?? end) < end; i++) {
      const start = Math.max(this.#starts[i] ?? 0, offset);
      parts.push({offset: start, size: Math.min(this.#ends[i] ?? 0, end) - start});
    }
    return parts;
  }

  /** The index of the first range that ends after an offset. */
  #firstEndingAfter(offset: number): number {
    let [low, high] = [0, this.#ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] ?? 0) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** For each of some sorted, disjoint ranges: the ascending indexes of the `others` that overlap it. */
export function overlapsOf(disjoint: readonly Range[], others: readonly Range[]): number[][] {
  const waiting = others.map(({offset, size}, index) => ({offset, end: offset + size, index}));
  waiting.sort((a, b) => a.offset - b.offset);
  let next = 0;
  let open: typeof waiting = [];
  return disjoint.map(({offset, size}) => {
    for (let one = waiting[next]; one !== undefined && one.offset < offset + size; one = waiting[++next])
      open.push(one);
    open = open.filter(({end}) => end > offset);
    return open.map(({index}) => index).sort((a, b) => a - b);
  });
}
