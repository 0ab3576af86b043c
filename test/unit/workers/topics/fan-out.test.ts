import { describe, expect, it } from "vitest";
import type { DroppedMessages } from "../../../../src/handlers.ts";
import { ShardCounters } from "../../../../src/protocol/shard-counters.ts";
import { FanOut } from "../../../../src/workers/topics/fan-out.ts";
import type { Subscriber } from "../../../../src/workers/topics/subscriptions.ts";
import type { Publication } from "../../../../src/workers/websocket/compression.ts";
import { DeflatePool } from "../../../../src/workers/websocket/deflate-pool.ts";
import { SharedPins } from "../../../../src/workers/websocket/shared-pins.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";
import { frame, OPCODE } from "../../../../src/testing/frame-codec.ts";

const frames = ["hi", "yo"].map((text) =>
  frame(OPCODE.text, text, { isMasked: false }),
);
const bytes = Buffer.concat(frames);
const run = { bytes, frames, at: 2 };

/** A subscriber that reads nothing until it is let. */
class Listener extends FakeConnection implements Subscriber {
  readonly subscriptions = new Map<string, "drop" | "close">();
  compressor: Subscriber["compressor"] = null;
  bufferedBytes = 0;
  heardUntil = 0;
  messagesOut = 0;
  droppedMessages = 0;
  readonly written: Buffer[] = [];
  readonly missed: (readonly DroppedMessages[])[] = [];
  readonly writer = { bytes: (piece: Buffer) => void this.written.push(piece) };
  #caughtUp = Promise.withResolvers<void>();

  drained(): Promise<void> {
    return this.#caughtUp.promise;
  }

  messagesDropped(missed: readonly DroppedMessages[]): void {
    this.missed.push(missed);
  }

  /** Reads all of it; resolves once it has been told what it has missed. */
  async catchUp(): Promise<void> {
    this.bufferedBytes = 0;
    const { promise, resolve } = this.#caughtUp;
    this.#caughtUp = Promise.withResolvers();
    resolve();
    await promise;
  }
}

function stage() {
  const counters = new ShardCounters();
  const config = { highWaterMarkBytes: 100, maxBufferedBytes: 1_000 };
  const fanOut = new FanOut({
    counters,
    config,
    deflatePool: new DeflatePool(1_000),
    batcher: { pins: new SharedPins() },
  });
  const [one, two, three] = [1, 2, 3].map((number) => new Listener(number)) as [
    Listener,
    Listener,
    Listener,
  ];
  const topicNamed = (name: string) => ({
    name,
    slot: 0,
    messages: 0,
    dropped: 0,
    subscribers: new Set<Subscriber>([one, two, three]),
  });
  return { counters, fanOut, one, two, three, topicNamed };
}

describe("the delivery of a topic's messages", () => {
  it("writes the same bytes to all but who has published, and counts for each as for the shard", () => {
    const { counters, fanOut, one, two, three, topicNamed } = stage();
    fanOut.deliver(topicNamed("room"), run, three);
    expect([one, two, three].map(({ written }) => written)).toEqual([
      [bytes],
      [bytes],
      [],
    ]);
    expect([one, two, three].map((each) => each.messagesOut)).toEqual([
      2, 2, 0,
    ]);
    expect(counters.get("messagesOut")).toBe(4);
    expect(counters.get("bytesOut")).toBe(8);
  });

  it("counts nothing where nobody is left to be written to", () => {
    const { counters, fanOut, one, two, three, topicNamed } = stage();
    for (const each of [one, two, three]) each.end();
    fanOut.deliver(topicNamed("room"), run, null);
    expect([counters.get("messagesOut"), counters.get("bytesOut")]).toEqual([
      0, 0,
    ]);
  });

  it("leaves out who has heard it where it lived when it was posted", () => {
    const { counters, fanOut, one, two, three, topicNamed } = stage();
    one.heardUntil = run.at - 1;
    two.heardUntil = run.at;
    three.heardUntil = run.at + 1;
    fanOut.deliver(topicNamed("room"), run, null);
    const written = [one, two, three].map((each) => each.written.length);
    expect(written).toEqual([1, 0, 0]);
    expect(counters.get("messagesOut")).toBe(2);
  });

  it("writes no more to who has more than it may, whether or not its machine has heard", () => {
    const { fanOut, one, topicNamed } = stage();
    one.bufferedBytes = 1_001;
    fanOut.deliver(topicNamed("room"), run, null);
    expect(one.written).toEqual([]);
  });

  it("leaves out who is not open any more", () => {
    const { counters, fanOut, one, two, topicNamed } = stage();
    one.end();
    two.enter("closing");
    fanOut.deliver(topicNamed("room"), run, null);
    expect([...one.written, ...two.written]).toEqual([]);
    expect(counters.get("messagesOut")).toBe(2);
  });

  it("drops for a slow subscriber that wanted it so, and tells it once what it has missed of each topic", async () => {
    const { counters, fanOut, one, two, topicNamed } = stage();
    for (const topic of ["room", "hall"]) one.subscriptions.set(topic, "drop");
    one.bufferedBytes = 101;
    fanOut.deliver(topicNamed("room"), run, null);
    fanOut.deliver(topicNamed("room"), run, null);
    fanOut.deliver(topicNamed("hall"), run, null);
    expect(one.written).toEqual([]);
    expect(one.droppedMessages).toBe(6);
    expect(counters.get("messagesDropped")).toBe(6);
    expect(two.written).toHaveLength(3);
    await one.catchUp();
    expect(one.missed).toEqual([
      [
        { topic: "room", messages: 4 },
        { topic: "hall", messages: 2 },
      ],
    ]);
  });

  it("tells of what is missed later once more", async () => {
    const { fanOut, one, topicNamed } = stage();
    one.subscriptions.set("room", "drop");
    for (let time = 0; time < 2; time++) {
      one.bufferedBytes = 101;
      fanOut.deliver(topicNamed("room"), run, null);
      await one.catchUp();
    }
    const missed = [{ topic: "room", messages: 2 }];
    expect(one.missed).toEqual([missed, missed]);
  });

  it("drops for none that is within the mark, and for one that is congested whatever waits", () => {
    const { counters, fanOut, one, two, three, topicNamed } = stage();
    for (const each of [one, two, three])
      each.subscriptions.set("room", "drop");
    one.bufferedBytes = 100;
    two.enter("open.congested");
    fanOut.deliver(topicNamed("room"), run, null);
    expect([one, two, three].map(({ written }) => written.length)).toEqual([
      1, 0, 1,
    ]);
    expect(two.droppedMessages).toBe(2);
    expect(counters.get("messagesOut")).toBe(4);
  });

  it("tells nobody who has left meanwhile what was missed", async () => {
    const { fanOut, one, topicNamed } = stage();
    one.subscriptions.set("room", "drop");
    one.enter("open.congested");
    fanOut.deliver(topicNamed("room"), run, null);
    one.end();
    await one.catchUp();
    expect(one.missed).toEqual([]);
  });

  it("writes on to a slow one that takes all, up to the hard limit", () => {
    const { fanOut, one, two, topicNamed } = stage();
    one.subscriptions.set("room", "close");
    one.bufferedBytes = 1_000 - bytes.length;
    two.bufferedBytes = one.bufferedBytes + 1;
    two.subscriptions.set("room", "close");
    fanOut.deliver(topicNamed("room"), run, null);
    expect([one.written, two.written]).toEqual([[bytes], [bytes]]);
    expect(one.told).toEqual([]);
    expect(two.told).toEqual(["buffer.exceeded"]);
  });

  it("gives the same publication to all connections that are compressed, message by message", () => {
    const { fanOut, one, two, topicNamed } = stage();
    const given: Publication[] = [];
    for (const subscriber of [one, two])
      subscriber.compressor = {
        deliver: (publication) => void given.push(publication),
      };
    fanOut.deliver(topicNamed("room"), run, null);
    expect(given).toHaveLength(2);
    expect(given[0]).toBe(given[1]);
    expect(
      [...(given[0]?.messages ?? [])].map(
        ({ payload, isBinary }) =>
          `${isBinary ? "binary" : "text"} ${payload.toString()}`,
      ),
    ).toEqual(["text hi", "text yo"]);
    expect(one.written).toEqual([]);
  });
});
