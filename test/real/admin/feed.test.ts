import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import { resolveConfig } from "../../../src/index.ts";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";
import { callAdmin, connect, openEvents } from "./call-admin.ts";

interface Fed {
  readonly type: string;
  readonly sessionId: string;
  readonly snapshot?: { readonly value: unknown; readonly status: string };
  readonly event?: { readonly type: string };
}

/** What any XState inspector with a WebSocket would get. */
async function startInspector() {
  const inspector = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => {
    for (const client of inspector.clients) client.terminate();
    inspector.close();
  });
  await once(inspector, "listening");
  const fed: Fed[] = [];
  inspector.on("connection", (socket) => {
    socket.on("message", (data) =>
      fed.push(JSON.parse((data as Buffer).toString()) as Fed),
    );
  });
  const { port } = inspector.address() as { port: number };
  return { fed, url: `ws://127.0.0.1:${port}` };
}

describe("the feed of an XState inspector", () => {
  it("gets followed connections, and no other", async () => {
    const { fed, url } = await startInspector();
    const server = await startServer({
      admin: true,
      adminPort: 0,
      adminFeed: url,
      heartbeatIntervalMs: 0,
    });
    const [followed, other] = [await connect(server), await connect(server)];
    const events = await openEvents(server, "/api/connections/c1/events");
    await events.next();
    await until("the actor is announced", () =>
      fed.some(({ type }) => type === "@xstate.actor"),
    );
    other.close();
    followed.close();
    await until("its end is told", () =>
      fed.some(({ snapshot }) => snapshot?.status === "done"),
    );
    const { instance } = (await callAdmin(server, "/api/status")).json<{
      server: { instance: string };
    }>().server;
    expect(new Set(fed.map(({ sessionId }) => sessionId))).toEqual(
      new Set([`${instance}:shard-0:c1`]),
    );
    expect(
      fed
        .filter(({ type }) => type === "@xstate.snapshot")
        .map(({ snapshot }) => snapshot?.value),
    ).toEqual([
      { draining: "compressingAnswer" },
      { draining: "answering" },
      { draining: "concluding" },
      "terminated",
    ]);
  });

  it("takes the URL of a WebSocket only", () => {
    expect(() => resolveConfig({ adminFeed: "http://127.0.0.1" })).toThrow(
      /^adminFeed: got "http:\/\/127\.0\.0\.1", takes a WebSocket URL/,
    );
  });
});
