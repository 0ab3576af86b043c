/** Where a pipe's time comes from. */
export interface PipeEnd {
  readonly now: number;
  fromOutside(arrive: () => void, delayMs: number): unknown;
}

/** Carries what is sent to its other end: later, in order, and not at all while it is held. */
export class Pipe {
  readonly #end: PipeEnd;
  /** On its way, the first first. */
  #queue: (() => void)[] = [];
  #lastDue = 0;
  #isHeld = false;
  /** Would have arrived by now. */
  #late = 0;

  constructor(end: PipeEnd) {
    this.#end = end;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  send(arrive: () => void, delayMs: number): void {
    this.#queue.push(arrive);
    const { now } = this.#end;
    this.#lastDue = Math.max(now + delayMs, this.#lastDue);
    this.#end.fromOutside(() => this.#arrive(), this.#lastDue - now);
  }

  hold(): void {
    this.#isHeld = true;
  }

  /** What was held arrives, before whatever is sent from now on. */
  release(): void {
    this.#isHeld = false;
    for (; this.#late > 0; this.#late--)
      this.#end.fromOutside(() => this.#arrive(), 0);
  }

  /** What is on its way never arrives. */
  drop(): void {
    this.#queue = [];
  }

  /** It is the turn of the first, whichever was sent with this event. */
  #arrive(): void {
    if (this.#isHeld) this.#late++;
    else this.#queue.shift()?.();
  }
}
