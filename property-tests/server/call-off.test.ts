import * as fc from "fast-check";
import { describe } from "vitest";
import { until, within } from "../../test/support/within.ts";
import { law } from "../support/laws.ts";
import { lookAround, nothingLeft } from "../support/remains.ts";
import { LedgerModel, type Member } from "./ledger-model.ts";
import { SHARDS, World } from "./world.ts";

/** Longer than the steps in which connections are told, so that its reply comes after the next one. */
const SLOW = "/slow?ms=150";

interface Plan {
  readonly what: "drain" | "shutdown";
  readonly clients: number;
  /** It is called off once so many have been told. */
  readonly told: number;
}

const plans: fc.Arbitrary<Plan> = fc
  .record({
    what: fc.constantFrom("drain" as const, "shutdown" as const),
    clients: fc.integer({ min: 4, max: 12 }),
    share: fc.double({ min: 0, max: 0.5, noNaN: true }),
  })
  .map(({ what, clients, share }) => ({
    what,
    clients,
    told: Math.floor(share * clients),
  }));

/** Begins to tell everyone; gives what calls it off, and says whether it came in time. */
function begin(world: World, what: Plan["what"]): () => Promise<boolean> {
  if (what === "drain") {
    const drain = world.server.drain();
    return async () => {
      drain.callOff();
      return (await drain.done).wasCalledOff;
    };
  }
  const ended = world.server.shutdown().then(
    () => false,
    () => true,
  );
  return async () => world.server.callOff() && (await ended);
}

async function callOff({ what, clients, told }: Plan): Promise<void> {
  const before = lookAround();
  const world = await World.create();
  try {
    const model = new LedgerModel(SHARDS);
    const members: Member[] = [];
    for (let i = 0; i < clients; i++)
      members.push(await world.open(model, SLOW));
    const callItOff = begin(world, what);
    await until(
      `${told} are told`,
      () => told === 0 || world.told(members).length >= told,
    );
    const isCalledOff = await within("the call-off", callItOff());
    if (!isCalledOff) return;
    await until("it listens", () => world.server.state === "listening");
    const gone = await world.toldUntilNow(members);
    const staying = members.filter((member) => !gone.includes(member));
    for (const member of staying) world.clientOf(member).ask();
    for (const member of staying) await world.clientOf(member).answered();
    const late = world.told(staying);
    if (late.length > 0)
      throw new Error(`${late.length} were told after it was called off`);
  } finally {
    await world.dispose();
  }
  await nothingLeft(before);
}

describe("what is called off", () => {
  law(
    "tells nobody any more, and whoever was not told is served on",
    fc.asyncProperty(plans, callOff),
    { runs: 12, timeLimitMs: 10_000 },
  );
});
