/** Waits until a quantity has stopped changing, instead of for a fixed time. */
import { setTimeout as delay } from "node:timers/promises";

/** When a series of readings counts as settled. */
export interface SettleOptions {
  /** Largest relative difference among the last readings. */
  readonly tolerance: number;
  /** How many readings must agree. */
  readonly readings: number;
  readonly intervalMs: number;
  /** After this the last reading is taken as it is. */
  readonly deadlineMs: number;
}

const defaults: SettleOptions = {
  tolerance: 0.003,
  readings: 6,
  intervalMs: 150,
  deadlineMs: 10_000,
};

/**
 * True when the last `readings` values lie within `tolerance` of the newest.
 *
 * @param values - The readings so far, oldest first.
 * @param options - What counts as settled.
 */
export function hasSettled(
  values: readonly number[],
  options: Pick<SettleOptions, "tolerance" | "readings">,
): boolean {
  if (values.length < options.readings) return false;
  const recent = values.slice(-options.readings);
  const newest = recent.at(-1) ?? 0;
  const width = Math.max(...recent) - Math.min(...recent);
  return width <= Math.abs(newest) * options.tolerance;
}

/**
 * Reads a quantity until it has settled or the deadline has passed.
 *
 * @param read - Gives the quantity now.
 * @param overrides - Other conditions than the defaults (0.3 % over 6 readings
 *   150 ms apart, at most 10 s).
 * @returns The last reading, and whether it had settled.
 */
export async function settle(
  read: () => number,
  overrides: Partial<SettleOptions> = {},
): Promise<{ value: number; settled: boolean }> {
  const options = { ...defaults, ...overrides };
  const deadline = performance.now() + options.deadlineMs;
  const values = [read()];
  while (!hasSettled(values, options) && performance.now() < deadline) {
    await delay(options.intervalMs);
    values.push(read());
  }
  return {
    value: values.at(-1) ?? 0,
    settled: hasSettled(values, options),
  };
}
