import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BroadcastChannel } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { serve, SluiceError, type SluiceServer } from "../../../src/index.ts";
import { optionKeys } from "../../../src/config/options.ts";
import { optionSpecs } from "../../../src/config/table.ts";
import { until, within } from "../../support/within.ts";
import { WARNINGS } from "./echo-by-topic.ts";
import { elsewhere, type Extreme, extremes, trials } from "./extremes.ts";

const HANDLERS = fileURLToPath(new URL("echo-by-topic.ts", import.meta.url));

const warnings: string[] = [];
const warn = (warning: unknown): void => void warnings.push(String(warning));
const threads = new BroadcastChannel(WARNINGS);
threads.addEventListener("message", (event) =>
  warn((event as MessageEvent).data),
);
beforeAll(() => void process.on("warning", warn));
afterAll(() => {
  process.off("warning", warn);
  threads.close();
});

function start({ key, value, beside }: Extreme): Promise<SluiceServer> {
  return serve({
    port: 0,
    workers: 1,
    handlers: HANDLERS,
    adminPort: 0,
    ...beside,
    [key]: value,
  });
}

/** One that was let in; at the shortest deadline for that, whoever is late is sent away and comes again. */
async function connect({ address }: SluiceServer): Promise<WebSocket> {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return until("a client is let in", async () => {
    const client = new WebSocket(`ws://${host}:${address.port}/`);
    try {
      await once(client, "open");
      return client;
    } catch (error) {
      expect((error as Error).message).toContain("408");
      return undefined;
    }
  });
}

/** Starts a server, has it echo, and ends it. */
async function play(extreme: Extreme): Promise<Record<string, unknown>> {
  const server = await start(extreme);
  try {
    const client = await connect(server);
    const heard: string[] = [];
    client.on("message", (data: Buffer) => heard.push(data.toString()));
    client.send("x");
    await until("both echoes", () => heard.length === 2);
    const closed = once(client, "close");
    await trials[extreme.key]?.(server);
    const report = await within("the end", server.shutdown());
    const [closeCode] = (await closed) as [number];
    return { heard, closeCode, ...report };
  } finally {
    server.force();
    await server.terminated;
  }
}

function expectedOf({ key, value }: Extreme): Record<string, unknown> {
  const always = {
    heard: ["x", "x"],
    opened: 1,
    balanced: true,
    shardsKilled: 0,
  };
  // There is no time for an answer.
  if (key === "shutdownDeadlineMs" && value === 1) return always;
  return {
    ...always,
    closeCode: key === "closeCode" ? value : 1001,
    deadlineHeld: true,
    outcomes: expect.objectContaining({ clean: 1 }),
  };
}

const isLeastStart = ({ key, value }: Extreme): boolean =>
  key === "startDeadlineMs" && value === optionSpecs.startDeadlineMs.min;

describe.concurrent("an option at the end of what it takes", () => {
  it.for(extremes.filter((extreme) => !isLeastStart(extreme)))(
    "starts, echoes and ends in order: $shown",
    async (extreme) => {
      expect(await play(extreme)).toMatchObject(expectedOf(extreme));
    },
  );
});

describe("the least time to start", () => {
  it("is enough, or it is said that it is not, where others keep the machine busy", async () => {
    const least = extremes.find(isLeastStart) as Extreme;
    const outcome = await play(least).then(
      ({ heard }) => `heard ${String(heard)}`,
      (error: unknown) => {
        if (error instanceof SluiceError)
          return `${error.code}: ${error.message}`;
        throw error;
      },
    );
    expect(outcome).toMatch(
      /^heard x,x$|^ERR_SLUICE_SHARD_START: .*\(startDeadlineMs\)$/,
    );
  });
});

describe("the ends of all options", () => {
  it("are tried, of every option that there is", () => {
    const tried = new Set<string>(extremes.map(({ key }) => key));
    for (const key of optionKeys) {
      const file = elsewhere[key];
      expect([key, tried.has(key)]).toEqual([key, file === undefined]);
      if (file === undefined) continue;
      const path = new URL(`../../../${file}`, import.meta.url);
      expect(readFileSync(path, "utf8")).toContain(key);
    }
  });

  it("make no timer wait for longer than timers can, which would end at once", () => {
    expect(warnings).toEqual([]);
  });
});
