import { it } from "node:test";
import * as fc from "fast-check";
import { lives } from "sluice/testing/fast-check";
import { prices } from "./prices.ts";

it("listens for nobody who has gone", () =>
  fc.assert(
    lives({
      handlers: new URL("ticker.ts", import.meta.url),
      shards: 2,
      messages: fc.nat(99).map(String),
      maxSteps: 20,
      faults: ["slow", "reset", "end", "move", "reload", "shutdown"],
      gauges: { listeners: () => prices.listenerCount("price") },
    }),
    { numRuns: 100, seed: 1 },
  ));
