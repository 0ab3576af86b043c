/* oxlint-disable vitest/expect-expect -- laws are held by fc.assert */
import * as fc from "fast-check";
import { law, lives } from "sluice/testing/fast-check";
import { it } from "vitest";

it("counts on, wherever a connection goes", async () => {
  await fc.assert(
    lives({
      handlers: new URL("counter.ts", import.meta.url),
      shards: 2,
      maxSteps: 20,
      faults: ["slow", "reset", "move", "reload", "shutdown"],
      laws: [
        law("messages are counted on", ({ clients }) =>
          clients.every(({ texts }) =>
            texts.every((text, index) => text === `message ${index + 1}`),
          ),
        ),
      ],
    }),
    { numRuns: 100, seed: 1 },
  );
}, 60_000);
