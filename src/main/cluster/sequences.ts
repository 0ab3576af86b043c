/** Topics whose numbers are kept; beyond, the one longest unused starts anew at 0. */
const MAX_TOPICS = 100_000;
/** Instances whose numbers are kept for one topic, those that are long gone included. */
const MAX_SENDERS = 256;
const WRAP = 2 ** 32;

/** Numbers what this process publishes, topic by topic. */
export class OutgoingSequences {
  readonly #next = new Map<string, number>();

  next(topic: string): number {
    const sequence = this.#next.get(topic) ?? 0;
    // The last in the order of the map is the one used last.
    this.#next.delete(topic);
    this.#next.set(topic, (sequence + 1) % WRAP);
    if (this.#next.size > MAX_TOPICS) {
      const [oldest] = this.#next.keys();
      this.#next.delete(oldest as string);
    }
    return sequence;
  }
}

/** Finds out what has not come of what the other instances publish. */
export class IncomingSequences {
  readonly #last = new Map<string, Map<string, number>>();

  /**
   * Books a message.
   *
   * @returns how many before it, of the same process to the same topic, were missed
   */
  arrived(topic: string, tag: string, sequence: number): number {
    let senders = this.#last.get(topic);
    if (senders === undefined) {
      senders = new Map();
      this.#last.set(topic, senders);
    }
    const last = senders.get(tag);
    if (last === undefined && senders.size >= MAX_SENDERS) senders.clear();
    senders.set(tag, sequence);
    // The first that is heard of a process, or a number that has started anew.
    if (last === undefined || sequence <= last) return 0;
    return sequence - last - 1;
  }

  /** Nobody here subscribes any more: what comes meanwhile is not missed. */
  forget(topic: string): void {
    this.#last.delete(topic);
  }
}
