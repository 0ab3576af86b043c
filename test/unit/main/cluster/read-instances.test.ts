import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import {
  LONGEST_RETURN_MS,
  readHolding,
  readInstance,
  readTally,
  readTopic,
} from "../../../../src/main/cluster/read-instances.ts";
import { decodePresence } from "../../../../src/topics/presence.ts";
import { isTopic, presenceTopic } from "../../../../src/topics/rules.ts";
import { INSTANCE } from "./instance-entry.ts";

const LIMITS = { maxTopicLengthBytes: 8 };

const asJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** Bytes, JSON of any kind, and what is almost right. */
const anything = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .dictionary(
      fc.constantFrom(
        ...Object.keys(INSTANCE),
        ...["count", "isComplete", "holder", "returningForMs", "__proto__"],
        ...["type", "topic", "connection", "instance"],
      ),
      fc.jsonValue(),
    )
    .map((fields) => asJson({ ...INSTANCE, ...fields })),
);

describe("what instances say of themselves", () => {
  it("is read as it was written, and nothing else of it", () => {
    const more = asJson({ ...INSTANCE, secret: "x" });
    expect(readInstance(more)).toEqual(INSTANCE);
  });

  it.each([
    ["acceptRate", undefined],
    ["acceptRate", 0],
    ["acceptRate", 0.001],
    ["acceptRate", "500"],
    ["acceptRate", 1_000_001],
    ["connections", -1],
    ["connections", 1.5],
    ["address", "\u001B[2J"],
    ["state", null],
    ["id", "x".repeat(513)],
  ])("is none when its %s is %j", (name, value) => {
    expect(
      readInstance(asJson({ ...INSTANCE, [name]: value })),
    ).toBeUndefined();
  });

  test.prop([anything])(
    "has the right shape or is none, whatever comes",
    (data) => {
      const instance = readInstance(data);
      if (instance === undefined) return;
      expect(Object.keys(instance)).toEqual(Object.keys(INSTANCE));
      expect(instance.acceptRate).toBeGreaterThanOrEqual(1);
      expect(instance.connections).toBeGreaterThanOrEqual(0);
    },
  );
});

describe("an answer to a count", () => {
  test.prop([anything])("is a count or none, whatever comes", (data) => {
    const tally = readTally(data) ?? { count: 0, isComplete: false };
    expect(Number.isSafeInteger(tally.count)).toBe(true);
    expect(tally.count).toBeGreaterThanOrEqual(0);
    expect(typeof tally.isComplete).toBe("boolean");
  });
});

describe("a turn to drain", () => {
  it("is held for an hour at most", () => {
    const forever = asJson({ holder: "x", returningForMs: 1e15 });
    expect(readHolding(forever)?.returningForMs).toBe(LONGEST_RETURN_MS);
  });

  test.prop([anything])("has a holder or is none, whatever comes", (data) => {
    const { holder, returningForMs = 0 } = readHolding(data) ?? { holder: "" };
    expect(typeof holder).toBe("string");
    expect(returningForMs).toBeGreaterThanOrEqual(0);
    expect(returningForMs).toBeLessThanOrEqual(LONGEST_RETURN_MS);
  });
});

describe("a topic that another instance counts", () => {
  test.prop([fc.uint8Array({ maxLength: 12 })])(
    "is one that could be subscribed to here, or none",
    (bytes) => {
      const topic = readTopic(bytes, LIMITS);
      if (topic === undefined) return;
      expect(Buffer.from(topic)).toEqual(Buffer.from(bytes));
      expect(isTopic(topic, LIMITS)).toBe(true);
      expect(bytes.length).toBeLessThanOrEqual(8);
    },
  );

  it("is read as it was sent", () => {
    expect(readTopic(Buffer.from("\uFEFFé"), LIMITS)).toBe("\uFEFFé");
  });
});

describe("presence of another instance", () => {
  const news = presenceTopic("news");
  const event = {
    type: "joined",
    topic: "news",
    connection: "c1",
    instance: "host-1",
  };

  it("is read as it was written, on its own topic only", () => {
    expect(decodePresence(news, asJson(event))).toEqual(event);
    expect(decodePresence(presenceTopic("x"), asJson(event))).toBeUndefined();
  });

  test.prop([
    fc.oneof(
      anything,
      fc
        .dictionary(fc.constantFrom(...Object.keys(event)), fc.jsonValue())
        .map((fields) => asJson({ ...event, ...fields })),
    ),
  ])("has the right shape or is none, whatever comes", (data) => {
    const read = decodePresence(news, data);
    if (read === undefined) return;
    expect(["joined", "left"]).toContain(read.type);
    expect(read.topic).toBe("news");
    expect(typeof read.connection).toBe("string");
    expect(typeof read.instance).toBe("string");
  });
});
