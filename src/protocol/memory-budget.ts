/**
 * How many bytes the connections of each shard hold, in memory that all threads
 * share: each writes its own column, and sees what they hold together without
 * asking anybody.
 */
export class MemoryBudget {
  readonly buffer: SharedArrayBuffer;
  readonly #held: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#held = new Float64Array(buffer);
  }

  /** @param columns - Shards that there may be, those that replace others included. */
  static create(columns: number): MemoryBudget {
    const bytes = columns * Float64Array.BYTES_PER_ELEMENT;
    return new MemoryBudget(new SharedArrayBuffer(bytes));
  }

  set(column: number, bytes: number): void {
    this.#held[column] = bytes;
  }

  /** Of all shards. */
  get total(): number {
    let total = 0;
    for (const bytes of this.#held) total += bytes;
    return total;
  }
}
