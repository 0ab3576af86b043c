/**
 * Soak and chaos: load, random faults of clients, deaths and drains of shards,
 * for as long as one likes; then the shutdown, and the ledger has to add up.
 *
 *     npm run chaos -- --minutes 5
 */
import { setTimeout as after } from "node:timers/promises";
import { lookAround, nothingLeft } from "../property-tests/support/remains.ts";
import { serve, type SluiceServer } from "../src/index.ts";
import { SERVICE } from "../test/support/server.ts";
import { faults, liveOnce, Tally } from "./client.ts";
import { Dice } from "./dice.ts";
import { operate } from "./operator.ts";
import { type ChaosOptions, readOptions, USAGE } from "./options.ts";
import { findFaults } from "./verdict.ts";

const MIB = 1024 * 1024;

async function startServer(workers: number): Promise<SluiceServer> {
  return await serve({
    port: 0,
    workers,
    handlers: SERVICE,
    origins: "any",
    shutdownDeadlineMs: 3_000,
    closeDeadlineMs: 1_000,
    handshakeDeadlineMs: 1_000,
    heartbeatIntervalMs: 2_000,
    pongDeadlineMs: 1_000,
    congestionDeadlineMs: 2_000,
    highWaterMarkBytes: 256 * 1024,
    lowWaterMarkBytes: 64 * 1024,
    blockedAfterMs: 300,
  });
}

/** One client after the other, until the signal. */
async function keepComing(
  server: SluiceServer,
  dice: Dice,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted)
    await liveOnce(server.address.port, dice.pick(faults), dice, tally);
}

/** @returns whether everything added up */
async function run(options: ChaosOptions): Promise<boolean> {
  const { minutes, clients, workers, seed } = options;
  const before = lookAround();
  const server = await startServer(workers);
  const tally = new Tally();
  const dice = new Dice(seed);
  const ending = new AbortController();
  console.log(
    `chaos for ${minutes} min: ${clients} clients, ${workers} shards, seed ${seed}`,
  );
  const operator = operate(server, new Dice(seed + 1), ending.signal);
  const crowd = Array.from({ length: clients }, () =>
    keepComing(server, dice, tally, ending.signal),
  );
  const durationMs = minutes * 60_000;
  await after(durationMs / 4);
  const early = residentMb();
  await after((durationMs * 3) / 4);
  ending.abort();
  const deeds = await operator;
  const late = residentMb();
  const report = await server.shutdown({ reason: "the chaos is over" });
  await Promise.all(crowd);
  const faultsFound = findFaults({
    report,
    tally,
    remains: await nothingLeft(before).then(
      () => undefined,
      (error: Error) => error.message,
    ),
    memoryMb: [early, late],
  });
  const { accepted, opened, outcomes } = report;
  console.log(
    JSON.stringify(
      {
        clients: tally,
        server: { accepted, opened, outcomes, durationMs: report.durationMs },
        threads: { killed: report.shardsKilled, crashed: report.shardsCrashed },
        operator: deeds,
        memoryMb: { early, late },
      },
      undefined,
      2,
    ),
  );
  for (const fault of faultsFound) console.log(`FAULT: ${fault}`);
  if (faultsFound.length === 0) console.log("the ledger adds up");
  return faultsFound.length === 0;
}

function residentMb(): number {
  return Math.round(process.memoryUsage().rss / MIB);
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") console.log(USAGE);
  else process.exitCode = (await run(options)) ? 0 : 1;
} catch (error) {
  console.error(error instanceof TypeError ? error.message : error);
  process.exitCode = 2;
}
