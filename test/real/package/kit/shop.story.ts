import { it } from "node:test";
import * as fc from "fast-check";
import { lives } from "sluice/testing/fast-check";

it("answers every order, also while it is shut down", () =>
  fc.assert(
    lives({
      handlers: new URL("shop.ts", import.meta.url),
      messages: fc.constantFrom("tea", "milk"),
      maxSteps: 20,
      faults: ["slow", "reset", "shutdown"],
      model: () => new Map<string, number>(),
      accepted: (orders, { client }) => {
        if (client === undefined) return;
        orders.set(client.name, (orders.get(client.name) ?? 0) + 1);
      },
      laws: {
        "whoever reads to the end has read an answer to each order": ({
          clients,
          model,
        }) =>
          clients
            .filter(({ readToTheEnd }) => readToTheEnd)
            .every(
              ({ name, texts }) => texts.length === (model.get(name) ?? 0),
            ),
      },
    }),
    { numRuns: 100, seed: 1 },
  ));
