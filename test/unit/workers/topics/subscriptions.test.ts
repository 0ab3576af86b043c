import { describe, expect, it } from "vitest";
import { ShardCounters } from "../../../../src/protocol/shard-counters.ts";
import { TopicTable } from "../../../../src/topics/topic-table.ts";
import {
  type Subscriber,
  Subscriptions,
} from "../../../../src/workers/topics/subscriptions.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

/** Of the two shards that share the table. */
const [OTHER, HERE] = [0, 1];

class Listener extends FakeConnection implements Subscriber {
  readonly subscriptions = null;
  readonly compressor = null;
  readonly bufferedBytes = 0;
  heardUntil = 0;
  messagesOut = 0;
  droppedMessages = 0;
  readonly writer = { bytes: () => {} };

  drained(): Promise<void> {
    return Promise.resolve();
  }

  messagesDropped(): void {}
}

function stage() {
  const table = TopicTable.create(2, 1);
  const heard: string[] = [];
  const counters = new ShardCounters();
  const subscriptions = new Subscriptions<Listener>(
    table,
    HERE,
    counters,
    (topic, isWanted) =>
      heard.push(`${topic} is ${isWanted ? "wanted" : "not wanted"}`),
  );
  const isWanted = (topic: string, shard = HERE): boolean =>
    table.has(table.slotOf(topic), shard);
  const [ann, bob] = [new Listener(1), new Listener(2)];
  return { counters, table, subscriptions, heard, isWanted, ann, bob };
}

describe("the subscriptions of a shard", () => {
  it("know who subscribes to a topic", () => {
    const { subscriptions, ann, bob } = stage();
    subscriptions.add("room", ann);
    subscriptions.add("room", bob);
    subscriptions.add("hall", bob);
    const room = subscriptions.get("room");
    expect(room?.name).toBe("room");
    expect([...(room?.subscribers ?? [])]).toEqual([ann, bob]);
    expect([...(subscriptions.get("hall")?.subscribers ?? [])]).toEqual([bob]);
    expect(subscriptions.get("cellar")).toBeUndefined();
  });

  it("are counted, each once, for whoever looks", () => {
    const { counters, subscriptions, ann, bob } = stage();
    const counts = () => [
      counters.get("topics"),
      counters.get("subscriptions"),
    ];
    subscriptions.add("room", ann);
    subscriptions.add("room", ann);
    subscriptions.add("room", bob);
    subscriptions.add("hall", bob);
    expect(counts()).toEqual([2, 3]);
    subscriptions.delete("room", ann);
    subscriptions.delete("room", ann);
    subscriptions.delete("hall", bob);
    expect(counts()).toEqual([1, 1]);
    subscriptions.delete("room", bob);
    expect(counts()).toEqual([0, 0]);
  });

  it("are seen by the other threads from the first subscriber to the last", () => {
    const { subscriptions, isWanted, ann, bob } = stage();
    subscriptions.add("room", ann);
    subscriptions.add("room", bob);
    expect([isWanted("room"), isWanted("room", OTHER)]).toEqual([true, false]);
    subscriptions.delete("room", ann);
    expect(isWanted("room")).toBe(true);
    subscriptions.delete("room", bob);
    expect(isWanted("room")).toBe(false);
    expect(subscriptions.get("room")).toBeUndefined();
  });

  it("are told of once: the first who comes, and the last who leaves", () => {
    const { subscriptions, heard, ann, bob } = stage();
    subscriptions.add("room", ann);
    subscriptions.add("room", bob);
    expect(heard.splice(0)).toEqual(["room is wanted"]);
    subscriptions.delete("room", bob);
    expect(heard).toEqual([]);
    subscriptions.delete("room", ann);
    expect(heard.splice(0)).toEqual(["room is not wanted"]);
    subscriptions.add("room", bob);
    expect(heard).toEqual(["room is wanted"]);
  });

  it("are not touched by whoever leaves without having come", () => {
    const { table, subscriptions, heard, isWanted, ann, bob } = stage();
    subscriptions.delete("room", bob);
    subscriptions.add("room", ann);
    subscriptions.delete("room", bob);
    subscriptions.delete("hall", ann);
    expect([isWanted("room"), table.sumOf(HERE)]).toEqual([true, 1]);
    expect([...(subscriptions.get("room")?.subscribers ?? [])]).toEqual([ann]);
    expect(heard).toEqual(["room is wanted"]);
  });
});
