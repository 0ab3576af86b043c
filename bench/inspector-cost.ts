/**
 * What an open inspector costs a server with very many idle connections, in
 * percent of one core: `node bench/inspector-cost.ts [connections] [seconds]`.
 *
 * The views do what the page does in a browser. Windows with and without them
 * take turns, so that what the machine does besides weighs on all alike.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { parseProcessStat } from "./measure/proc.ts";
import { median } from "./measure/statistics.ts";

const ROUNDS = 5;
const OPENING_AT_ONCE = 100;
/** As the page does with so many. */
const LIST_EVERY_MS = 5_000;
const PAGES_READ = 20;

const connections = Number(process.argv[2] ?? 10_000);
const windowMs = Number(process.argv[3] ?? 10) * 1000;

/** Ends what a view does, when it is aborted. */
type View = (base: string, signal: AbortSignal) => Promise<void>;

const views: Readonly<Record<string, View>> = {
  closed: async () => {},
  chart: (base, signal) => follow(`${base}/api/events`, signal),
  connections: async (base, signal) => {
    await Promise.all([
      follow(`${base}/api/events`, signal),
      list(`${base}/api/connections?limit=50&sort=path`, signal),
    ]);
  },
  "one connection": async (base, signal) => {
    await Promise.all([
      follow(`${base}/api/events`, signal),
      follow(`${base}/api/connections/c1/events`, signal),
    ]);
  },
};

async function follow(url: string, signal: AbortSignal): Promise<void> {
  const { body } = await fetch(url, { signal });
  for await (const chunk of body ?? []) void chunk;
}

async function list(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await (await fetch(url, { signal })).text();
    await delay(LIST_EVERY_MS, undefined, { signal });
  }
}

function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return parseProcessStat(text).cpuMicros / 1000;
}

/** Percent of one core that the process used while the view was open. */
async function measure(pid: number, base: string, view: View): Promise<number> {
  const abort = new AbortController();
  const open = view(base, abort.signal).catch(() => {
    // Aborted below.
  });
  const before = cpuMs(pid);
  const startedAt = performance.now();
  await delay(windowMs);
  const used = cpuMs(pid) - before;
  const share = (100 * used) / (performance.now() - startedAt);
  abort.abort();
  await open;
  return share;
}

const server = spawn(
  process.execPath,
  [
    fileURLToPath(new URL("../src/cli.ts", import.meta.url)),
    ...["serve", "--port", "0", "--admin-port", "0", "--workers", "2"],
    ...["--log", "json", "--report", "none", "--heartbeat-interval", "0"],
  ],
  { stdio: ["ignore", "ignore", "pipe"] },
);
try {
  let log = "";
  server.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  while (!/listening on ws:[^"]*/.test(log)) await once(server.stderr, "data");
  const url = /ws:\/\/[^"]*/.exec(log)?.[0] ?? "";
  const base = /"event":"inspector","url":"([^"]*)"/.exec(log)?.[1] ?? "";
  const pid = server.pid ?? 0;

  for (let opened = 0; opened < connections; opened += OPENING_AT_ONCE)
    await Promise.all(
      Array.from({ length: OPENING_AT_ONCE }, () =>
        once(new WebSocket(`${url}/echo`), "open"),
      ),
    );
  await delay(2_000);

  const shares = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, view] of Object.entries(views)) {
      const all = shares.get(name) ?? [];
      all.push(await measure(pid, base, view));
      shares.set(name, all);
    }
  const idle = median(shares.get("closed") ?? []);
  console.log(
    `${connections} idle connections on 2 shards, ${ROUNDS} windows of ${windowMs / 1000} s each; percent of one core, median (least to most)`,
  );
  for (const [name, all] of shares)
    console.log(
      `${name.padEnd(16)} ${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}), above closed ${(median(all) - idle).toFixed(2)}`,
    );

  const times: number[] = [];
  let after = "";
  for (let page = 0; page < PAGES_READ; page++) {
    const startedAt = performance.now();
    const answer = (await (
      await fetch(`${base}/api/connections?limit=50&sort=path${after}`)
    ).json()) as { next?: string };
    times.push(performance.now() - startedAt);
    after = answer.next === undefined ? "" : `&after=${answer.next}`;
  }
  console.log(
    `a page of 50 by path: ${median(times).toFixed(1)} ms (${Math.min(...times).toFixed(1)} to ${Math.max(...times).toFixed(1)})`,
  );
} finally {
  server.kill("SIGKILL");
}
process.exit();
