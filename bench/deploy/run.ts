/**
 * Shows at full size that nobody notices a handover, and what clients see of a
 * deployment elsewhere; the figures go into docs/handover.md.
 *
 *     npm run handover
 *     npm run handover -- proof --reloads 100
 *     npm run handover -- histories --histories 20 --seed 42
 */
import { parseArgs } from "node:util";
import { plainTable } from "../report/table.ts";
import { readVersions, machineFacts } from "../measure/machine.ts";
import { deployTo, type DeployResult } from "./comparison.ts";
import { contenders } from "./contenders.ts";
import { type HistoriesOptions, playHistories } from "./histories.ts";
import { moveIdle } from "./idle.ts";
import { comparisonTable, proofTable } from "./page.ts";
import { prove, type ProofOptions } from "./proof.ts";
import { publish } from "./publish.ts";
import type { HandoverResults } from "./results.ts";

const USAGE = `Usage: npm run handover -- [proof] [histories] [idle] [comparison] [flags]

  --clients N      of the proof, the histories and the comparison (default 1000)
  --interval N     milliseconds between two messages of a client (default 100)
  --moves N        times that a shard is emptied, and the shards are evened out (default 10)
  --reloads N      (default 20)
  --upgrades N     (default 5)
  --histories N    random histories, each up to twelve operations (default 10)
  --seed S         of the histories (drawn and printed otherwise)
  --idle N         idle connections that move to another shard (default 10000)
  --publish        put the figures into docs/handover.md`;

const parts = ["proof", "histories", "idle", "comparison"] as const;
type Part = (typeof parts)[number];

interface Wish {
  readonly parts: readonly Part[];
  readonly proof: ProofOptions;
  readonly histories: HistoriesOptions;
  readonly idle: number;
  readonly isPublished: boolean;
}

/** @throws TypeError on what makes no sense. */
function read(commandLine: readonly string[]): Wish | "help" {
  const number = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args: [...commandLine],
    allowPositionals: true,
    options: {
      clients: number,
      interval: number,
      moves: number,
      reloads: number,
      upgrades: number,
      histories: number,
      seed: number,
      idle: number,
      publish: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const wanted = positionals.map((name) => {
    const part = parts.find((each) => each === name);
    if (part === undefined)
      throw new TypeError(`"${name}" is none of ${parts.join(", ")}`);
    return part;
  });
  const clients = wholeNumber("--clients", values.clients, 1_000);
  const intervalMs = wholeNumber("--interval", values.interval, 100);
  const drawn = Math.floor(Math.random() * 0x7fff_ffff);
  return {
    parts: wanted.length === 0 ? parts : wanted,
    histories: {
      ...{ clients, intervalMs },
      histories: wholeNumber("--histories", values.histories, 10),
      seed: wholeNumber("--seed", values.seed, drawn),
    },
    proof: {
      ...{ clients, intervalMs },
      moves: wholeNumber("--moves", values.moves, 10),
      reloads: wholeNumber("--reloads", values.reloads, 20),
      upgrades: wholeNumber("--upgrades", values.upgrades, 5),
    },
    idle: wholeNumber("--idle", values.idle, 10_000),
    isPublished: values.publish,
  };
}

function wholeNumber(
  flag: string,
  text: string | undefined,
  otherwise: number,
): number {
  if (text === undefined) return otherwise;
  if (!/^\d+$/.test(text))
    throw new TypeError(`${flag} takes a whole number, got "${text}"`);
  return Number(text);
}

async function compare(options: ProofOptions): Promise<DeployResult[]> {
  const results: DeployResult[] = [];
  for (const contender of contenders) {
    const why = contender.unavailable();
    if (why === undefined) results.push(await deployTo(contender, options));
    else console.error(`${contender.title}: left out, ${why}`);
  }
  return results;
}

async function run(wish: Wish): Promise<void> {
  const has = (part: Part): boolean => wish.parts.includes(part);
  const results: HandoverResults = {
    machine: machineFacts(),
    versions: readVersions(),
  };
  if (has("idle")) {
    results.idle = await moveIdle(wish.idle);
    console.log(results.idle);
  }
  if (has("proof")) {
    results.proof = await prove(wish.proof, ({ name, tookMs }) =>
      console.error(`${name}: ${Math.round(tookMs)} ms each`),
    );
    console.log(plainTable(proofTable(results.proof)));
  }
  if (has("histories")) {
    console.error(`histories start from seed ${wish.histories.seed}`);
    results.histories = await playHistories(wish.histories, (history, index) =>
      console.error(`${index}: ${String(history)}`),
    );
    console.log(results.histories);
  }
  if (has("comparison")) {
    results.comparison = await compare(wish.proof);
    console.log(plainTable(comparisonTable(results.comparison)));
  }
  if (wish.isPublished) await publish(results);
}

try {
  const wish = read(process.argv.slice(2));
  if (wish === "help") console.log(USAGE);
  else await run(wish);
} catch (error) {
  const isMisuse = error instanceof TypeError;
  console.error(isMisuse ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = isMisuse ? 2 : 1;
}
