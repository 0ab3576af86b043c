import { fc, test } from "@fast-check/vitest";
import { expect, it } from "vitest";
import { TopicTable } from "../../../src/topics/topic-table.ts";
import {
  bytesOf,
  contentOf,
  SharedFrames,
} from "../../../src/topics/shared-frames.ts";

test.prop([
  fc.array(
    fc.record({
      isAdded: fc.boolean(),
      topic: fc.string({ maxLength: 8 }),
      shard: fc.nat({ max: 2 }),
    }),
  ),
  fc.nat({ max: 2 ** 32 - 1 }),
])(
  "a table never denies a subscriber, also seen from another thread",
  (steps, seed) => {
    const table = TopicTable.create(3, seed);
    const elsewhere = TopicTable.over(table.buffer);
    const truth = new Set<string>();
    for (const { isAdded, topic, shard } of steps) {
      const key = JSON.stringify([topic, shard]);
      if (isAdded === truth.has(key)) continue;
      if (isAdded) {
        truth.add(key);
        table.add(table.slotOf(topic), shard);
      } else {
        truth.delete(key);
        table.remove(table.slotOf(topic), shard);
      }
    }
    for (const key of truth) {
      const [topic, shard] = JSON.parse(key) as [string, number];
      expect(elsewhere.has(elsewhere.slotOf(topic), shard)).toBe(true);
    }
    table.clear(1);
    const slots = [...truth].map((key) => {
      const [topic] = JSON.parse(key) as [string];
      return table.slotOf(topic);
    });
    expect(slots.every((slot) => !elsewhere.has(slot, 1))).toBe(true);
  },
);

it("a table spreads topics that are alike over its slots", () => {
  const table = TopicTable.create(1, 42);
  const slots = new Set(
    Array.from({ length: 10_000 }, (_, index) =>
      table.slotOf(`/chat/${index}`),
    ),
  );
  // Of 10,000 in 131,072 slots about 370 share one, were they thrown at random.
  expect(slots.size).toBeGreaterThan(9_400);
});

test.prop([
  fc.array(fc.tuple(fc.nat({ max: 70_000 }), fc.boolean()), { maxLength: 20 }),
])("frames keep what they carry, wherever they lie", (messages) => {
  const frames = new SharedFrames();
  const made = messages.map(([length, isBinary], index) => {
    const payload = Buffer.alloc(length, `${index} `);
    return {
      payload,
      isBinary,
      frame: frames.frame(payload, length, isBinary),
    };
  });
  for (const { payload, isBinary, frame } of made) {
    const content = contentOf(bytesOf(frame));
    expect(content.isBinary).toBe(isBinary);
    expect(content.payload.equals(payload)).toBe(true);
  }
});

it("does not forget a subscriber where there were too many to be counted", () => {
  const table = TopicTable.create(1, 1);
  const tooMany = 2 ** 16;
  for (let count = 0; count < tooMany; count++) table.add(7, 0);
  for (let count = 0; count < tooMany - 1; count++) table.remove(7, 0);
  expect(table.has(7, 0)).toBe(true);
});
