import * as fc from "fast-check";
import { describe } from "vitest";
import { World } from "../server/world.ts";
import { law, replay } from "../support/laws.ts";
import { lookAround, nothingLeft } from "../support/remains.ts";
import * as travel from "./commands.ts";
import { Itinerary, options } from "./itinerary.ts";

const at = fc.nat(20);
const topics = fc.constantFrom("a", "b");
const moves = fc.constantFrom<travel.Move>("evacuate", "rebalance", "reload");

const commands: fc.Arbitrary<travel.TravelCommand>[] = [
  at.map((who) => new travel.Open(who)),
  at.map((who) => new travel.Open(who)),
  at.map((who) => new travel.Say(who)),
  fc.tuple(at, topics).map(([who, topic]) => new travel.Subscribe(who, topic)),
  fc.tuple(at, topics).map(([who, topic]) => new travel.Publish(who, topic)),
  at.map((who) => new travel.StopReading(who)),
  at.map((who) => new travel.KillShard(who)),
  fc
    .tuple(at, moves)
    .map(([who, move]) => new travel.Travel(who, move, "nothing")),
  fc
    .tuple(
      at,
      moves,
      fc.constantFrom<travel.Meanwhile>("close", "reset", "crash"),
    )
    .map(([who, move, meanwhile]) => new travel.Travel(who, move, meanwhile)),
];

/** So many are there when it begins. */
const CROWD = 6;

/** The shutdown comes while a shard is being emptied: everyone is told of it, on whichever shard. */
async function evacuateSome({ server }: World): Promise<void> {
  const [first] = server.stats().shards;
  await server.drain({ shard: first?.shard ?? 0, move: true }).done;
}

/** Plays a sequence on a new server and a new model, and then the shutdown. */
async function journey(
  sequence: Iterable<travel.TravelCommand>,
  endsMoving: boolean,
): Promise<void> {
  const before = lookAround();
  const world = await World.create(options);
  try {
    const model = new Itinerary();
    for (let count = 0; count < CROWD; count++)
      await new travel.Open(count).run(model, world);
    for (let count = 0; count < CROWD; count += 2)
      await new travel.Subscribe(count, "a").run(model, world);
    await fc.asyncModelRun(() => ({ model, real: world }), sequence);
    if (model.readers.length > 0)
      await new travel.Publish(CROWD - 1, "a").run(model, world);
    for (const member of model.readers)
      await model.travellerOf(member).answered();
    const moving = endsMoving ? evacuateSome(world) : undefined;
    await world.end(model);
    await moving;
  } finally {
    await world.dispose();
  }
  await nothingLeft(before);
}

describe("connections that move", () => {
  law(
    "have one owner, lose and repeat nothing, keep their subscriptions, and end with one outcome",
    fc.asyncProperty(
      fc.commands(commands, { size: "max", maxCommands: 10, ...replay() }),
      fc.boolean(),
      journey,
    ),
    { runs: 2, timeLimitMs: 15_000 },
  );
});
