/** Where time comes from; tests give a simulated one. Times are milliseconds on one monotonic axis. */
export interface Clock {
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
  /** Calls back once everything that had arrived on the sockets by now has been read. */
  afterPoll(callback: () => void): void;
}

/** What hangs on a wheel carries its own links, so that arming a delay allocates nothing. */
export interface WheelEntry {
  wheelNext: WheelEntry | null;
  wheelPrevious: WheelEntry | null;
  /** When the delay ends, in the clock's milliseconds. */
  wheelDue: number;
}

class Slot implements WheelEntry {
  wheelNext: WheelEntry = this;
  wheelPrevious: WheelEntry = this;
  wheelDue = 0;
}

/**
 * One hashed timer wheel for all delays of a shard. Arming and cancelling are
 * constant-time; one timer of the clock drives the wheel while anything hangs
 * on it. A delay never ends early and at most one tick late.
 *
 * Nor does it end before what had arrived by then has been read. Node runs
 * timers before it looks at the sockets: after a standstill, be it a handler
 * that took long or a machine that was paused, peers would be judged whose
 * answers had come in time.
 */
export class TimerWheel<Entry extends WheelEntry> {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: readonly Slot[];
  readonly #onDue: (entry: Entry) => void;
  #size = 0;
  /** The last tick that was swept. */
  #swept: number;
  #timer: unknown;

  constructor(
    clock: Clock,
    onDue: (entry: Entry) => void,
    { tickMs = 16, slots = 1024 } = {},
  ) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#tickMs = tickMs;
    this.#slots = Array.from({ length: slots }, () => new Slot());
    this.#swept = this.#tickOf(clock.now());
  }

  /** How many delays are armed. */
  get size(): number {
    return this.#size;
  }

  /** Arms the entry's only delay; one that was armed before is replaced. */
  arm(entry: Entry, delayMs: number): void {
    this.cancel(entry);
    const now = this.#clock.now();
    if (this.#size === 0) this.#swept = this.#tickOf(now);
    entry.wheelDue = now + Math.max(0, delayMs);
    // The tick in which it is due has to be over before it is swept: never early.
    this.#hang(entry, this.#tickOf(entry.wheelDue) + 1);
    this.#size++;
    if (this.#timer === undefined) this.#wait();
  }

  /** Cancels the entry's delay; without one it does nothing. */
  cancel(entry: Entry): void {
    const { wheelNext, wheelPrevious } = entry;
    if (wheelNext === null || wheelPrevious === null) return;
    wheelPrevious.wheelNext = wheelNext;
    wheelNext.wheelPrevious = wheelPrevious;
    entry.wheelNext = null;
    entry.wheelPrevious = null;
    // The clock's timer stays: it costs more to stop than to find nothing.
    this.#size--;
  }

  #tickOf(ms: number): number {
    return Math.floor(ms / this.#tickMs);
  }

  #hang(entry: Entry, tick: number): void {
    const slot = this.#slots[tick % this.#slots.length] as Slot;
    const last = slot.wheelPrevious;
    entry.wheelPrevious = last;
    entry.wheelNext = slot;
    last.wheelNext = entry;
    slot.wheelPrevious = entry;
  }

  #wait(): void {
    const untilNextTick =
      (this.#tickOf(this.#clock.now()) + 1) * this.#tickMs - this.#clock.now();
    this.#timer = this.#clock.setTimeout(
      () => {
        const now = this.#tickOf(this.#clock.now());
        this.#clock.afterPoll(() => {
          this.#timer = undefined;
          this.#sweep(now);
          if (this.#size > 0 && this.#timer === undefined) this.#wait();
        });
      },
      Math.max(1, untilNextTick),
    );
  }

  /** Ends the delays that were due before a tick. */
  #sweep(now: number): void {
    // A thread that stood still for longer than the wheel's span sweeps every slot once.
    let tick = Math.max(this.#swept, now - this.#slots.length);
    this.#swept = now;
    while (tick < now && this.#size > 0) {
      tick++;
      this.#sweepSlot(this.#slots[tick % this.#slots.length] as Slot, now);
    }
  }

  #sweepSlot(slot: Slot, now: number): void {
    // Listed first: while one fires, others may be cancelled or armed anew.
    const listed: Entry[] = [];
    for (let link = slot.wheelNext; link !== slot; link = next(link))
      listed.push(link as Entry);
    for (const entry of listed) {
      const isArmed = entry.wheelNext !== null;
      if (!isArmed || this.#tickOf(entry.wheelDue) >= now) continue;
      this.cancel(entry);
      this.#onDue(entry);
    }
  }
}

/** The ring is closed: an entry that hangs on it has a next one. */
function next(link: WheelEntry): WheelEntry {
  return link.wheelNext as WheelEntry;
}
