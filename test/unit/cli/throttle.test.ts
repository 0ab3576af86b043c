import { describe, expect, it } from "vitest";
import { type Clock, Throttle } from "../../../src/cli/throttle.ts";

/** A clock that stands still until it is moved, and whose timers then fire. */
class HandClock implements Clock {
  #now = 0;
  readonly #timers = new Map<object, { at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): object {
    const handle = {};
    this.#timers.set(handle, { at: this.#now + ms, callback });
    return handle;
  }

  clearTimeout(handle: object): void {
    this.#timers.delete(handle);
  }

  get waiting(): number {
    return this.#timers.size;
  }

  move(ms: number): void {
    this.#now += ms;
    for (const [handle, { at, callback }] of this.#timers)
      if (at <= this.#now && this.#timers.delete(handle)) callback();
  }
}

function throttled(): {
  clock: HandClock;
  throttle: Throttle<string>;
  told: [last: string, count: number, withinMs: number][];
} {
  const clock = new HandClock();
  const told: [string, number, number][] = [];
  const throttle = new Throttle<string>((...all) => told.push(all), clock);
  return { clock, throttle, told };
}

function admitted(throttle: Throttle<string>, kind: string, count: number) {
  return Array.from({ length: count }, (_, at) =>
    throttle.admits(kind, `${kind}${at}`),
  ).filter(Boolean).length;
}

describe("the throttle", () => {
  it("lets a few of a kind through, and tells how many more there were", () => {
    const { clock, throttle, told } = throttled();
    expect(admitted(throttle, "a", 1_000)).toBe(5);
    clock.move(9_999);
    expect(told).toEqual([]);
    clock.move(1);
    expect(told).toEqual([["a999", 995, 10_000]]);
  });

  it("begins anew after the window, and says nothing of what was all told", () => {
    const { clock, throttle, told } = throttled();
    expect(admitted(throttle, "a", 5)).toBe(5);
    clock.move(10_000);
    expect(told).toEqual([]);
    expect(admitted(throttle, "a", 6)).toBe(5);
    clock.move(10_000);
    expect(told).toEqual([["a5", 1, 10_000]]);
    expect(clock.waiting).toBe(0);
  });

  it("lets one kind not hide another", () => {
    const { throttle } = throttled();
    expect(admitted(throttle, "a", 100)).toBe(5);
    expect(admitted(throttle, "b", 100)).toBe(5);
  });

  it("keeps no more than it can, however many kinds there are", () => {
    const { clock, throttle, told } = throttled();
    let lines = 0;
    for (let kind = 0; kind < 10_000; kind++)
      lines += admitted(throttle, String(kind), 1);
    expect(lines).toBe(64 + 5);
    expect(clock.waiting).toBe(65);
    clock.move(10_000);
    expect(told).toEqual([["99990", 10_000 - 69, 10_000]]);
  });

  it("tells what is left when it is stopped, once", () => {
    const { clock, throttle, told } = throttled();
    admitted(throttle, "a", 7);
    clock.move(2_000);
    throttle.stop();
    throttle.stop();
    clock.move(60_000);
    expect(told).toEqual([["a6", 2, 2_000]]);
    expect(clock.waiting).toBe(0);
  });
});
