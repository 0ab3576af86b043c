/**
 * That the server stops, as far as what is under way has to know of it: at the
 * moment at which it begins, before anybody can call it off again, and once it
 * is decided.
 */
export class Stoppage {
  readonly #listeners = new Set<() => void>();
  #decision: PromiseWithResolvers<void> | undefined;

  /** Resolves when the server serves or has ended: at once, unless it is about to stop. */
  get decided(): Promise<void> {
    return this.#decision?.promise ?? Promise.resolve();
  }

  /** It has begun, and nothing is decided yet. */
  get isUnderWay(): boolean {
    return this.#decision !== undefined;
  }

  /**
   * Tells when it begins to stop, in the same turn of the event loop.
   *
   * @returns what ends the telling
   */
  onBegin(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** It takes nobody new in from now on. */
  begin(): void {
    if (this.#decision !== undefined) return;
    this.#decision = Promise.withResolvers();
    for (const listener of this.#listeners) listener();
  }

  /** That was called off, or the server has ended. */
  decide(): void {
    this.#decision?.resolve();
    this.#decision = undefined;
  }
}
