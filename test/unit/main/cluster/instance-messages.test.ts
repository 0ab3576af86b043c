import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { HeldMessages } from "../../../../src/main/cluster/held-messages.ts";
import {
  IncomingSequences,
  OutgoingSequences,
} from "../../../../src/main/cluster/sequences.ts";
import {
  decodeMessage,
  encodeMessage,
  Subjects,
} from "../../../../src/main/cluster/instance-messages.ts";

describe("a topic's subject", () => {
  const subjects = new Subjects("blue");

  it("is legible where the topic is", () => {
    expect(subjects.topic("/chat/lobby")).toBe("sluice.blue.topic./chat/lobby");
    expect(subjects.topic("a.b *>=\u0000")).toBe(
      "sluice.blue.topic.a=2Eb=20=2A=3E=3D=00",
    );
  });

  test.prop([fc.string({ unit: "binary", maxLength: 2_000 })])(
    "is one token that NATS takes, whatever the topic",
    (topic) => {
      expect(subjects.topic(`x${topic}`)).toMatch(
        /^sluice\.blue\.topic\.[!#-)+,/-=?-~-]{1,520}$/,
      );
    },
  );

  test.prop([fc.string({ unit: "binary" }), fc.string({ unit: "binary" })])(
    "differs for two topics that differ",
    (one, two) => {
      fc.pre(Buffer.from(one).compare(Buffer.from(two)) !== 0);
      expect(subjects.topic(one)).not.toBe(subjects.topic(two));
    },
  );
});

describe("a message between instances", () => {
  test.prop([
    fc.uint8Array({ maxLength: 300 }),
    fc.boolean(),
    fc.nat({ max: 2 ** 32 - 1 }),
  ])("is read as it was written", (bytes, isBinary, sequence) => {
    const payload = Buffer.from(bytes);
    const message = { tag: "0123456789abcdef", sequence, isBinary, payload };
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  test.prop([fc.uint8Array({ maxLength: 12 })])(
    "is refused when it is too short to be one",
    (bytes) => {
      expect(decodeMessage(bytes)).toBeUndefined();
    },
  );
});

describe("numbers of messages", () => {
  it("tell how many did not come, for each process and topic", () => {
    const incoming = new IncomingSequences();
    const arrived = (tag: string, sequence: number): number =>
      incoming.arrived("news", tag, sequence);
    // Whatever came before one subscribed was not missed.
    expect(arrived("one", 7)).toBe(0);
    expect(arrived("one", 8)).toBe(0);
    expect(arrived("two", 0)).toBe(0);
    expect(arrived("one", 12)).toBe(3);
    expect(arrived("two", 1)).toBe(0);
    // A process that has forgotten its numbers begins anew.
    expect(arrived("one", 0)).toBe(0);
    incoming.forget("news");
    expect(arrived("two", 9)).toBe(0);
  });

  test.prop([
    fc.array(
      fc.record({ topic: fc.constantFrom("a", "b"), isLost: fc.boolean() }),
    ),
  ])(
    "missed and arrived are what was sent, up to the last that arrived",
    (sent) => {
      const outgoing = new OutgoingSequences();
      const incoming = new IncomingSequences();
      const counts = new Map<
        string,
        { seen: number; missed: number; last: number }
      >();
      for (const { topic, isLost } of [
        { topic: "a", isLost: false },
        { topic: "b", isLost: false },
        ...sent,
      ]) {
        const sequence = outgoing.next(topic);
        if (isLost) continue;
        const count = counts.get(topic) ?? { seen: 0, missed: 0, last: 0 };
        counts.set(topic, count);
        count.missed += incoming.arrived(topic, "one", sequence);
        count.seen++;
        count.last = sequence;
      }
      for (const { seen, missed, last } of counts.values())
        expect(seen + missed).toBe(last + 1);
    },
  );
});

describe("messages held back", () => {
  test.prop([fc.array(fc.nat({ max: 50 }), { maxLength: 100 })])(
    "never exceed their bound, keep their order, and are all accounted for",
    (lengths) => {
      const held = new HeldMessages(100);
      for (const [index, length] of lengths.entries()) {
        held.add(String(index), Buffer.alloc(length));
        expect(held.bytes).toBeLessThanOrEqual(100);
      }
      const taken: number[] = [];
      for (let next = held.take(); next !== undefined; next = held.take())
        taken.push(Number(next.subject));
      // The oldest have gone: what is left is the end of what there was.
      expect(taken).toEqual(
        lengths.map((_, index) => index).slice(lengths.length - taken.length),
      );
      expect(taken.length + held.givenUp).toBe(lengths.length);
      expect(held.bytes).toBe(0);
    },
  );

  it("do not take one that is larger than the bound", () => {
    const held = new HeldMessages(10);
    held.add("kept", Buffer.alloc(10));
    held.add("too large", Buffer.alloc(11));
    expect(held.size).toBe(1);
    expect(held.givenUp).toBe(1);
  });
});
