/** A small seeded generator (mulberry32): the same seed gives the same run on every machine. */
export class Random {
  #state;
  constructor(seed) {
    this.#state = seed >>> 0;
  }
  /** A 32-bit number. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit) {
    return limit <= 0 ? 0 : this.next() % limit;
  }
  pick(items) {
    return items[this.below(items.length)];
  }
}
//# sourceMappingURL=random.js.map
