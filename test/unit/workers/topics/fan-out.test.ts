import { describe, expect, it } from "vitest";
import { ShardCounters } from "../../../../src/protocol/shard-counters.ts";
import type { ShardContext } from "../../../../src/workers/shard-context.ts";
import { FanOut } from "../../../../src/workers/topics/fan-out.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

/** Two text frames without a mask, one behind the other (RFC 6455, 5.2). */
const bytes = Buffer.from([0x81, 2, 0x68, 0x69, 0x81, 2, 0x79, 0x6f]);
const run = { bytes, frames: [bytes.subarray(0, 4), bytes.subarray(4)] };

class Subscriber extends FakeConnection {
  readonly compressor = null;
  readonly bufferedBytes = 0;
  readonly written: Uint8Array[] = [];
  readonly writer = {
    bytes: (piece: Uint8Array): void => void this.written.push(piece),
  };
  messagesOut = 0;

  override has(tag: string): boolean {
    return tag === "open";
  }
}

describe("the delivery of a topic's messages", () => {
  it("counts for each subscriber as for the shard, and not for who published", () => {
    const counters = new ShardCounters();
    const config = { highWaterMarkBytes: 100, maxBufferedBytes: 1_000 };
    const fanOut = new FanOut({ counters, config } as unknown as ShardContext);
    const [one, two, publisher] = [1, 2, 3].map(
      (number) => new Subscriber(number),
    ) as [Subscriber, Subscriber, Subscriber];
    const subscribers = [one, two, publisher].map(({ asLive }) => asLive);
    fanOut.deliver(
      { name: "room", slot: 0, subscribers: new Set(subscribers) },
      run,
      publisher.asLive,
    );
    expect([one, two, publisher].map((each) => each.messagesOut)).toEqual([
      2, 2, 0,
    ]);
    expect(counters.get("messagesOut")).toBe(4);
  });
});
