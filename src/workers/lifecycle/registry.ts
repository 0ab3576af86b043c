import type { LiveConnection } from "../connection/connection.ts";

const SLICES = 64;

/**
 * The connections of a shard, from hand-over to `terminated`, in slices of
 * equal size: the heartbeat visits one slice after the other.
 */
export class Registry {
  readonly #slices: readonly Map<number, LiveConnection>[] = Array.from(
    { length: SLICES },
    () => new Map<number, LiveConnection>(),
  );
  #size = 0;
  #nextSlice = 0;
  readonly sliceCount = SLICES;

  get size(): number {
    return this.#size;
  }

  add(connection: LiveConnection): void {
    this.#sliceOf(connection.number).set(connection.number, connection);
    this.#size++;
  }

  delete(connection: LiveConnection): void {
    if (this.#sliceOf(connection.number).delete(connection.number))
      this.#size--;
  }

  get(number: number): LiveConnection | undefined {
    return this.#sliceOf(number).get(number);
  }

  /** The slice whose turn it is, each in turn. */
  nextSlice(): Iterable<LiveConnection> {
    const slice = this.#slices[this.#nextSlice] as Map<number, LiveConnection>;
    this.#nextSlice = (this.#nextSlice + 1) % SLICES;
    return slice.values();
  }

  *[Symbol.iterator](): Generator<LiveConnection> {
    for (const slice of this.#slices) yield* slice.values();
  }

  #sliceOf(number: number): Map<number, LiveConnection> {
    return this.#slices[number % SLICES] as Map<number, LiveConnection>;
  }
}
