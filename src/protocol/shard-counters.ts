import { connectionTable } from "../machines/connection-table.ts";
import { bucketOf, HISTOGRAM_SLOTS } from "./histogram.ts";
import {
  type Cohort,
  cohorts,
  type HookName,
  hookNames,
} from "./hook-names.ts";
import { type MoveObstacle, moveObstacles } from "./handover-messages.ts";
import { CLOSE_CODE } from "../rfc6455.ts";

/**
 * Single counters of a shard. Each has one writer: the worker, or main for
 * those marked so. Since a 64-bit aligned element is stored whole on the
 * machines that Node runs on, a reader never sees half of a value, also
 * after the writer has died.
 */
const names = [
  /** Sockets that main has handed over (written by main). */
  "handed",
  /** Handed over, never opened, and the thread died (written by main). */
  "abandoned",
  /** Opened when the thread died (written by main). */
  "crashed",
  /** Times the shard was started again (written by main). */
  "restarts",
  /** Moved out of this shard, and come to main (written by main). */
  "collected",
  /** Sent by main to this shard, to move in (written by main). */
  "delivered",
  /** Connections that have left this thread for another. */
  "movedOut",
  /** Connections that have come from another thread or process. */
  "movedIn",
  /** Live connections that keep what was compressed before, on one side at least: they cannot move. */
  "windowsKept",
  "received",
  "opened",
  "rejected",
  /** Health checks that were answered: never opened, and not rejected. */
  "probes",
  /** Connections that spoke plain HTTP alone: all was answered, or not. */
  "served",
  "cut",
  /** Requests of plain HTTP that were given to the handlers, and those of them that were answered whole. */
  "requests",
  "answers",
  "clean",
  "unacknowledged",
  "forced",
  "lost",
  "messagesIn",
  "messagesOut",
  "bytesIn",
  "bytesOut",
  /** Messages of topics left out for subscribers that were congested. */
  "messagesDropped",
  /** Topics that have a subscriber on this thread. */
  "topics",
  /** Their subscribers: a connection counts once for each of its topics. */
  "subscriptions",
  /** Messages of topics that found a subscriber on this thread. */
  "topicMessages",
  /** When the thread's event loop last turned, monotonic milliseconds. */
  "beatAt",
  /** Share of time the event loop was busy since the last beat, 0 to 1. */
  "utilization",
  /** 99th percentile of the event loop's delay over the last beats, milliseconds. */
  "loopDelayP99",
  "heapBytes",
  /** Handlers in flight. */
  "handlers",
  /** What connections hold in memory from one turn of the event loop to the next. */
  "heldBytes",
  /** Connections closed for want of memory. */
  "shed",
] as const;
export type CounterName = (typeof names)[number];

const stateCount = connectionTable.states.length;
const openStates = connectionTable.states.filter(({ tags }) =>
  tags.has("open"),
);
const plainStates = connectionTable.states.filter(({ name }) =>
  name.startsWith("plain."),
);
/** Whoever is in one of these has nothing unanswered. */
const answeredStates: ReadonlySet<string> = new Set([
  "plain.idle",
  "plain.ending",
]);
const edgeCount = connectionTable.edges.length;
const CLOSE_CODES = 5000;

const statesAt = names.length;
const edgesAt = statesAt + stateCount;
const closeCodesAt = edgesAt + edgeCount;
const histogramsAt = closeCodesAt + CLOSE_CODES;
const moveDurationsAt = histogramsAt + stateCount * HISTOGRAM_SLOTS;
const moveRefusalsAt = moveDurationsAt + HISTOGRAM_SLOTS;
const hookFailuresAt = moveRefusalsAt + moveObstacles.length;
const longestAt = hookFailuresAt + cohorts.length * hookNames.length;
/** Behind those of the states, the longest move. */
const slotCount = longestAt + stateCount + 1;

/** What only a thread that lives has. */
const deadGauges = [
  "topics",
  "subscriptions",
  "handlers",
  "heldBytes",
  "utilization",
  "loopDelayP99",
  "heapBytes",
] as const satisfies readonly CounterName[];

const indexOf = Object.fromEntries(
  names.map((name, index) => [name, index]),
) as Record<CounterName, number>;

const bytesInAt = indexOf.bytesIn;
const bytesOutAt = indexOf.bytesOut;
const messagesInAt = indexOf.messagesIn;
const messagesOutAt = indexOf.messagesOut;

/**
 * The counters of one shard, in memory that main and the worker share: main
 * reads them at any moment without a message, also when the thread is blocked
 * or gone. They outlive a replaced thread, and only ever grow, but for the
 * live count of each state and the gauges.
 */
export class ShardCounters {
  readonly buffer: SharedArrayBuffer;
  readonly #slots: Float64Array;
  /** Live connections by state, in the order of the connection table. */
  readonly states: Float64Array;
  /** Transitions taken, by edge number of the connection table. */
  readonly edges: Float64Array;
  /** Ended connections by close code. */
  readonly closeCodes: Float64Array;
  readonly #histograms: Float64Array;
  /** Buckets of how long connections that moved in were not read; see `bucketOf`. */
  readonly moveDurations: Float64Array;
  /** Moves refused, in the order of `refusalCauses`. */
  readonly #moveRefusals: Float64Array;

  constructor(
    buffer = new SharedArrayBuffer(slotCount * Float64Array.BYTES_PER_ELEMENT),
  ) {
    this.buffer = buffer;
    this.#slots = new Float64Array(buffer);
    this.states = this.#slots.subarray(statesAt, edgesAt);
    this.edges = this.#slots.subarray(edgesAt, closeCodesAt);
    this.closeCodes = this.#slots.subarray(closeCodesAt, histogramsAt);
    this.#histograms = this.#slots.subarray(histogramsAt, moveDurationsAt);
    this.moveDurations = this.#slots.subarray(moveDurationsAt, moveRefusalsAt);
    this.#moveRefusals = this.#slots.subarray(moveRefusalsAt, hookFailuresAt);
  }

  get(name: CounterName): number {
    return this.#slots[indexOf[name]] as number;
  }

  set(name: CounterName, value: number): void {
    this.#slots[indexOf[name]] = value;
  }

  add(name: CounterName, amount = 1): void {
    (this.#slots[indexOf[name]] as number) += amount;
  }

  // The path of a message, by constant index.

  /** Bytes have been read from a socket. */
  countRead(bytes: number): void {
    (this.#slots[bytesInAt] as number) += bytes;
  }

  countMessageIn(): void {
    (this.#slots[messagesInAt] as number) += 1;
  }

  /** A message was sent, of so many bytes or characters. */
  countMessageOut(length: number): void {
    (this.#slots[messagesOutAt] as number) += 1;
    (this.#slots[bytesOutAt] as number) += length;
  }

  /** Buckets of the time spent in a state; see `bucketOf`. */
  histogram(state: number): Float64Array {
    const start = state * HISTOGRAM_SLOTS;
    return this.#histograms.subarray(start, start + HISTOGRAM_SLOTS);
  }

  /** One visit of a state has ended. */
  addVisit(state: number, spentMs: number): void {
    const bucket = bucketOf(spentMs);
    (this.#histograms[state * HISTOGRAM_SLOTS + bucket] as number) += 1;
    if (spentMs > this.longestVisitMs(state))
      this.#slots[longestAt + state] = spentMs;
  }

  /** The longest visit of a state that has ended. */
  longestVisitMs(state: number): number {
    return this.#slots[longestAt + state] as number;
  }

  /** A connection that moved in was not read for so long. */
  addMove(unreadMs: number): void {
    (this.moveDurations[bucketOf(unreadMs)] as number) += 1;
    if (unreadMs > this.longestMoveMs)
      this.#slots[longestAt + stateCount] = unreadMs;
  }

  get longestMoveMs(): number {
    return this.#slots[longestAt + stateCount] as number;
  }

  /** Connections that live on this shard: what is on its way between two is on neither. */
  get live(): number {
    return (
      this.get("opened") +
      this.get("movedIn") -
      this.get("movedOut") -
      this.#ended -
      this.get("crashed")
    );
  }

  /** Of those, whoever is not about to end. */
  get open(): number {
    return openStates.reduce(
      (sum, { index }) => sum + (this.states[index] as number),
      0,
    );
  }

  /** Moves that were refused, by cause. */
  moveRefusals(): Record<MoveObstacle, number> {
    return Object.fromEntries(
      moveObstacles.map((cause, index) => [cause, this.#moveRefusals[index]]),
    ) as Record<MoveObstacle, number>;
  }

  /** Connections of a cohort whose first hook to fail was this one. */
  hookFailures(cohort: Cohort, hook: HookName): number {
    return this.#slots[failuresAt(cohort, hook)] as number;
  }

  addHookFailure(cohort: Cohort, hook: HookName): void {
    (this.#slots[failuresAt(cohort, hook)] as number) += 1;
  }

  addMoveRefusal(cause: MoveObstacle): void {
    (this.#moveRefusals[moveObstacles.indexOf(cause)] as number) += 1;
  }

  /** Takes over the counts of a shard that has ended for good; gauges stay. */
  absorb(other: ShardCounters): void {
    const gauges = [
      "beatAt",
      "utilization",
      "loopDelayP99",
      "heapBytes",
      "heldBytes",
      "topics",
      "subscriptions",
    ].map((name) => indexOf[name as CounterName]);
    for (const [slot, count] of other.#slots.entries()) {
      const own = this.#slots[slot] as number;
      if (slot >= longestAt) this.#slots[slot] = Math.max(own, count);
      else if (!gauges.includes(slot)) this.#slots[slot] = own + count;
    }
  }

  /** Sockets handed over that have neither opened nor ended. */
  get #undecided(): number {
    return (
      this.get("handed") -
      this.get("opened") -
      this.get("rejected") -
      this.get("served") -
      this.get("cut") -
      this.get("probes") -
      this.get("abandoned")
    );
  }

  /** Connections that speak plain HTTP. */
  get plain(): number {
    return plainStates.reduce(
      (sum, { index }) => sum + (this.states[index] as number),
      0,
    );
  }

  /** Sockets handed over whose request is still to come, or to be decided. */
  get upgrading(): number {
    return this.#undecided - this.plain;
  }

  /** Every socket handed over that has not ended: what balancing goes by. */
  get load(): number {
    const comingIn = this.get("delivered") - this.get("movedIn");
    return this.live + this.#undecided + comingIn;
  }

  /**
   * Books what the death of the thread ended: every live connection is
   * `crashed`, one of plain HTTP is `cut` or had been `served`, every other
   * socket that had not opened is rejected. A connection that
   * was on its way to or from it and will not arrive was its own. Called by main
   * when the thread is gone for certain.
   *
   * @returns how many connections crashed
   */
  bookDeath(): number {
    this.set("movedOut", this.get("collected"));
    this.set("movedIn", this.get("delivered"));
    this.set("windowsKept", 0);
    const crashed = this.live;
    this.add("abandoned", this.upgrading);
    for (const { name, index } of plainStates)
      this.add(answeredStates.has(name) ? "served" : "cut", this.states[index]);
    this.add("crashed", crashed);
    (this.closeCodes[CLOSE_CODE.abnormal] as number) += crashed;
    this.states.fill(0);
    // Nothing turns, and nothing is held, until there is another thread.
    for (const gauge of deadGauges) this.set(gauge, 0);
    return crashed;
  }

  /** Opened connections that have ended, but for those that crashed. */
  get #ended(): number {
    return (
      this.get("clean") +
      this.get("unacknowledged") +
      this.get("forced") +
      this.get("lost")
    );
  }
}

function failuresAt(cohort: Cohort, hook: HookName): number {
  const row = cohorts.indexOf(cohort) * hookNames.length;
  return hookFailuresAt + row + hookNames.indexOf(hook);
}
