import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ShardStatus, Status } from "../../../src/admin/api.ts";
import { StatusPoller } from "../../../src/admin/status-poller.ts";
import { Streams } from "../../../src/admin/streams.ts";

const IDLE_MS = 5_000;

/** A server that has received so many messages, and accepts one connection a second. */
function statusAt(at: number, messagesIn: number): Status {
  const shard = { states: { "open.healthy": 3 }, messagesIn, messagesOut: 0 };
  return {
    at,
    ledger: { accepted: at / 1_000 },
    shards: [shard as unknown as ShardStatus],
  } as unknown as Status;
}

function stage() {
  let messages = 0;
  const poller = new StatusPoller({
    server: { shards: [] },
    streams: new Streams(),
    read: () => statusAt(Date.now(), messages),
    happened: () => [],
    tellShard() {},
  });
  const receive = (count: number): void => void (messages += count);
  return { poller, receive };
}

describe("the history of a server at which nobody looks", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("has a sample every five seconds, with rates, and without what is not measured", () => {
    const { poller, receive } = stage();
    poller.start();
    receive(100);
    vi.advanceTimersByTime(IDLE_MS);
    expect(poller.history.samples).toEqual([
      {
        at: Date.now(),
        states: { "open.healthy": 3 },
        acceptsPerSecond: 1,
        messagesInPerSecond: 20,
        messagesOutPerSecond: 0,
        loopDelayP99Ms: undefined,
      },
    ]);
    vi.advanceTimersByTime(2 * IDLE_MS);
    expect(poller.history.samples).toHaveLength(3);
    poller.end(statusAt(Date.now(), 0));
    expect(vi.getTimerCount()).toBe(0);
  });

  it("goes back ten minutes and no further", () => {
    const { poller } = stage();
    poller.start();
    vi.advanceTimersByTime(3_600_000);
    const ages = poller.history.samples.map(({ at }) => Date.now() - at);
    expect(ages[0]).toBe(600_000);
    expect(ages).toHaveLength(121);
    poller.end(statusAt(Date.now(), 0));
  });
});
