/**
 * Memory that several connections keep alive together, since a publication to
 * all of them has not been taken by the kernel: it counts once.
 */
export class SharedPins {
  readonly #counts = new Map<ArrayBufferLike, number>();
  /** All of it. */
  bytes = 0;

  add(memory: ArrayBufferLike): void {
    const count = this.#counts.get(memory) ?? 0;
    this.#counts.set(memory, count + 1);
    if (count === 0) this.bytes += memory.byteLength;
  }

  delete(memory: ArrayBufferLike): void {
    const count = (this.#counts.get(memory) ?? 0) - 1;
    if (count > 0) this.#counts.set(memory, count);
    else if (this.#counts.delete(memory)) this.bytes -= memory.byteLength;
  }
}
