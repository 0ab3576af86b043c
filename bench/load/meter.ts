/** Warm-up, then one measured window: what all timed loads have in common. */
import { setTimeout as delay } from "node:timers/promises";
import { LatencyHistogram } from "../measure/histogram.ts";
import { openWindow, type Watched } from "../measure/window.ts";
import type { LoopReport } from "./plan.ts";

/** Counts verified units of work and their latencies. */
export class Meter {
  readonly latency = new LatencyHistogram();
  #units = 0;

  /**
   * Counts completed work.
   *
   * @param units - Messages, connections or deliveries.
   */
  count(units: number): void {
    this.#units += units;
  }

  /**
   * Lets the load that is already under way warm up, then measures it.
   *
   * @param watched - Whose CPU is read at both ends of the window.
   * @param times - Length of both parts.
   */
  async measure(
    watched: Watched,
    times: { readonly warmupMs: number; readonly measureMs: number },
  ): Promise<LoopReport> {
    await delay(times.warmupMs);
    this.latency.reset();
    this.#units = 0;
    const closeWindow = openWindow(watched);
    await delay(times.measureMs);
    const use = closeWindow();
    return {
      kind: "loop",
      units: this.#units,
      latency: this.latency.summary(),
      use,
    };
  }
}
