/** Something that comes true of a lifetime, and may cease to be true again; meanwhile it can be awaited. */
export class Milestone {
  #isReached: boolean;
  #coming = Promise.withResolvers<void>();

  constructor(isReached = false) {
    this.#isReached = isReached;
    if (isReached) this.#coming.resolve();
  }

  get isReached(): boolean {
    return this.#isReached;
  }

  /** Resolves when it is reached; once it is not any more, whoever asks from then on waits anew. */
  get reached(): Promise<void> {
    return this.#coming.promise;
  }

  set(isReached: boolean): void {
    if (isReached === this.#isReached) return;
    this.#isReached = isReached;
    if (isReached) this.#coming.resolve();
    else this.#coming = Promise.withResolvers();
  }
}
