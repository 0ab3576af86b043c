/**
 * Random choices by seed, drawn for each entity on its own: what one client or
 * port draws depends on the seed, its name and how often it has drawn, and on
 * nothing that others do. A command that is left out while a counterexample is
 * shrunk leaves the choices of everybody else as they were.
 */
export class Draws {
  readonly seed: number;
  readonly entity: string;
  #state: number;

  constructor(seed: number, entity: string) {
    this.seed = seed;
    this.entity = entity;
    this.#state = hash(seed, entity);
  }

  /** The draws of something that belongs to this entity. */
  of(part: string): Draws {
    return new Draws(this.seed, `${this.entity}/${part}`);
  }

  /** At least 0 and below 1. Mulberry32 (T. Ettinger, public domain). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  between(least: number, greatest: number): number {
    return least + this.next() * (greatest - least);
  }

  /** True in this share of all cases. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; at++) bytes[at] = this.below(256);
    return bytes;
  }
}

/** FNV-1a over the seed and the name. */
function hash(seed: number, entity: string): number {
  let state = 0x811c9dc5 ^ seed;
  for (let at = 0; at < entity.length; at++)
    state = Math.imul(state ^ entity.charCodeAt(at), 0x01000193);
  return Math.imul(state ^ (state >>> 16), 0x85ebca6b) | 0;
}
