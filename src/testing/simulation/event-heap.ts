/** Something that is going to happen on a simulated thread. */
export interface SimEvent {
  /** When, in milliseconds of virtual time. */
  due: number;
  /** Between events of the same moment. */
  order: number;
  readonly run: () => void;
  /** Of what has come from elsewhere, what keeps its order comes from the same. */
  readonly source?: object | undefined;
  isCancelled: boolean;
}

/** The events of a thread, the next one first: a binary heap. */
export class EventHeap {
  readonly #events: SimEvent[] = [];

  /** Those that are still to happen. */
  get pending(): readonly SimEvent[] {
    return this.#events.filter(({ isCancelled }) => !isCancelled);
  }

  get next(): SimEvent | undefined {
    while (this.#events[0]?.isCancelled === true) this.#take();
    return this.#events[0];
  }

  add(event: SimEvent): void {
    const events = this.#events;
    let at = events.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(events[parent] as SimEvent, event)) break;
      events[at] = events[parent] as SimEvent;
      at = parent;
    }
    events[at] = event;
  }

  /** Takes the next event out, if it is due by then. */
  takeDue(now: number): SimEvent | undefined {
    const { next } = this;
    return next !== undefined && next.due <= now ? this.#take() : undefined;
  }

  clear(): void {
    this.#events.length = 0;
  }

  #take(): SimEvent | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (last === undefined || events.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= events.length) break;
      const right = child + 1;
      if (
        right < events.length &&
        isBefore(events[right] as SimEvent, events[child] as SimEvent)
      )
        child = right;
      if (isBefore(last, events[child] as SimEvent)) break;
      events[at] = events[child] as SimEvent;
      at = child;
    }
    events[at] = last;
    return first;
  }
}

function isBefore(one: SimEvent, other: SimEvent): boolean {
  return one.due === other.due ? one.order < other.order : one.due < other.due;
}
