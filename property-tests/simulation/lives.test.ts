/* oxlint-disable vitest/valid-title, vitest/expect-expect -- the law's name is the title */
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  law as lawOfLives,
  lives,
  type LivesOptions,
} from "../../src/testing/fast-check.ts";
import { law } from "../support/laws.ts";
import { createService, orders } from "./service.ts";
import { type ShardWatch, watchShards } from "./shard-watch.ts";

vi.mock(import("../../src/workers/shard-context.ts"), async (original) => {
  const { ShardContext } = await original();
  const { watched } = await import("./shard-watch.ts");
  return { ShardContext: watched(ShardContext) };
});

/** What `npm test` has to see, on two cores. */
const LIVES = 300;
const CLUSTERED_LIVES = 25;
const MAX_STEPS = 70;
const LEAST_LIVES = 300;
/** On average; those of fewer say little, and are told apart. */
const LONG_STEPS = 200;
const TIME_LIMIT_MS = 90_000;

/** What was lived. */
const seen = {
  lives: 0,
  long: 0,
  steps: 0,
  moves: 0,
  looks: 0,
  rare: new Map<string, number>(),
};

/** A life of a service that uses everything there is. */
const life: LivesOptions<ShardWatch> = {
  handlers: createService,
  messages: fc.constantFrom(...orders),
  paths: fc.constantFrom("/", "/a", "/b"),
  variesOptions: true,
  maxSteps: MAX_STEPS,
  model: watchShards,
  laws: [
    lawOfLives("what a shard does at every moment", ({ model }) => {
      const breaches = model.conclude();
      if (breaches.length > 0) throw new Error(breaches.join("\n"));
      seen.moves += model.moves;
      seen.looks += model.looks;
    }),
  ],
  onEnd: ({ steps, rare }) => {
    for (const [branch, times] of Object.entries(rare))
      seen.rare.set(branch, (seen.rare.get(branch) ?? 0) + times);
    seen.lives++;
    if (steps >= LONG_STEPS) seen.long++;
    seen.steps += steps;
  },
};

describe("a server in simulation", () => {
  law(
    "keeps every law, whatever clients, operators and faults do",
    lives(life),
    { runs: LIVES, timeLimitMs: TIME_LIMIT_MS },
  );

  law(
    "keeps every law as one of several, whatever becomes of NATS",
    lives({ ...life, instances: 2 }),
    { runs: CLUSTERED_LIVES, timeLimitMs: TIME_LIMIT_MS },
  );

  it("has lived enough to say so", () => {
    console.log(
      `${seen.lives} lives of ${Math.round(seen.steps / seen.lives)} steps on average, ${seen.long} of at least ${LONG_STEPS}; ${seen.moves} moves of connections, ${seen.looks} looks at a shard`,
    );
    for (const [branch, times] of seen.rare) console.log(`${times}× ${branch}`);
    // Asked for less, they are what was asked for.
    if (Number(process.env["SLUICE_PROPERTY_RUNS"] ?? LIVES) < LIVES) return;
    expect([...seen.rare].filter(([, times]) => times === 0)).toEqual([]);
    expect(seen.lives).toBeGreaterThanOrEqual(LEAST_LIVES);
    expect(seen.steps / seen.lives).toBeGreaterThanOrEqual(LONG_STEPS);
  });
});
