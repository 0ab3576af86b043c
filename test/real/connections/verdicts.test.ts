import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { listenToNews } from "../../support/news.ts";
import { RawClient, upgradeRequest } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

const handlers = fileURLToPath(
  new URL("../../support/verdict-handlers.ts", import.meta.url),
);

const texts = Array.from({ length: 32 }, (_, index) => String(index));
const all = Buffer.concat(texts.map((text) => frame(OPCODE.text, text)));

describe("a visitor whom `opened` has turned away", () => {
  it.each([
    ["close", 4003],
    ["close-later", 4003],
    ["throw", 1011],
    ["reject", 1011],
    ["reject-later", 1011],
  ])("is not listened to: %s", async (how, code) => {
    const server = await startServer({ handlers });
    const news = listenToNews();
    const client = await RawClient.connect(server.port);
    // With the request, so that the words are there before the verdict is.
    client.write(
      Buffer.concat([
        Buffer.from(upgradeRequest(`/turned-away?how=${how}&${news.query}`)),
        all,
      ]),
    );
    expect((await client.response()).status).toBe(101);
    const next = await client.next();
    expect(next?.opcode).toBe(OPCODE.close);
    expect(next?.payload.readUInt16BE(0)).toBe(code);
    client.sendClose(code);
    await within("the end of TCP", client.ended);
    await news.of("closed");
    expect(news.all.map(({ hook }) => hook)).toEqual(["opened", "closed"]);
    expect(server.stats().ledger.outcomes.clean).toBe(1);
  });
});

describe("a handler that ends its own connection", () => {
  it.each([
    ["close", 4003],
    ["reject", 1011],
  ])(
    "lets those finish that run, and none begin that waits: %s",
    async (how, code) => {
      const server = await startServer({ handlers, maxHandlersInFlight: 4 });
      const news = listenToNews();
      const client = await RawClient.open(
        server.port,
        `/first-word?how=${how}&${news.query}`,
      );
      client.write(all);
      expect(await client.closed()).toMatchObject({ code });
      await news.of("closed");
      const handled = news.all.filter(({ hook }) => hook === "message");
      // Those that ran beside the first, and those that took their places until it spoke.
      const done = news.all.filter(({ hook }) => hook === "done");
      expect(done.length).toBe(handled.length - 1);
      expect(handled.length).toBeLessThan(texts.length);
    },
  );

  it("does so during a shutdown too, which lets the others' messages be handled", async () => {
    const server = await startServer({ handlers, maxHandlersInFlight: 1 });
    const judged = listenToNews();
    const other = listenToNews();
    const visitor = await RawClient.open(
      server.port,
      `/first-word?how=close&${judged.query}`,
    );
    const guest = await RawClient.open(server.port, `/?${other.query}`);
    visitor.write(all);
    guest.write(all);
    await Promise.all([judged.of("message"), other.of("message")]);
    const report = server.shutdown({ deadlineMs: 10_000 });
    await Promise.all([visitor.closed(), guest.closed()]);
    expect(await report).toMatchObject({ outcomes: { clean: 2 } });
    await Promise.all([judged.of("closed"), other.of("closed")]);
    expect(judged.all.filter(({ hook }) => hook === "message")).toHaveLength(1);
    expect(other.all.filter(({ hook }) => hook === "done")).toHaveLength(
      texts.length,
    );
  });
});

describe("a handler whose client has gone", () => {
  it("finishes in an orderly shutdown", async () => {
    const server = await startServer({ handlers });
    const news = listenToNews();
    const client = await RawClient.open(
      server.port,
      `/work?ms=700&${news.query}`,
    );
    client.send("pay");
    await news.of("message");
    client.reset();
    await news.of("closed");
    const report = await server.shutdown({ deadlineMs: 10_000 });
    await news.of("done");
    expect(report).toMatchObject({ outcomes: { lost: 1 }, balanced: true });
  });

  it("finishes as well when it only had to say whom to let in", async () => {
    const server = await startServer({ handlers });
    const news = listenToNews();
    const client = await RawClient.connect(server.port);
    client.write(upgradeRequest(`/asked?ms=700&${news.query}`));
    await news.of("asked");
    await server.shutdown({ deadlineMs: 10_000 });
    await news.of("authorized");
    expect(news.all.map(({ hook }) => hook)).toEqual([
      "asked",
      "abandoned",
      "authorized",
    ]);
  });

  it("is cut at the deadline, when it takes longer", async () => {
    const server = await startServer({ handlers });
    const news = listenToNews();
    const client = await RawClient.open(
      server.port,
      `/work?ms=600000&${news.query}`,
    );
    client.send("for ever");
    await news.of("message");
    client.reset();
    await news.of("closed");
    expect(await server.shutdown({ deadlineMs: 300 })).toMatchObject({
      deadlineHeld: true,
      shardsKilled: 0,
    });
  });
});

describe("a client that leaves while it is asked for", () => {
  it.each([
    ["a reset", (client: RawClient) => client.reset()],
    ["a FIN", (client: RawClient) => void client.socket.end()],
    [
      "a FIN behind early frames",
      (client: RawClient) => {
        client.write(all);
        client.socket.end();
      },
    ],
  ])("opens for nobody, and `authorize` is told: %s", async (_, leave) => {
    const server = await startServer({ handlers });
    const news = listenToNews();
    const client = await RawClient.connect(server.port);
    client.write(upgradeRequest(`/asked?ms=400&${news.query}`));
    await news.of("asked");
    leave(client);
    await news.of("authorized");
    expect(news.all.map(({ hook }) => hook)).toEqual([
      "asked",
      "abandoned",
      "authorized",
    ]);
    expect(server.stats().ledger).toMatchObject({ opened: 0, live: 0 });
  });

  it("is heard from its first frame, and in order, when it stays", async () => {
    const server = await startServer({ handlers, maxHandlersInFlight: 1 });
    const client = await RawClient.connect(server.port);
    // As much as is kept while it waits.
    const long = Array.from({ length: 60 }, (_, index) =>
      `${index}:`.padEnd(62, "x"),
    );
    client.write(upgradeRequest("/asked?ms=100"));
    for (const text of long) client.send(text);
    expect((await client.response()).status).toBe(101);
    for (const text of long) expect(await client.message()).toBe(text);
  });

  it("is refused when it says more than that before it has an answer", async () => {
    const server = await startServer({ handlers });
    const client = await RawClient.connect(server.port);
    client.write(upgradeRequest("/asked?ms=60000"));
    client.send("x".repeat(200_000));
    expect((await client.response()).status).toBe(400);
    expect(server.stats().ledger.opened).toBe(0);
  });
});

describe("a client that vanishes while nothing of it is read", () => {
  it("is noticed, though its handlers hang", async () => {
    const server = await startServer({
      handlers,
      maxHandlersInFlight: 1,
      heartbeatIntervalMs: 200,
    });
    const client = await RawClient.open(server.port, "/work?ms=600000");
    client.send("hangs");
    client.send("waits");
    await until(
      "it is held back",
      () => server.stats().shards[0]?.handlersInFlight === 1,
    );
    client.reset();
    await until("it is lost", () => server.stats().ledger.outcomes.lost === 1);
    expect(server.stats().ledger.live).toBe(0);
  });
});

describe("what a handler may know of a client that has left", () => {
  it.each([
    ["a reset", (client: RawClient) => client.reset()],
    ["a close frame", (client: RawClient) => client.sendClose()],
  ])("is what it knew before: %s", async (_, leave) => {
    const server = await startServer({ handlers });
    const news = listenToNews();
    const client = await RawClient.open(server.port, `/late?${news.query}`, {
      "Sec-WebSocket-Protocol": "a, b",
    });
    await news.of("opened");
    leave(client);
    expect(await news.of("facts")).toEqual({
      hook: "facts",
      path: "/late",
      host: "sluice.test",
      hasUrl: true,
      remoteAddress: "127.0.0.1",
      subprotocols: ["a", "b"],
      isAborted: true,
      state: "terminated",
      bufferedBytes: 0,
      topics: [],
      sent: "closed",
      published: "closed",
      subscribed: false,
    });
  });
});
