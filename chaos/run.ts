/**
 * Soak and chaos: load, random faults of clients, deaths, drains and moves of
 * shards, processes that take over from each other, NATS that comes and goes,
 * no descriptor left, for as long as one likes; then SIGTERM, and the ledgers of
 * all processes have to add up.
 *
 *     npm run chaos -- --minutes 20
 */
import { setTimeout as after } from "node:timers/promises";
import {
  type Descriptors,
  descriptorsOf,
} from "../property-tests/histories/descriptors.ts";
import { Generations } from "../property-tests/histories/generations.ts";
import { NatsServer } from "../test/real/cluster/nats-server.ts";
import { ensureSystemPackages } from "../test/support/system-packages.ts";
import { until } from "../test/support/within.ts";
import { faults, liveOnce, Tally } from "./client.ts";
import { Dice } from "./dice.ts";
import { operate } from "./operator.ts";
import { type ChaosOptions, readOptions, USAGE } from "./options.ts";
import { findFaults } from "./verdict.ts";
import { Vitals } from "./vitals.ts";

const SERVICE = new URL("service.ts", import.meta.url).href;
/** Beside the connections, for all the shards of two versions. */
const DESCRIPTORS_BESIDES = 200;
const END_MS = 60_000;
/** Of a run, a process has so much; the shortest lives are for the tests, in the longest it is seen what settles. */
const LIFE_SHARE = 1 / 8;
const LIFE_MS = { least: 6_000, most: 150_000 };

const flags = [
  ...["--shutdown-deadline", "3s", "--close-deadline", "1s"],
  ...["--handshake-deadline", "1s", "--heartbeat-interval", "2s"],
  ...["--pong-deadline", "1s", "--congestion-deadline", "2s"],
  ...["--high-water-mark", "256KiB", "--low-water-mark", "64KiB"],
  ...["--blocked-after", "300ms", "--trial", "200ms"],
  // So slowly that a shutdown can be called off in the middle of it.
  ...["--close-rate", "100"],
];

/** One client after the other, until the signal. */
async function keepComing(
  { port }: Generations,
  dice: Dice,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) await liveOnce(port, dice.pick(faults), dice, tally);
}

/** Of a process without clients. */
async function descriptorsAtRest(
  generations: Generations,
): Promise<Descriptors> {
  let found: Descriptors = {};
  let live = 0;
  try {
    await until(
      "no connection is left",
      async () => {
        live = (await generations.standing()).connections;
        found = descriptorsOf(generations.current);
        // One leads to NATS.
        return live === 0 && (found["tcp"] ?? 0) <= 1;
      },
      END_MS,
    );
  } catch (cause) {
    const has = JSON.stringify(found);
    throw new Error(`${live} connections are counted, held are ${has}`, {
      cause,
    });
  }
  return found;
}

function lifeOf(durationMs: number): number {
  const share = durationMs * LIFE_SHARE;
  return Math.min(LIFE_MS.most, Math.max(LIFE_MS.least, share));
}

/** @returns whether everything added up */
async function run(options: ChaosOptions): Promise<boolean> {
  const { minutes, clients, workers, seed } = options;
  await ensureSystemPackages(["nats-server"]);
  const nats = await NatsServer.launch();
  const mostDescriptors = clients * 2 + DESCRIPTORS_BESIDES;
  const generations = await Generations.start({
    args: [...flags, "--workers", String(workers), "--nats", nats.url],
    module: () => `export { default } from ${JSON.stringify(SERVICE)};\n`,
    mostDescriptors,
  });
  try {
    const before = await descriptorsAtRest(generations);
    const tally = new Tally();
    const dice = new Dice(seed);
    const ending = new AbortController();
    console.log(
      `chaos for ${minutes} min: ${clients} clients, ${workers} shards, seed ${seed}`,
    );
    const vitals = new Vitals(() => generations.current);
    const operator = operate(
      {
        ...{ generations, nats, dice: new Dice(seed + 1) },
        flood: mostDescriptors,
        leastLifeMs: lifeOf(minutes * 60_000),
      },
      ending.signal,
    );
    const crowd = Array.from({ length: clients }, () =>
      keepComing(generations, dice, tally, ending.signal),
    );
    await after(minutes * 60_000);
    ending.abort();
    const deeds = await operator;
    vitals[Symbol.dispose]();
    await Promise.all(crowd);
    const remains = await descriptorsAtRest(generations);
    generations.signal(generations.current, "SIGTERM");
    await until("no process is left", () => generations.isGone, END_MS);
    const { reports, ends } = generations;
    const found = findFaults({
      ...{ reports, ends, tally, before, remains, deeds },
      hasRunShort: generations.log.some(
        ({ event }) => event === "descriptors-scarce",
      ),
      growth: vitals.findGrowth(),
    });
    console.log(
      JSON.stringify(
        {
          clients: tally,
          processes: reports.map((report) => ({
            reason: report.reason,
            opened: report.opened,
            movedIn: report.movedIn,
            movedOut: report.movedOut,
            outcomes: report.outcomes,
            killed: report.shardsKilled,
            crashed: report.shardsCrashed,
          })),
          operator: deeds,
          vitals: vitals.summary,
        },
        undefined,
        2,
      ),
    );
    for (const fault of found) console.log(`FAULT: ${fault}`);
    if (found.length > 0) console.log(generations.lastWords);
    else console.log("the ledger adds up");
    return found.length === 0;
  } catch (error) {
    console.log(generations.lastWords);
    throw error;
  } finally {
    await generations.dispose();
    await nats.end();
  }
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") console.log(USAGE);
  else process.exitCode = (await run(options)) ? 0 : 1;
} catch (error) {
  console.error(error instanceof TypeError ? error.message : error);
  process.exitCode = 2;
}
