import * as fc from "fast-check";
import { describe } from "vitest";
import { law, replay } from "../support/laws.ts";
import { lookAround, nothingLeft } from "../support/remains.ts";
import * as client from "./commands/client-commands.ts";
import type { LedgerCommand } from "./commands/command.ts";
import * as operator from "./commands/operator-commands.ts";
import { LedgerModel } from "./ledger-model.ts";
import { SHARDS, World } from "./world.ts";

const at = fc.nat(20);
const codes = fc.constantFrom(1000, 1001, 1011, 3000, 4000, 4999);

/** What clients do, the usual more often than the rest. */
const ofClients: fc.Arbitrary<LedgerCommand>[] = [
  fc.nat(3).map((kind) => new client.Open(kind)),
  fc.nat(3).map((kind) => new client.Open(kind)),
  fc.nat(3).map((kind) => new client.Open(kind)),
  at.map((who) => new client.Send(who)),
  at.map((who) => new client.SendSlow(who)),
  at.map((who) => new client.Hang(who)),
  at.map((who) => new client.StopReading(who)),
  at.map((who) => new client.ReadOn(who)),
  at.map((who) => new client.Vanish(who)),
  at.map((who) => new client.HalfClose(who)),
  at.map((who) => new client.Reset(who)),
  fc.tuple(at, codes).map(([who, code]) => new client.Close(who, code)),
  at.map((who) => new client.BreakProtocol(who)),
  at.map((who) => new client.ResetUnheard(who)),
  fc.constant(new client.Knock()),
  fc.constant(new client.KnockAndRun()),
  fc.constant(new client.SpeakHttp()),
  fc.constant(new client.FindClosed()),
];

/** What the operator does, and what handlers do to their threads. */
const ofOperators: fc.Arbitrary<LedgerCommand>[] = [
  fc
    .nat(SHARDS - 1)
    .map((shard) => new operator.DrainSome({ kind: "shard", shard })),
  fc
    .constantFrom("/echo", "/slow", "/push", "/gated")
    .map((pathPrefix) => new operator.DrainSome({ kind: "path", pathPrefix })),
  fc.constant(new operator.DrainSome({ kind: "all" })),
  fc.boolean().map((isBegun) => new operator.CallOffDrain(isBegun)),
  fc.boolean().map((isBegun) => new operator.CallOffShutdown(isBegun)),
  fc.constant(new operator.Resume()),
  fc.constant(new operator.KillShard()),
];

const blocking = fc.constant<LedgerCommand>(new operator.BlockShard());

/** Runs a sequence on a new server and a new model, and then the shutdown. */
async function live(commands: Iterable<LedgerCommand>): Promise<void> {
  const before = lookAround();
  const world = await World.create();
  try {
    const model = new LedgerModel(SHARDS);
    await fc.asyncModelRun(() => ({ model, real: world }), commands);
    await world.end(model);
  } finally {
    await world.dispose();
  }
  await nothingLeft(before);
}

const options = { size: "max", maxCommands: 20, ...replay() } as const;

describe("the running server", () => {
  law(
    "keeps the ledger that a model keeps, whatever its clients do",
    fc.asyncProperty(fc.commands(ofClients, options), live),
    { runs: 10, timeLimitMs: 12_000 },
  );

  law(
    "keeps the ledger that a model keeps, whatever its clients and operators do",
    fc.asyncProperty(
      fc.commands([...ofClients, ...ofOperators, ...ofOperators], options),
      live,
    ),
    { runs: 15, timeLimitMs: 20_000 },
  );

  law(
    "keeps the ledger that a model keeps while a handler blocks a shard",
    fc.asyncProperty(
      fc.commands([...ofClients, ...ofOperators, blocking, blocking], options),
      live,
    ),
    { runs: 6, timeLimitMs: 12_000 },
  );
});
