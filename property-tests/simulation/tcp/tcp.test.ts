/* oxlint-disable vitest/valid-title, vitest/expect-expect -- the law's name is the title */
import * as fc from "fast-check";
import { describe, expect } from "vitest";
import { law } from "../../support/laws.ts";
import type { Act, Seen } from "./ends.ts";
import { LoopbackEnds } from "./loopback-ends.ts";
import { MemoryEnds } from "./memory-ends.ts";

const RUNS = 200;
const TIME_LIMIT_MS = 4_000;

const bytes = fc.integer({ min: 1, max: 2_000 });
const act = fc.oneof(
  fc.record({
    does: fc.constantFrom("server writes" as const, "peer writes" as const),
    bytes,
  }),
  fc.record({
    does: fc.constantFrom(
      "server pauses" as const,
      "server reads on" as const,
      "server ends" as const,
      "server destroys" as const,
      "server resets" as const,
      "peer ends" as const,
      "peer resets" as const,
    ),
  }),
);

async function play(acts: readonly Act[], seed: number): Promise<void> {
  const memory = new MemoryEnds(seed);
  const loopback = await LoopbackEnds.open();
  try {
    for (const each of acts) {
      memory.act(each);
      await memory.settled();
      const expected: Seen = memory.seen;
      loopback.act(each);
      await loopback.settled(expected);
      expect(loopback.seen, `after: ${each.does}`).toEqual(expected);
    }
  } finally {
    await loopback.close();
    await memory.close();
  }
}

describe("a socket in memory", () => {
  law(
    "tells of a connection what one over loopback tells, in the same order",
    fc.asyncProperty(
      fc.array(act, { minLength: 1, maxLength: 8 }),
      fc.integer(),
      play,
    ),
    { runs: RUNS, timeLimitMs: TIME_LIMIT_MS },
  );
});
