import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { type RawData, WebSocket } from "ws";
import {
  shareServer,
  startServer,
  type TestServer,
} from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

async function connect(
  server: TestServer,
  path: string,
  perMessageDeflate: boolean | object = true,
): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, {
    perMessageDeflate,
  });
  onTestFinished(() => socket.terminate());
  await within("the upgrade", once(socket, "open"));
  return socket;
}

/** Messages and, at last, the close code, as they come. */
function collect(socket: WebSocket): {
  all: string[];
  closed: Promise<number>;
} {
  const all: string[] = [];
  socket.on("message", (data: RawData) => {
    all.push((data as Buffer).toString());
  });
  const closed = once(socket, "close").then(([code]) => code as number);
  return { all, closed };
}

describe.each([
  ["each message by itself", false],
  ["with what was said before", true],
])("permessage-deflate, %s", (_way, contextTakeover) => {
  const options = { compression: true, contextTakeover };
  const shared = shareServer({ ...options, maxPayloadBytes: 500_000 });

  it("is agreed on where both want it, and only there", async () => {
    const compressed = await connect(shared(), "/echo");
    expect(compressed.extensions).toContain("permessage-deflate");
    const plain = await connect(shared(), "/echo", false);
    expect(plain.extensions).toBe("");
    const strict = await startServer();
    expect((await connect(strict, "/echo")).extensions).toBe("");
  });

  it.each<[string, object]>([
    ["with a context that is kept where the server has one", {}],
    [
      "with a context for each message",
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
    ],
    ["with small windows", { serverMaxWindowBits: 9 }],
  ])("takes messages there and back whole, %s", async (_, offer) => {
    const socket = await connect(shared(), "/echo", offer);
    const { all } = collect(socket);
    const texts = ["", "short", "x".repeat(5_000), "ä☕".repeat(20_000)];
    for (const text of texts) socket.send(text);
    await until("all are back", () => all.length === texts.length);
    expect(all).toEqual(texts);
  });

  it("keeps the order of messages that take different times to compress", async () => {
    const socket = await connect(shared(), "/push?count=200&bytes=3000");
    const { all } = collect(socket);
    socket.send("go");
    await until("all are here", () => all.length === 201);
    expect(all.slice(0, 200)).toEqual(
      Array.from({ length: 200 }, (_, i) => `${i}:`.padEnd(3_000, "x")),
    );
  });

  it("sends the close frame behind everything that was said before", async () => {
    const server = await startServer(options);
    const socket = await connect(server, "/push?count=50&bytes=20000");
    const { all, closed } = collect(socket);
    socket.send("go");
    await until(
      "the handler has run",
      () => (server.stats().shards[0]?.messagesIn ?? 0) === 1,
    );
    const report = server.shutdown();
    expect(await within("the close", closed)).toBe(1001);
    expect(all).toHaveLength(51);
    expect((await report).outcomes.clean).toBe(1);
  });

  it("answers the peer's close behind what is still being compressed", async () => {
    const server = await startServer(options);
    const socket = await connect(server, "/push?count=50&bytes=20000");
    const { all, closed } = collect(socket);
    const answered = once(socket, "message");
    socket.send("go");
    await within("the first answer", answered);
    socket.close(1000);
    expect(await within("the close", closed)).toBe(1000);
    expect(all).toHaveLength(51);
    expect((await server.shutdown()).outcomes.clean).toBe(1);
  });

  it("sends a handler's own close behind what it said, also the shortest", async () => {
    const socket = await connect(shared(), "/close?code=4000");
    const { all, closed } = collect(socket);
    socket.send("?");
    expect(await within("the close", closed)).toBe(4000);
    expect(all).toEqual(["bye"]);
  });

  it("does not take the thread along when it is forced while it compresses", async () => {
    const server = await startServer(options);
    const socket = await connect(server, "/push?count=400&bytes=400000");
    socket.send("go");
    await until(
      "the handler has run",
      () => (server.stats().shards[0]?.messagesIn ?? 0) === 1,
    );
    server.force();
    const report = await within("the report", server.terminated);
    expect(report).toMatchObject({ shardsCrashed: 0, balanced: true });
    expect(report.outcomes.crashed).toBe(0);
  });

  it("does not take the thread along when the peer goes while it compresses", async () => {
    const server = await startServer(options);
    for (let i = 0; i < 10; i++) {
      const socket = await connect(server, "/push?count=20&bytes=400000");
      const answered = once(socket, "message");
      socket.send("go");
      await within("the first answer", answered);
      socket.terminate();
    }
    await until("all have gone", () => server.stats().connections === 0);
    const socket = await connect(server, "/echo");
    const { all } = collect(socket);
    socket.send("still here");
    await until("the answer", () => all.length === 1);
    expect(server.stats().ledger.outcomes).toMatchObject({
      lost: 10,
      crashed: 0,
    });
  });

  it("does not take the thread along when the peer goes while it inflates", async () => {
    const server = await startServer(options);
    const texts = Array.from({ length: 20 }, (_, i) =>
      Array.from({ length: 50_000 }, (__, k) => (i * k) % 9_973).join(),
    );
    for (let i = 0; i < 20; i++) {
      const socket = await connect(server, "/echo");
      for (const text of texts) socket.send(text);
      await until(
        "some of it is sent",
        () => socket.bufferedAmount < 3_000_000,
      );
      socket.terminate();
    }
    await until("all have gone", () => server.stats().connections === 0);
    const report = await server.shutdown();
    expect(report).toMatchObject({ shardsCrashed: 0, balanced: true });
  });

  it("closes with 1009 what is too large once it is inflated", async () => {
    const socket = await connect(shared(), "/echo");
    const { closed } = collect(socket);
    socket.send("x".repeat(600_000));
    expect(await within("the close", closed)).toBe(1009);
  });
});
