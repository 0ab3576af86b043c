import { timeUntil } from "./deadlines.ts";
import {
  describeEnd,
  type Ledger,
  partSince,
  readLedger,
  type ShutdownPart,
  type ShutdownReport,
  type Standing,
  takeStanding,
} from "./report.ts";
import type { Fleet } from "./shards/fleet.ts";
import type { PatientClock } from "./patient-clock.ts";

/** What is counted. */
export interface StopRecordHost {
  readonly patientClock: Pick<PatientClock, "now">;
  readonly fleet: Fleet;
  readonly ledger: Ledger;
}

/** What is on record of a stop: since when, why and by when, and what it has come to. */
export class StopRecord {
  readonly #host: StopRecordHost;
  /** How everything stood when it began. */
  #begun: Standing = takeStanding(readLedger([], 0), {
    counters: [],
    kills: 0,
    crashes: 0,
  });
  #startedAt = 0;
  #deadline = Infinity;
  #reason = "";

  constructor(host: StopRecordHost) {
    this.#host = host;
  }

  get startedAt(): number {
    return this.#startedAt;
  }

  /** Absolute, monotonic; `Infinity` while nothing stops. */
  get deadline(): number {
    return this.#deadline;
  }

  get reason(): string {
    return this.#reason;
  }

  get elapsedMs(): number {
    return this.#now - this.#startedAt;
  }

  get deadlineInMs(): number | undefined {
    return Number.isFinite(this.#deadline)
      ? timeUntil(this.#deadline, this.#now)
      : undefined;
  }

  /** What it has come to so far. */
  get part(): ShutdownPart {
    const { ledger, fleet } = this.#host;
    return partSince(this.#begun, takeStanding(ledger, fleet));
  }

  begin(reason: string): void {
    this.#reason = reason;
    this.#startedAt = this.#now;
    this.#begun = takeStanding(this.#host.ledger, this.#host.fleet);
  }

  /** @returns whether there is less time than before; it never becomes more. */
  shorten(deadline: number): boolean {
    if (deadline >= this.#deadline) return false;
    this.#deadline = deadline;
    return true;
  }

  /** It has until then; for ever, once it is called off. */
  allow(deadline = Infinity): void {
    this.#deadline = deadline;
  }

  get #now(): number {
    return this.#host.patientClock.now();
  }

  report(): ShutdownReport {
    const { ledger, fleet } = this.#host;
    return describeEnd(ledger, fleet, this.#begun, {
      reason: this.#reason,
      durationMs: this.elapsedMs,
      deadlineMs: Math.max(0, this.#deadline - this.#startedAt),
    });
  }
}
