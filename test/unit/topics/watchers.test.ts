import { expect, it } from "vitest";
import type { PresenceEvent, PresenceListener } from "../../../src/index.ts";
import { presenceTopic } from "../../../src/topics/rules.ts";
import { TopicTable } from "../../../src/topics/topic-table.ts";
import { Watchers } from "../../../src/topics/watchers.ts";

const EVENT: PresenceEvent = {
  type: "joined",
  topic: "news",
  connection: "c1",
  instance: "one",
};

it("tells everyone who watches, whatever a listener throws or rejects with", async () => {
  const failures: unknown[] = [];
  const heard: PresenceEvent[] = [];
  const watchers = new Watchers(
    TopicTable.create(1, 1),
    0,
    () => {},
    (error) => failures.push(error),
  );
  const thrown = new Error("thrown");
  const rejected = new Error("rejected");
  watchers.add("news", () => {
    throw thrown;
  });
  const rejects: unknown = () => Promise.reject(rejected);
  watchers.add("news", rejects as PresenceListener);
  watchers.add("news", (event) => heard.push(event));
  watchers.tell(EVENT);
  await Promise.resolve();
  expect(heard).toEqual([EVENT]);
  expect(failures).toEqual([thrown, rejected]);
});

it("wants nothing any more when the last who watched has ceased to", () => {
  const table = TopicTable.create(1, 1);
  const watchers = new Watchers(
    table,
    0,
    () => {},
    () => {},
  );
  const slot = table.slotOf(presenceTopic("news"));
  const ends = [1, 2].map(() => watchers.add("news", () => {}));
  ends[0]?.();
  ends[0]?.();
  expect(table.has(slot, 0)).toBe(true);
  ends[1]?.();
  expect(table.has(slot, 0)).toBe(false);
});
