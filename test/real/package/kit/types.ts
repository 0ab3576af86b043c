/** What the compiler has to say of the kit's face. */
import * as fc from "fast-check";
import { perform, scenario, simulate } from "sluice/testing";
import { law, lives } from "sluice/testing/fast-check";

const handlers = new URL("echo.ts", import.meta.url);
await simulate({ handlers, seeds: 2 }, async ({ open }) => {
  const text: string = await (await open("/", { name: "ann" })).next();
  text.at(0);
});
await scenario({ handlers }, ({ time }) => time.advance(1)).perform();
lives({
  handlers,
  model: () => ({ best: 0 }),
  accepted: (model, { text }) => {
    model.best = Math.max(model.best, Number(text));
  },
  laws: { "is typed": ({ model }) => model.best >= 0 },
});
const isHeard = law("somebody is heard", ({ clients }) => clients.length > 0);
lives({ handlers, laws: [isHeard] });
// @ts-expect-error -- real threads cannot be given what lives in this one
await perform({ handlers: () => ({}) }, () => {});
// @ts-expect-error -- there is no such fault
lives({ handlers, faults: ["flood"], messages: fc.constant("") });
