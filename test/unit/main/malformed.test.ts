import { expect, it } from "vitest";
import { Malformed } from "../../../src/main/malformed.ts";
import { channels } from "../../../src/protocol/channels.ts";
import { overhear } from "../../support/diagnostics.ts";

it("counts all that was dropped, and speaks of a border that is flooded every ten seconds", () => {
  let now = 0;
  const { messages } = overhear(channels.server);
  const malformed = new Malformed(() => now);
  for (let count = 0; count < 1_000; count++)
    malformed.dropped("instance", "a message to a topic");
  malformed.dropped("shard", "a message");
  now = 10_000;
  malformed.dropped("instance", "an answer to a count");
  expect(malformed.counts).toEqual({ shard: 1, instance: 1_001, process: 0 });
  expect(messages).toEqual([
    {
      event: "malformed",
      border: "instance",
      what: "a message to a topic",
      dropped: 1,
    },
    { event: "malformed", border: "shard", what: "a message", dropped: 1 },
    {
      event: "malformed",
      border: "instance",
      what: "an answer to a count",
      dropped: 1_000,
    },
  ]);
});
