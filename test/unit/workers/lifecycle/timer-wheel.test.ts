import { beforeEach, describe, expect, it } from "vitest";
import {
  TimerWheel,
  type WheelEntry,
} from "../../../../src/workers/lifecycle/timer-wheel.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

class Entry implements WheelEntry {
  wheelNext: WheelEntry | null = null;
  wheelPrevious: WheelEntry | null = null;
  wheelDue = 0;
}

const TICK_MS = 16;
const SLOTS = 8;

describe("the timer wheel", () => {
  let clock: FakeClock;
  let fired: Map<Entry, number[]>;
  let onDue: (entry: Entry) => void;
  let wheel: TimerWheel<Entry>;

  beforeEach(() => {
    clock = new FakeClock();
    fired = new Map();
    onDue = () => {};
    wheel = new TimerWheel<Entry>(
      clock,
      (entry) => {
        fired.set(entry, [...(fired.get(entry) ?? []), clock.now()]);
        onDue(entry);
      },
      { tickMs: TICK_MS, slots: SLOTS },
    );
  });

  it.each([0, 1, 15, 16, 17, 100, 127, 128, 129, 1000, 12_345])(
    "ends a delay of %d ms never early and at most two ticks late",
    (delayMs) => {
      const entry = new Entry();
      // Not at a tick's beginning.
      clock.advance(5);
      const armedAt = clock.now();
      wheel.arm(entry, delayMs);
      clock.advance(delayMs + 10 * TICK_MS);
      const [at = 0, ...more] = fired.get(entry) ?? [];
      expect(at).toBeGreaterThanOrEqual(armedAt + delayMs);
      expect(at).toBeLessThanOrEqual(armedAt + delayMs + 2 * TICK_MS);
      expect(more).toEqual([]);
    },
  );

  it("ends no delay before what has arrived meanwhile is read, however long it stood still", () => {
    const answered = new Entry();
    const silent = new Entry();
    wheel.arm(answered, 50);
    wheel.arm(silent, 50);
    clock.onPoll = () => wheel.cancel(answered);
    clock.stall(10_000);
    expect([...fired.keys()]).toEqual([silent]);
  });

  it("ends only what was due before the sockets were looked at", () => {
    const due = new Entry();
    const later = new Entry();
    wheel.arm(due, 50);
    wheel.arm(later, 500);
    // The first that was read kept the thread for as long again.
    clock.onPoll = () => {
      clock.onPoll = () => wheel.cancel(later);
      clock.stall(1_000);
    };
    clock.advance(2_000);
    expect([...fired.keys()]).toEqual([due]);
  });

  it("ends a negative delay at the next tick", () => {
    const entry = new Entry();
    wheel.arm(entry, -50);
    clock.advance(2 * TICK_MS);
    expect(fired.get(entry)).toHaveLength(1);
  });

  it("ends nothing that was cancelled", () => {
    const [kept, cancelled] = [new Entry(), new Entry()];
    wheel.arm(kept, 50);
    wheel.arm(cancelled, 50);
    wheel.cancel(cancelled);
    wheel.cancel(cancelled);
    clock.advance(500);
    expect(fired.has(cancelled)).toBe(false);
    expect(fired.has(kept)).toBe(true);
  });

  it("ends an entry that was armed again by its last delay only", () => {
    const entry = new Entry();
    wheel.arm(entry, 20);
    const armedAt = clock.now();
    wheel.arm(entry, 300);
    expect(wheel.size).toBe(1);
    clock.advance(1000);
    expect(fired.get(entry)).toHaveLength(1);
    expect(fired.get(entry)?.[0]).toBeGreaterThanOrEqual(armedAt + 300);
  });

  it("keeps no timer past the tick in which the last delay went", () => {
    expect(clock.waiting).toBe(0);
    const entry = new Entry();
    wheel.arm(entry, 1000);
    expect(clock.waiting).toBe(1);
    wheel.cancel(entry);
    clock.advance(2 * TICK_MS);
    expect(clock.waiting).toBe(0);
    wheel.arm(entry, 10);
    clock.advance(1000);
    expect(clock.waiting).toBe(0);
    expect(wheel.size).toBe(0);
  });

  it("is driven by one timer however much hangs on it", () => {
    for (let i = 0; i < 1000; i++) wheel.arm(new Entry(), i);
    expect(clock.waiting).toBe(1);
    clock.advance(1000 + 3 * TICK_MS);
    expect(fired.size).toBe(1000);
  });

  it("catches up with everything after the thread stood still for many turns", () => {
    const entries = Array.from({ length: 50 }, () => new Entry());
    for (const [index, entry] of entries.entries())
      wheel.arm(entry, index * 40);
    const late = new Entry();
    wheel.arm(late, 10_000);
    clock.stall(5_000);
    expect(entries.every((entry) => fired.get(entry)?.length === 1)).toBe(true);
    expect(fired.has(late)).toBe(false);
    clock.advance(5_000 + 3 * TICK_MS);
    expect(fired.get(late)).toHaveLength(1);
  });

  it("lets an entry arm itself anew when it ends", () => {
    const entry = new Entry();
    onDue = (ended) => {
      if ((fired.get(ended)?.length ?? 0) < 5) wheel.arm(ended, 30);
    };
    wheel.arm(entry, 30);
    clock.advance(1000);
    const times = fired.get(entry) ?? [];
    expect(times).toHaveLength(5);
    for (const [index, at] of times.slice(1).entries())
      expect(at - (times[index] as number)).toBeGreaterThanOrEqual(30);
  });

  it("lets one that ends cancel its neighbour in the same slot", () => {
    const [first, second] = [new Entry(), new Entry()];
    onDue = (entry) => wheel.cancel(entry === first ? second : first);
    wheel.arm(first, 30);
    wheel.arm(second, 30);
    clock.advance(100);
    expect(fired.has(first)).toBe(true);
    expect(fired.has(second)).toBe(false);
    expect(wheel.size).toBe(0);
  });

  it("lets one that ends arm its neighbour in the same slot anew", () => {
    const [first, second] = [new Entry(), new Entry()];
    onDue = (entry) => {
      if (entry === first) wheel.arm(second, 200);
    };
    wheel.arm(first, 30);
    wheel.arm(second, 30);
    clock.advance(150);
    expect(fired.has(second)).toBe(false);
    clock.advance(150);
    expect(fired.get(second)).toHaveLength(1);
  });

  it("keeps its time after it was empty for long", () => {
    const entry = new Entry();
    wheel.arm(entry, 10);
    clock.advance(100_000);
    const armedAt = clock.now();
    wheel.arm(entry, 50);
    clock.advance(50 + 2 * TICK_MS);
    expect(fired.get(entry)?.[1]).toBeGreaterThanOrEqual(armedAt + 50);
  });
});
