import { describe, expect, it } from "vitest";
import { channels } from "../../../src/index.ts";
import { openMany } from "../../support/crowd.ts";
import { overhear } from "../../support/diagnostics.ts";
import { frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

/** Somebody is on its way out; how much of that the kernel takes is not for a test to say. */
function isLeaving(server: TestServer): boolean {
  return Object.entries(server.stats().states).some(
    ([state, count]) => /^(closing|draining)/.test(state) && count > 0,
  );
}

describe("heartbeats", () => {
  it("ping a silent peer, and lose it when nothing comes back", async () => {
    const server = await startServer({
      heartbeatIntervalMs: 300,
      // Long enough for a busy machine to see that it is probed.
      pongDeadlineMs: 1_000,
    });
    const client = await RawClient.open(server.port);
    expect(await client.next()).toMatchObject({
      opcode: OPCODE.ping,
      isMasked: false,
    });
    await until(
      "it is probed",
      () => server.stats().states["open.probing"] === 1,
    );
    await within("the end of TCP", client.ended);
    expect(server.stats().ledger.outcomes.lost).toBe(1);
  });

  it.each([
    ["a pong", frame(OPCODE.pong)],
    ["a message", frame(OPCODE.text, "here")],
    ["a ping", frame(OPCODE.ping)],
    ["part of a frame", frame(OPCODE.text, "here").subarray(0, 3)],
  ])("take %s for a sign of life", async (_, bytes) => {
    const server = await startServer({
      // It is healthy for half of that at least: long enough to be seen.
      heartbeatIntervalMs: 800,
      pongDeadlineMs: 1_000,
    });
    const client = await RawClient.open(server.port);
    expect(await client.next()).toMatchObject({ opcode: OPCODE.ping });
    await until(
      "it is probed",
      () => server.stats().states["open.probing"] === 1,
    );
    client.write(bytes);
    await until(
      "it is healthy",
      () => server.stats().states["open.healthy"] === 1,
    );
    expect(server.stats().ledger.outcomes.lost).toBe(0);
  });

  it("do not ping all peers in one burst", async () => {
    const server = await startServer({ heartbeatIntervalMs: 1_000 });
    const clients = await openMany(server.port, 128);
    const pings: number[] = [];
    for (const client of clients)
      client.onFrame = ({ opcode }) => {
        if (opcode === OPCODE.ping) pings.push(performance.now());
        client.write(frame(OPCODE.pong));
      };
    await until("each has been pinged", () => pings.length >= 128);
    const first = Math.min(...pings);
    const last = Math.max(...pings.slice(0, 128));
    expect(last - first).toBeGreaterThan(250);
  });

  it("do not lose a peer whose messages wait for slow handlers", async () => {
    const server = await startServer({
      heartbeatIntervalMs: 100,
      pongDeadlineMs: 100,
      maxHandlersInFlight: 1,
    });
    const client = await RawClient.open(server.port, "/slow?ms=1500");
    client.send("first");
    client.send("second");
    // The bound is reached: nothing is read, and so no pong either.
    let next = await client.next();
    while (next?.opcode === OPCODE.ping) next = await client.next();
    expect(next?.payload.toString()).toBe("first");
    expect(server.stats().ledger.outcomes.lost).toBe(0);
  });

  it.each([
    ["closes TCP", (client: RawClient) => client.destroy()],
    ["breaks off", (client: RawClient) => client.reset()],
  ])(
    "lose a peer that %s while nothing of it is read, since its handlers hang",
    async (_, leave) => {
      const server = await startServer({
        heartbeatIntervalMs: 100,
        maxHandlersInFlight: 1,
      });
      const client = await RawClient.open(server.port, "/slow?ms=3600000");
      client.send("first");
      client.send("second");
      const isHeldBack = (): boolean =>
        server.stats().shards[0]?.handlersInFlight === 1;
      await until("its handler hangs", isHeldBack);
      leave(client);
      await until(
        "its end is noticed",
        () => server.stats().ledger.outcomes.lost === 1,
      );
      expect(server.stats().ledger.live).toBe(0);
    },
  );
});

describe("backpressure", () => {
  const marks = {
    highWaterMarkBytes: 100_000,
    lowWaterMarkBytes: 20_000,
    maxBufferedBytes: 4_000_000,
  } as const;

  it("tells the writer, and wakes it when the peer has read", async () => {
    const events = overhear(channels.connection);
    const server = await startServer(marks);
    const client = await RawClient.open(server.port, "/flood?bytes=50000");
    client.socket.pause();
    await events.said({ event: "congested" });
    await until(
      "it is congested",
      () => server.stats().states["open.congested"] === 1,
    );
    const { bytesOut = 0 } = server.stats().shards[0] ?? {};
    client.onFrame = () => {};
    client.socket.resume();
    await until(
      "it writes on",
      () => (server.stats().shards[0]?.bytesOut ?? 0) > bytesOut + 1_000_000,
    );
    expect(server.stats().ledger.live).toBe(1);
  });

  it("closes with 1013 who stays congested for too long", async () => {
    const server = await startServer({ ...marks, congestionDeadlineMs: 200 });
    const client = await RawClient.open(server.port, "/flood?bytes=50000");
    client.socket.pause();
    await until("it is told to go", () => isLeaving(server));
    client.socket.resume();
    expect(await client.closed()).toEqual({ code: 1013, reason: "" });
    await until("clean", () => server.stats().ledger.outcomes.clean === 1);
  });

  it("closes with 1013 at the hard limit, and says congested before", async () => {
    const server = await startServer({ ...marks, congestionCloseCode: 1013 });
    const client = await RawClient.open(
      server.port,
      "/push?count=1000&bytes=60000",
    );
    client.socket.pause();
    client.send("all at once");
    await until("it is told to go", () => isLeaving(server));
    client.socket.resume();
    const { code } = await client.closed();
    expect(code).toBe(1013);
  });

  it("has statuses that say so", async () => {
    const server = await startServer({
      ...marks,
      maxBufferedBytes: 100_000_000,
    });
    const client = await RawClient.open(
      server.port,
      "/push?count=40&bytes=60000",
    );
    client.send("go");
    for (let i = 0; i < 40; i++) await client.next();
    expect(await client.message()).toBe("sent,congested");
  });

  it("forces at its deadline who is closed and never reads", async () => {
    const server = await startServer({
      ...marks,
      congestionDeadlineMs: 100,
      closeDeadlineMs: 400,
    });
    const client = await RawClient.open(server.port, "/flood?bytes=50000");
    client.socket.pause();
    await until(
      "it is forced",
      () => server.stats().ledger.outcomes.forced === 1,
    );
    expect(server.stats().connections).toBe(0);
  });
});
