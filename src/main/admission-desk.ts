/**
 * Counts connections by remote address over all shards, for the limit on them.
 * What a dead shard had admitted is forgotten as a whole.
 */
export class AdmissionDesk {
  readonly #limit: number;
  readonly #byShard = new Map<number, Map<string, number>>();
  readonly #total = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether the address may have one more; if so, it is counted. */
  admit(shard: number, address: string): boolean {
    const has = this.#total.get(address) ?? 0;
    if (has >= this.#limit) return false;
    this.#count(shard, address);
    return true;
  }

  #count(shard: number, address: string): void {
    this.#total.set(address, (this.#total.get(address) ?? 0) + 1);
    const counts = this.#byShard.get(shard) ?? new Map<string, number>();
    this.#byShard.set(shard, counts);
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }

  /** A connection that was counted on one shard is counted on another; `undefined` is another process. */
  transfer(
    address: string,
    from: number | undefined,
    to: number | undefined,
  ): void {
    if (from !== undefined) this.release(from, address);
    if (to !== undefined) this.#count(to, address);
  }

  release(shard: number, address: string): void {
    const counts = this.#byShard.get(shard);
    // What a forgotten shard had admitted is taken back already.
    if (counts?.has(address) !== true) return;
    subtract(counts, address, 1);
    subtract(this.#total, address, 1);
  }

  /** The shard is gone, and all that it had admitted. */
  forget(shard: number): void {
    for (const [address, count] of this.#byShard.get(shard) ?? [])
      subtract(this.#total, address, count);
    this.#byShard.delete(shard);
  }
}

function subtract(
  counts: Map<string, number>,
  address: string,
  amount: number,
): void {
  const left = (counts.get(address) ?? 0) - amount;
  if (left > 0) counts.set(address, left);
  else counts.delete(address);
}
