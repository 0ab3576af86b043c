import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { ensureBuilt, root } from "../../support/built.ts";
import { startServer } from "../../support/server.ts";

beforeAll(ensureBuilt);

const CLIENTS = 6;

/** The handlers that a newcomer meets, by what they are served as. */
const services: Record<string, { path: string; says?: string }> = {
  demo: { path: "/echo", says: "hello" },
  "demo's chat": { path: "/chat/lobby", says: "hello" },
  echo: { path: "/", says: "hello" },
  room: { path: "/?name=ann" },
  accounts: { path: "/?token=ann-s-token", says: '{"id":1,"amount":0}' },
  embedded: { path: "/" },
  starter: { path: "/lobby", says: "hello" },
  auction: { path: "/lot/1", says: '{"type":"bid","amount":1}' },
};

function handlersOf(name: string): string | undefined {
  return name.startsWith("demo")
    ? undefined
    : join(root, "examples", name, "handlers.ts");
}

describe("a reload", () => {
  it.each(Object.entries(services))(
    "of the %s leaves everyone connected",
    async (name, { path, says }) => {
      const server = await startServer({
        handlers: handlersOf(name),
        workers: 2,
        trialMs: 50,
      });
      const sockets = Array.from(
        { length: CLIENTS },
        () => new WebSocket(`ws://127.0.0.1:${server.port}${path}`),
      );
      onTestFinished(() => sockets.forEach((socket) => socket.terminate()));
      const closings: number[] = [];
      for (const socket of sockets)
        socket.on("close", (code) => closings.push(code));
      await Promise.all(sockets.map((socket) => once(socket, "open")));

      expect(await server.reload()).toMatchObject({
        moved: CLIENTS,
        notified: 0,
        refused: {},
      });
      // What it does, it does on: each hears something on the new shard.
      const heard = Promise.all(
        sockets.map((socket) => once(socket, "message")),
      );
      if (says !== undefined) for (const socket of sockets) socket.send(says);
      else if (name === "room")
        for (const socket of sockets) socket.send("hello");
      await heard;
      expect(closings).toEqual([]);
      expect(server.stats().ledger.live).toBe(CLIENTS);
    },
  );

  it("is tried with every example that has handlers", async () => {
    const folders = await readdir(join(root, "examples"));
    const withHandlers: string[] = [];
    for (const folder of folders)
      if (
        (await readdir(join(root, "examples", folder))).includes("handlers.ts")
      )
        withHandlers.push(folder);
    expect(Object.keys(services)).toEqual(expect.arrayContaining(withHandlers));
  });

  it("of what the handlers of the docs show leaves everyone connected", async () => {
    const pages = ["README.md", "docs/topics.md", "docs/handover.md"];
    const texts = await Promise.all(
      pages.map((page) => readFile(join(root, page), "utf8")),
    );
    const shown = texts
      .flatMap((text) => [...text.matchAll(/^```ts\n[^]*?^```$/gm)])
      .map(([code]) => code)
      .filter((code) => /^\s+opened\b/m.test(code));
    expect(shown.length).toBeGreaterThanOrEqual(pages.length);
    for (const code of shown) expect(code).toMatch(/^\s+resume\b/m);
  });
});
