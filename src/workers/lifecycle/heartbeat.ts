import type { ManagedConnection } from "./managed-connection.ts";
import type { Registry } from "./registry.ts";
import type { Clock } from "./timer-wheel.ts";

/**
 * Each connection is visited so often in an interval: whoever was silent from
 * one visit to the next is pinged, hence after half an interval at the
 * earliest and a whole one at the latest; and who does nothing but answer,
 * once in every interval.
 */
const VISITS = 2;

/**
 * Probes the connections that have been silent for an interval. One slice of
 * them at a time, so that pings are spread over the interval instead of
 * leaving in one burst.
 */
export class Heartbeat {
  readonly #registry: Registry<ManagedConnection>;
  readonly #clock: Clock;
  readonly #stepMs: number;
  #timer: unknown;

  /** @param intervalMs - The longest that a peer may be silent before it is pinged; 0 turns heartbeats off. */
  constructor(
    registry: Registry<ManagedConnection>,
    clock: Clock,
    intervalMs: number,
  ) {
    this.#registry = registry;
    this.#clock = clock;
    this.#stepMs = intervalMs / (registry.sliceCount * VISITS);
    if (intervalMs > 0) this.#wait();
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  #wait(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#visit();
      this.#wait();
    }, this.#stepMs);
  }

  #visit(): void {
    for (const connection of this.#registry.nextSlice()) {
      // Who is not read from cannot be heard: that silence is ours. Whether it
      // is still there, the kernel knows once something is sent to it.
      if (connection.isHeldBack) {
        if (connection.isSilent) connection.tell("heartbeat.unheard");
        connection.isSilent = !connection.isSilent;
        continue;
      }
      // What has been silent since the last visit is asked; the rest is marked.
      if (connection.isSilent) connection.tell("heartbeat.due");
      connection.isSilent = true;
    }
  }
}
