import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { channels } from "../../../src/protocol/channels.ts";
import { overhear } from "../../support/diagnostics.ts";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";

const HANDLERS = fileURLToPath(
  new URL("../../support/lying-handlers.ts", import.meta.url),
);

const snapshot = { number: 1, head: "", state: null };

const lies: readonly unknown[] = [
  null,
  7,
  "ready",
  [],
  {},
  { type: "__proto__" },
  { type: "toString" },
  { type: "published" },
  { type: "published", batches: [null] },
  { type: "published", batches: [{ memory: null, entries: [] }] },
  { type: "admit", id: "1", address: null },
  { type: "released" },
  { type: "notified", drain: "all", notified: -1 },
  { type: "moved", order: 1, left: 0, refused: null },
  { type: "moved", order: 1, left: 0, refused: { whim: 1 } },
  { type: "moved-out", order: 1, snapshot, handle: {} },
  { type: "moved-out", order: 1 },
  { type: "inspected", id: 1, result: { rows: [null], matching: 1 } },
  { type: "followed" },
  { type: "interest", topic: null, isWanted: true },
  { type: "hook-failed", cohort: "old", hook: "message", said: "" },
  { type: "diagnostic", channel: "sluice:server", message: { event: "x" } },
  { type: "diagnostic", channel: "sluice:rejected", message: null },
  { type: "diagnostic", channel: "sluice:rejected", message: { a: {} } },
];
const unspeakable = [
  "no memory",
  "beyond the memory",
  "not a number",
  "text that is none",
  "too deep",
];

it("drops and counts what no shard would say, and goes on", async () => {
  const said = overhear(channels.server);
  const errors = overhear(channels.handlerError);
  const rejections = overhear(channels.rejected);
  const server = await startServer({ workers: 2, handlers: HANDLERS });
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/`);
  onTestFinished(() => client.terminate());
  await once(client, "open");
  const ask = async (text: string): Promise<string> => {
    client.send(text);
    return String((await once(client, "message"))[0]);
  };
  const thread = await ask("who");
  const all = [...lies.map((lie) => JSON.stringify(lie)), ...unspeakable];
  for (const lie of all) expect(await ask(lie)).toBe("said");
  await until(
    "all are counted",
    () => server.stats().malformed.shard === all.length,
  );
  await said.said({ event: "malformed", border: "shard", dropped: 1 });
  expect(said.messages.filter(({ event }) => event === "x")).toEqual([]);
  expect([...errors.messages, ...rejections.messages]).toEqual([]);
  expect(await ask("who")).toBe(thread);
  expect(server.stats().malformed).toEqual({
    shard: all.length,
    instance: 0,
    process: 0,
  });
});
