import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Drains, narrowTarget } from "../../../src/main/drain.ts";
import type { Shard } from "../../../src/main/shards/shard.ts";
import type { DrainPlan, MainMessage } from "../../../src/protocol/messages.ts";

/** A shard as a drain sees it: what it is told is kept. */
class Told {
  readonly index: number;
  readonly heard: MainMessage[] = [];

  constructor(index: number) {
    this.index = index;
  }

  post(message: MainMessage): void {
    this.heard.push(message);
  }
}

const planOf = (turn: number): DrainPlan => ({
  deadline: 1_000,
  shards: 2,
  turn,
  closeCode: 1001,
  rate: "unlimited",
  retryMinMs: 0,
  retrySpreadMs: "auto",
});

function stage() {
  const drains = new Drains();
  const [one, two] = [new Told(3), new Told(5)];
  let resumed = 0;
  const start = (shards: readonly Told[] = [one, two], pathPrefix = "/a") =>
    drains.start(
      shards as unknown as readonly Shard[],
      { pathPrefix },
      planOf,
      () => resumed++,
    );
  const notified = (shard: Told, drain: number, count: number): void =>
    drains.take(shard.index, { type: "notified", drain, notified: count });
  const drained = (shard: Told, drain: number): void =>
    drains.take(shard.index, { type: "drained", drain });
  return {
    ...{ drains, one, two, start, notified, drained },
    resumed: () => resumed,
  };
}

/** Whether a promise has settled by now. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  void promise.then(() => {
    isSettled = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  return isSettled;
}

describe("a drain of several shards", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is told to each of them, in its turn", () => {
    const { one, two, start } = stage();
    start();
    expect([one.heard, two.heard]).toEqual(
      [0, 1].map((turn) => [
        {
          type: "drain",
          drain: 1,
          filter: { pathPrefix: "/a" },
          plan: planOf(turn),
        },
      ]),
    );
  });

  it("is done when the last of them is, with the sum of those who were told", async () => {
    const { one, two, start, notified, drained } = stage();
    await vi.advanceTimersByTimeAsync(1_000);
    const { done } = start();
    notified(one, 1, 3);
    await vi.advanceTimersByTimeAsync(400);
    drained(one, 1);
    drained(one, 1);
    expect(await hasSettled(done)).toBe(false);
    notified(two, 1, 4);
    drained(two, 1);
    expect(await done).toEqual({
      notified: 7,
      moved: 0,
      refused: {},
      wasCalledOff: false,
      durationMs: 400,
    });
  });

  it("is done at once where no shard has any that are meant", async () => {
    const { start } = stage();
    const drain = start([]);
    expect(await drain.done).toMatchObject({
      notified: 0,
      wasCalledOff: false,
    });
    drain.callOff();
  });

  it("is its own, beside others of the same shards", async () => {
    const { one, two, start, notified, drained } = stage();
    const [first, second] = [start(), start([one])];
    notified(one, 2, 9);
    drained(one, 2);
    expect(await second.done).toMatchObject({ notified: 9 });
    expect(await hasSettled(first.done)).toBe(false);
    for (const shard of [one, two]) drained(shard, 1);
    expect(await first.done).toMatchObject({ notified: 0 });
  });

  it("hears no shard of what it has never begun, or what is over", async () => {
    const { one, two, start, notified, drained } = stage();
    const { done } = start();
    notified(one, 2, 9);
    drained(one, 2);
    for (const shard of [one, two]) drained(shard, 1);
    expect(await done).toMatchObject({ notified: 0 });
    notified(one, 1, 9);
    drained(two, 1);
    expect(await done).toMatchObject({ notified: 0 });
  });

  it("is called off at each of them, and waits for those who were told", async () => {
    const { one, two, start, drained, notified, resumed } = stage();
    const drain = start();
    drain.callOff();
    for (const { heard } of [one, two])
      expect(heard.slice(1)).toEqual([{ type: "call-off", drain: 1 }]);
    expect(resumed()).toBe(1);
    notified(one, 1, 2);
    drained(one, 1);
    expect(await hasSettled(drain.done)).toBe(false);
    drained(two, 1);
    expect(await drain.done).toMatchObject({ notified: 2, wasCalledOff: true });
  });

  it("cannot be called off once it is done", async () => {
    const { one, start, drained, resumed } = stage();
    const drain = start([one]);
    drained(one, 1);
    expect(await drain.done).toMatchObject({ wasCalledOff: false });
    drain.callOff();
    expect([one.heard.length, resumed()]).toEqual([1, 0]);
  });

  it("does not wait for a shard whose thread is gone", async () => {
    const { drains, one, two, start, drained } = stage();
    const [both, other] = [start(), start([two])];
    drains.forget(one.index);
    expect(await hasSettled(both.done)).toBe(false);
    drained(two, 1);
    await both.done;
    expect(await hasSettled(other.done)).toBe(false);
  });

  it("is done when the server has ended", async () => {
    const { drains, one, start, notified } = stage();
    const both = [start(), start()];
    notified(one, 1, 5);
    drains.stop();
    expect(await both[0]?.done).toMatchObject({ notified: 5 });
    expect(await both[1]?.done).toMatchObject({ notified: 0 });
  });
});

describe("what a drain is aimed at", () => {
  it("is taken in words, and nothing that it does not know", () => {
    expect(
      narrowTarget({ shard: "2", move: "true", olderThanMs: "5m" }),
    ).toEqual({ shard: 2, move: true, olderThanMs: 300_000 });
    expect(narrowTarget(undefined)).toEqual({});
    expect(() => narrowTarget({ pathPrefx: "/a" })).toThrow(
      /^drain\(\): pathPrefx: no such option/,
    );
  });
});
