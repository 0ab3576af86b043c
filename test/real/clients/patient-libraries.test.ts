import { once } from "node:events";
import { createTRPCClient, createWSClient, wsLink } from "@trpc/client";
import { createClient } from "graphql-ws";
import { describe, expect, it, onTestFinished } from "vitest";
import { type WebSocket as ServerSide, WebSocketServer } from "ws";
import { WebsocketProvider } from "y-websocket";
import { Doc } from "yjs";
import { PatientWebSocket } from "../../../src/client/index.ts";
import { within } from "../../support/within.ts";

/** Longer than any of the three waits by itself at first. */
const APPOINTMENT_MS = 1_000;

/** A server that tells its first client when to come back, and when the next one came. */
async function startServer() {
  const server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  onTestFinished(async () => {
    // In order: a library takes an abnormal end for an error, and rejects.
    const ended = once(server, "close");
    for (const client of server.clients) client.close();
    server.close();
    await ended;
  });
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const cameBackAfterMs = async (): Promise<number> => {
    const [first] = (await once(server, "connection")) as [ServerSide];
    await new Promise((resolve) => setImmediate(resolve));
    first.close(1012, `retry-after-ms=${APPOINTMENT_MS}`);
    const toldAt = performance.now();
    const [second] = (await once(server, "connection")) as [ServerSide];
    const afterMs = performance.now() - toldAt;
    // The one of the three that wants an answer before it is content.
    if (second.protocol === "graphql-transport-ws")
      second.on("message", () => second.send('{"type":"connection_ack"}'));
    return afterMs;
  };
  return { url: `ws://127.0.0.1:${port}/`, cameBackAfterMs };
}

type SocketClass = typeof WebSocket;

/** Each library as its users start it, with the WebSocket that it is given. */
const libraries: Readonly<
  Record<string, (url: string, socket: SocketClass) => void>
> = {
  "graphql-ws": (url, webSocketImpl) => {
    const client = createClient({
      url,
      webSocketImpl,
      shouldRetry: () => true,
      // By itself it waits for one to four seconds, as chance has it.
      retryWait: () => Promise.resolve(),
    });
    client.subscribe(
      { query: "subscription { news }" },
      { next: () => {}, error: () => {}, complete: () => {} },
    );
    const isBack = new Promise<void>((resolve) => {
      client.on("connected", () => resolve());
    });
    // It rejects for nobody when it is ended before its handshake is through.
    onTestFinished(async () => {
      await isBack;
      await client.dispose();
    });
  },
  tRPC: (url, socket) => {
    const client = createWSClient({ url, WebSocket: socket });
    createTRPCClient({ links: [wsLink({ client })] });
    onTestFinished(() => client.close());
  },
  "y-websocket": (url, socket) => {
    const provider = new WebsocketProvider(url, "room", new Doc(), {
      WebSocketPolyfill: socket,
      disableBc: true,
    });
    onTestFinished(() => provider.destroy());
  },
};

describe.each(Object.keys(libraries))("%s", (name) => {
  const start = async (socket: SocketClass): Promise<number> => {
    const { url, cameBackAfterMs } = await startServer();
    const back = cameBackAfterMs();
    libraries[name]?.(url, socket);
    return await within(`${name} to be back`, back);
  };

  it("comes back when it was told to, with the patient WebSocket", async () => {
    expect(
      await start(PatientWebSocket as unknown as SocketClass),
    ).toBeGreaterThanOrEqual(APPOINTMENT_MS);
  });

  it("comes back earlier by itself", async () => {
    expect(await start(WebSocket)).toBeLessThan(APPOINTMENT_MS);
  });
});
