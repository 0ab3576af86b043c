import type { ManagedConnection } from "./managed-connection.ts";

const SLICES = 64;

/**
 * The connections of a shard, from hand-over to `terminated`, in slices of
 * equal size: the heartbeat visits one slice after the other.
 */
export class Registry<Connection extends ManagedConnection> {
  readonly #slices: readonly Map<number, Connection>[] = Array.from(
    { length: SLICES },
    () => new Map<number, Connection>(),
  );
  #size = 0;
  #nextSlice = 0;
  readonly sliceCount = SLICES;

  get size(): number {
    return this.#size;
  }

  add(connection: Connection): void {
    this.#sliceOf(connection.number).set(connection.number, connection);
    this.#size++;
  }

  delete(connection: Connection): void {
    if (this.#sliceOf(connection.number).delete(connection.number))
      this.#size--;
  }

  get(number: number): Connection | undefined {
    return this.#sliceOf(number).get(number);
  }

  /** The slice whose turn it is, each in turn. */
  nextSlice(): Iterable<Connection> {
    const slice = this.#slices[this.#nextSlice] as Map<number, Connection>;
    this.#nextSlice = (this.#nextSlice + 1) % SLICES;
    return slice.values();
  }

  *[Symbol.iterator](): Generator<Connection> {
    for (const slice of this.#slices) yield* slice.values();
  }

  #sliceOf(number: number): Map<number, Connection> {
    return this.#slices[number % SLICES] as Map<number, Connection>;
  }
}
