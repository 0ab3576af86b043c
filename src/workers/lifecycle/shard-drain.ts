import type { DrainPlan } from "../../protocol/messages.ts";
import type { ManagedConnection } from "./managed-connection.ts";
import { type Pace, paceOf } from "./pacer.ts";
import type { Clock } from "./timer-wheel.ts";

const STEP_MS = 20;
/** So many are told before the event loop turns, so that the rest of the shard goes on serving. */
const BATCH = 250;
/** Steps of this length never meet on a circle, and leave no part of it empty: those who come late spread evenly, however many come. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * Tells a number of connections to go, at a pace, each with its own time to
 * come back, and knows when the last has been told and when the last has ended.
 */
export class ShardDrain {
  readonly #clock: Clock;
  readonly #plan: DrainPlan;
  readonly #targets: readonly ManagedConnection[];
  readonly #startedAt: number;
  readonly #pace: Pace;
  readonly #onNotified: (told: number) => void;
  readonly #onDrained: () => void;
  readonly #leaving = new Set<ManagedConnection>();
  /** How many of the targets have had their turn, and how many of those were still there to be told. */
  #passed = 0;
  #told = 0;
  #late = 0;
  #isOver = false;
  #timer: unknown;

  constructor(options: {
    clock: Clock;
    plan: DrainPlan;
    targets: readonly ManagedConnection[];
    onNotified: (told: number) => void;
    onDrained: () => void;
  }) {
    this.#clock = options.clock;
    this.#plan = options.plan;
    this.#targets = options.targets;
    this.#onNotified = options.onNotified;
    this.#onDrained = options.onDrained;
    this.#startedAt = options.clock.now();
    this.#pace = paceOf(this.#targets.length, this.#plan, this.#startedAt);
  }

  start(): void {
    this.#step();
  }

  /** Tells all who are left, now. */
  hurry(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#tellUpTo(this.#targets.length);
    this.#finishTelling();
  }

  /** Those not yet told stay as they are. */
  callOff(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#finishTelling();
  }

  /** Tells one connection, whatever the pace: the `index`th of the targets, or of as many. */
  tell(connection: ManagedConnection, index: number): void {
    this.#tell(connection, this.#pace.retryAfterMs(index));
  }

  /**
   * Tells one that came after it had begun, such as a connection that was on its
   * way from another thread: at once, and with a time to come back of its own,
   * somewhere among those of the others.
   */
  tellLate(connection: ManagedConnection): void {
    const share = (0.5 + this.#late++ * GOLDEN_RATIO) % 1;
    this.#tell(connection, this.#pace.retryAfterMsAt(share));
  }

  #tell(connection: ManagedConnection, retryAfterMs: number): void {
    const { deadline, closeCode } = this.#plan;
    if (!connection.lifecycle.isFinal) this.#leaving.add(connection);
    // It is on its way out, by a deadline that is no later: it goes on as it was.
    if (connection.deadline <= deadline) return;
    connection.limitDeadline(deadline);
    connection.endWith(
      "shutdown.requested",
      closeCode,
      `retry-after-ms=${retryAfterMs}`,
    );
  }

  /** A connection has ended; whether it was told here or not. */
  ended(connection: ManagedConnection): void {
    this.#leaving.delete(connection);
    this.#checkDrained();
  }

  #step(): void {
    const count = this.#targets.length;
    const elapsed = this.#clock.now() - this.#startedAt;
    const { windowMs } = this.#pace;
    const due =
      windowMs === 0
        ? count
        : Math.min(count, Math.ceil((elapsed / windowMs) * count));
    this.#tellUpTo(Math.min(due, this.#passed + BATCH));
    if (this.#passed === count) this.#finishTelling();
    else {
      const waitMs = this.#passed < due ? 0 : STEP_MS;
      this.#timer = this.#clock.setTimeout(() => this.#step(), waitMs);
    }
  }

  #tellUpTo(until: number): void {
    for (; this.#passed < until; this.#passed++) {
      const target = this.#targets[this.#passed] as ManagedConnection;
      if (target.lifecycle.isFinal) continue;
      this.tell(target, this.#passed);
      this.#told++;
    }
  }

  #finishTelling(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onNotified(this.#told);
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#isOver && this.#leaving.size === 0) this.#onDrained();
  }
}
