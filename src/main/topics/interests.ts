/** Which topics somebody on this instance subscribes to, for the engine to do the same. */
export class Interests {
  readonly #setInterest: (topic: string, isWanted: boolean) => void;
  readonly #byTopic = new Map<string, Set<number>>();

  constructor(setInterest: (topic: string, isWanted: boolean) => void) {
    this.#setInterest = setInterest;
  }

  /** @param column - Of the thread whose first subscriber came, or whose last has gone. */
  set(topic: string, column: number, isWanted: boolean): void {
    const columns = this.#byTopic.get(topic);
    if (!isWanted) {
      if (!columns?.delete(column) || columns.size > 0) return;
      this.#byTopic.delete(topic);
      this.#setInterest(topic, false);
    } else if (columns !== undefined) columns.add(column);
    else {
      this.#byTopic.set(topic, new Set([column]));
      this.#setInterest(topic, true);
    }
  }

  /** The thread is gone, and all its subscribers with it. */
  forget(column: number): void {
    for (const topic of [...this.#byTopic.keys()])
      this.set(topic, column, false);
  }
}
