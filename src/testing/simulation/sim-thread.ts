import { AsyncLocalStorage } from "node:async_hooks";
import type { Draws } from "./draws.ts";
import type { Rare } from "./rare.ts";
import { EventHeap, type SimEvent } from "./event-heap.ts";

/** What one callback costs its thread: time moves on, however much is set off in a moment. */
const CALLBACK_MS = 0.005;

/** A timer that is late is so late. */
const LATE_MS = [1, 60] as const;

/** The thread that what runs at this moment belongs to; `undefined` outside of a simulation. */
const current = new AsyncLocalStorage<SimThread>();

/** @returns the simulated thread in which this is called */
export function currentThread(): SimThread | undefined {
  return current.getStore();
}

/** The process that a thread is in. */
export interface ThreadHome {
  readonly name: string;
  /** The first of the processes that have taken each other's place: what they number, they number together. */
  readonly lineage: string;
}

/** What threads share: the time. */
export interface Timeline {
  now: number;
  /** How far the wall clock has been put forward or back. */
  wallOffsetMs: number;
  readonly rare: Rare;
  /** A connection's handle leaves a thread for another. */
  travels(handle: { readonly incoming: object }): void;
  /** Modules are being loaded, which takes real time and reads real files. */
  readonly isLoading: boolean;
  /** Handlers have reached out of the simulation. */
  touched(thread: SimThread, complaint: string): void;
  /** Something threw that nobody caught. */
  threw(thread: SimThread, error: unknown): void;
}

/**
 * A thread and its event loop, in virtual time: due timers first, then what
 * came from outside (reads, messages), then immediates; as Node's own loop. One
 * callback at a time, so that threads take turns between any two.
 */
export class SimThread {
  readonly name: string;
  readonly timeline: Timeline;
  readonly draws: Draws;
  /** `undefined` for the network. */
  readonly home: ThreadHome | undefined;
  isDead = false;
  /** Its loop does not turn until then. */
  blockedUntil = 0;
  readonly #timers = new EventHeap();
  readonly #io = new EventHeap();
  #immediates: (() => void)[] = [];
  /** Left of this turn of the loop. */
  #turn: (() => void)[] = [];
  /** What is left are immediates, which end the turn. */
  #isEndOfTurn = true;
  #order = 0;
  #busyMs = 0;
  /** When it was blocked, in order. */
  readonly #stalls: { readonly from: number; readonly until: number }[] = [];

  constructor(
    name: string,
    timeline: Timeline,
    draws: Draws,
    home?: ThreadHome,
  ) {
    this.name = name;
    this.home = home;
    this.timeline = timeline;
    this.draws = draws;
  }

  get now(): number {
    return this.timeline.now;
  }

  /** Timers that have not fired. */
  get timers(): readonly SimEvent[] {
    return this.#timers.pending;
  }

  /** Something has come that it has not taken, or it is in the middle of a turn. */
  get isBusy(): boolean {
    if (this.isDead) return false;
    const isMidTurn = this.#turn.length > 0 || this.#immediates.length > 0;
    return isMidTurn || this.#io.next !== undefined;
  }

  /** When it has something to do; `undefined` when nothing will happen by itself. */
  get wakesAt(): number | undefined {
    if (this.isDead) return undefined;
    const isMidTurn = this.#turn.length > 0 || this.#immediates.length > 0;
    const due = isMidTurn
      ? 0
      : Math.min(
          this.#timers.next?.due ?? Infinity,
          this.#io.next?.due ?? Infinity,
        );
    return due === Infinity
      ? undefined
      : Math.max(due, this.blockedUntil, this.timeline.now);
  }

  /** Runs in this thread, now: what is set off by it belongs to the thread. */
  enter<Value>(work: () => Value): Value {
    return current.run(this, work);
  }

  /** A timer. Node's least delay is a millisecond. */
  setTimer(callback: () => void, delayMs: number): SimEvent {
    const bound = AsyncLocalStorage.bind(callback);
    const lateMs = this.timeline.rare.take("a timer fires late", this.draws)
      ? this.draws.between(...LATE_MS)
      : 0;
    return this.#schedule(this.#timers, bound, Math.max(1, delayMs) + lateMs);
  }

  /**
   * Something comes from outside, after this long.
   *
   * @param source - The port that it comes from. A loop that has stood still
   *   finds something at several, and takes one after the other as it pleases.
   */
  fromOutside(
    callback: () => void,
    delayMs: number,
    source?: object,
  ): SimEvent {
    return this.#schedule(this.#io, callback, delayMs, source);
  }

  setImmediate(callback: () => void): { cancel(): void } {
    const bound = AsyncLocalStorage.bind(callback);
    this.#immediates.push(bound);
    return {
      cancel: () => {
        this.#immediates = this.#immediates.filter((each) => each !== bound);
      },
    };
  }

  /** One callback, at the present moment. */
  step(): void {
    const callback = this.#nextCallback();
    if (callback === undefined) return;
    this.block(CALLBACK_MS);
    try {
      this.enter(callback);
    } catch (error) {
      this.timeline.threw(this, error);
    }
  }

  /** Its loop stands still from now on for so long. */
  block(ms: number): void {
    const { now } = this.timeline;
    const until = Math.max(this.blockedUntil, now + ms);
    if (ms > CALLBACK_MS) this.#stalls.push({ from: now, until });
    this.#busyMs += until - Math.max(this.blockedUntil, now);
    this.blockedUntil = until;
  }

  /** @returns how long it was blocked between two moments */
  stalledMs(since: number, until: number): number {
    return this.#stalls.reduce(
      (sum, stall) =>
        sum +
        Math.max(0, Math.min(stall.until, until) - Math.max(stall.from, since)),
      0,
    );
  }

  /** @returns the share of time that it was busy since it was last asked */
  measureLoad(): () => number {
    let { now } = this.timeline;
    let busyMs = this.#busyMs;
    return () => {
      const elapsedMs = this.timeline.now - now;
      const share = elapsedMs === 0 ? 0 : (this.#busyMs - busyMs) / elapsedMs;
      now = this.timeline.now;
      busyMs = this.#busyMs;
      return Math.min(1, share);
    };
  }

  /** Nothing of it ever happens again. */
  die(): void {
    this.isDead = true;
    this.#timers.clear();
    this.#io.clear();
    this.#immediates = [];
    this.#turn = [];
  }

  #nextCallback(): (() => void) | undefined {
    if (this.#turn.length === 0 && !this.#isEndOfTurn) {
      this.#isEndOfTurn = true;
      this.#turn = this.#immediates;
      this.#immediates = [];
    }
    if (this.#turn.length === 0) {
      this.#isEndOfTurn = false;
      this.#take(this.#allDue(this.#timers));
      this.#take(this.#bySource(this.#allDue(this.#io)));
    }
    return this.#turn.shift();
  }

  #allDue(heap: EventHeap): SimEvent[] {
    const due: SimEvent[] = [];
    for (;;) {
      const event = heap.takeDue(this.timeline.now);
      if (event === undefined) return due;
      due.push(event);
    }
  }

  #bySource(events: SimEvent[]): SimEvent[] {
    const sources = new Set(events.map(({ source }) => source));
    if (sources.size <= 1) return events;
    const ranks = new Map(
      [...sources].map((source) => [source, this.draws.next()]),
    );
    const rankOf = ({ source }: SimEvent): number => ranks.get(source) ?? 0;
    return events.toSorted((one, other) => rankOf(one) - rankOf(other));
  }

  #take(events: readonly SimEvent[]): void {
    for (const event of events)
      this.#turn.push(() => {
        // A callback before it, in the same turn, may have cleared it.
        if (!event.isCancelled) event.run();
      });
  }

  #schedule(
    heap: EventHeap,
    run: () => void,
    delayMs: number,
    source?: object,
  ): SimEvent {
    const event: SimEvent = {
      source,
      due: onGrid(this.timeline.now + delayMs),
      order: this.#order++,
      run,
      isCancelled: false,
    };
    if (!this.isDead) heap.add(event);
    return event;
  }
}

const GRID = 1_024;

/** Times are multiples of one that numbers hold exactly: what was worked out by way of another clock comes out the same in every process. */
function onGrid(ms: number): number {
  return Math.round(ms * GRID) / GRID;
}
