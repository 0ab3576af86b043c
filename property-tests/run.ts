/**
 * Runs the property tests as long as one likes, and replays what they found.
 *
 *     npm run test:properties -- --runs 10000
 *     npm run test:properties -- --seed 42 --path 3:1 --law "never left"
 *     npm run test:properties -- machines
 */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

const USAGE = `npm run test:properties -- [folder or file ...] [flags]

Without a folder all laws are tried:

  machines            the statecharts, exhaustively and in simulated time
  server              the running server beside a model of its ledger
  server/races        one shard: who arrives first
  server/deaths       shards that die while they drain
  server/call-off     drains and shutdowns that are called off
  server/topics       subscribers, and what they are to hear
  handover            connections that move between shards
  histories           the real program through processes that replace each other
  http                upgrade requests, spoiled and cut
  simulation          the whole server in one thread, in virtual time
  frames              frame streams, good and broken

  --seeds N           the same as --runs, for lives in simulation
  --runs N            how often each law is tried (each has its own number otherwise)
  --seed S            where the random runs start (drawn and printed otherwise); --seed=-S below zero
  --path P            replay the counterexample that a failure named, with its seed
  --replay-path R     and the commands that a shrunk sequence had run
  --law TEXT          only the laws whose name contains this

  npm run test:properties -- server/races --runs 20000
  npm run test:properties -- --seed 42 --path 11 --law "whatever arrives first"`;

interface Wish {
  readonly folders: readonly string[];
  readonly law: string | undefined;
  readonly environment: Record<string, string>;
}

/** Reads the command line. @throws TypeError on a flag or a number that makes no sense. */
function read(commandLine: readonly string[]): Wish | "help" {
  const { values, positionals } = parseArgs({
    args: [...commandLine],
    allowPositionals: true,
    options: {
      runs: { type: "string" },
      seeds: { type: "string" },
      seed: { type: "string" },
      path: { type: "string" },
      "replay-path": { type: "string" },
      law: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help";
  const seed = values.seed ?? String(Math.floor(Math.random() * 0x7fff_ffff));
  const environment: Record<string, string> = {
    SLUICE_PROPERTY_SEED: wholeNumber("--seed", seed),
  };
  if (values.seeds !== undefined)
    environment["SLUICE_PROPERTY_RUNS"] = aboveZero("--seeds", values.seeds);
  if (values.runs !== undefined)
    environment["SLUICE_PROPERTY_RUNS"] = aboveZero("--runs", values.runs);
  if (values.path !== undefined)
    environment["SLUICE_PROPERTY_PATH"] = values.path;
  if (values["replay-path"] !== undefined)
    environment["SLUICE_PROPERTY_REPLAY_PATH"] = values["replay-path"];
  return {
    folders: positionals.map((folder) => join("property-tests", folder)),
    law: values.law,
    environment,
  };
}

function wholeNumber(flag: string, value: string): string {
  if (!/^-?\d+$/.test(value))
    throw new TypeError(`${flag} takes a whole number, got "${value}"`);
  return value;
}

function aboveZero(flag: string, value: string): string {
  if (/^[1-9]\d*$/.test(value)) return value;
  throw new TypeError(`${flag} takes a whole number above 0, got "${value}"`);
}

/** A pattern that matches the text and nothing else. */
function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

function run({ folders, law, environment }: Wish): void {
  const vitest = join(
    dirname(createRequire(import.meta.url).resolve("vitest/package.json")),
    "vitest.mjs",
  );
  const seed = environment["SLUICE_PROPERTY_SEED"] ?? "";
  console.log(`properties start from seed ${seed}`);
  const child = spawn(
    process.execPath,
    [
      vitest,
      "run",
      ...(folders.length > 0 ? folders : ["property-tests"]),
      ...(law === undefined ? [] : ["-t", literally(law)]),
    ],
    { stdio: "inherit", env: { ...process.env, ...environment } },
  );
  child.on("exit", (status) => {
    console.log(`properties started from seed ${seed}`);
    process.exitCode = status ?? 1;
  });
}

try {
  const wish = read(process.argv.slice(2));
  if (wish === "help") console.log(USAGE);
  else run(wish);
} catch (error) {
  console.error(`${(error as Error).message}\n\n${USAGE}`);
  process.exitCode = 2;
}
