import { describe, expect, it } from "vitest";
import { channels, serve, type SluiceServer } from "../../../src/index.ts";
import { live, openMany, retryAfterMs } from "../../support/crowd.ts";
import { overhear } from "../../support/diagnostics.ts";
import { listenToNews } from "../../support/news.ts";
import { RawClient, upgradeRequest } from "../../support/raw-client.ts";
import { SERVICE, startServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

async function echo(client: RawClient, text: string): Promise<string> {
  client.send(text);
  return await client.message();
}

describe("shutdown", () => {
  it("sends what a slow handler owes before the close frame", async () => {
    const server = await startServer();
    const news = listenToNews();
    const client = await RawClient.open(
      server.port,
      `/slow?ms=200&${news.query}`,
    );
    client.send("a question");
    await until(
      "the handler runs",
      () => server.stats().shards[0]?.handlersInFlight === 1,
    );
    const report = server.shutdown();
    expect(await client.message()).toBe("a question");
    expect(await client.closed()).toMatchObject({ code: 1001 });
    expect((await report).outcomes.clean).toBe(1);
  });

  it("gives up on a handler that takes too long, and still closes properly", async () => {
    const server = await startServer();
    const client = await RawClient.open(server.port, "/slow?ms=3600000");
    client.send("never answered");
    await until(
      "the handler runs",
      () => server.stats().shards[0]?.handlersInFlight === 1,
    );
    const report = server.shutdown({ deadlineMs: 800 });
    expect(await client.closed()).toMatchObject({ code: 1001 });
    const { outcomes, shardsKilled, balanced } = await report;
    expect(outcomes.clean).toBe(1);
    expect(shardsKilled).toBe(0);
    expect(balanced).toBe(true);
  });

  it.each(["", "?ms=50"])(
    "delivers the last word (/last-word%s)",
    async (q) => {
      const server = await startServer();
      const client = await RawClient.open(server.port, `/last-word${q}`);
      const report = server.shutdown();
      expect(await client.message()).toBe("last word");
      expect(await client.closed()).toMatchObject({ code: 1001 });
      expect((await report).outcomes.clean).toBe(1);
    },
  );

  it("closes with its own code when the last word fails, and says that it did", async () => {
    const failures = overhear(channels.handlerError);
    const server = await startServer();
    const client = await RawClient.open(server.port, "/throw-draining");
    void server.shutdown();
    expect(await client.closed()).toMatchObject({ code: 1001 });
    const { error } = await failures.said({ hook: "draining" });
    expect(error).toMatchObject({
      message: "draining failed on purpose",
      stack: expect.stringContaining("service.ts"),
    });
  });

  it("uses the close code and the times to come back that were configured", async () => {
    const server = await startServer({
      closeCode: 1012,
      retryMinMs: 5_000,
      retrySpreadMs: 1_000,
    });
    const clients = await openMany(server.port, 4);
    const leaves = clients.map((client) => live(client));
    await server.shutdown();
    const told = await Promise.all(leaves);
    expect(told.map((leave) => leave?.code)).toEqual([1012, 1012, 1012, 1012]);
    expect(
      new Set(told.map((leave) => retryAfterMs(leave?.reason ?? ""))),
    ).toEqual(new Set([5_125, 5_375, 5_625, 5_875]));
  });

  it("resolves with the same report for everyone who asks, also afterwards", async () => {
    const server = await startServer();
    const first = server.shutdown({ reason: "the first" });
    const second = server.shutdown({ reason: "the second" });
    const report = await first;
    expect(await second).toBe(report);
    expect(await server.terminated).toBe(report);
    expect(await server.shutdown()).toBe(report);
    expect(report.reason).toBe("the first");
    expect(server.state).toBe("terminated");
    expect(server.ready).toBe(false);
  });

  it("ends at a deadline that a later call has shortened", async () => {
    const server = await startServer();
    const client = await RawClient.open(server.port);
    const long = server.shutdown({ deadlineMs: 3_600_000 });
    expect(await client.closeFrame()).toMatchObject({ code: 1001 });
    // The client does not answer.
    const short = server.shutdown({ deadlineMs: 200 });
    const report = await within("the report", short);
    expect(await long).toBe(report);
    expect(report.outcomes.unacknowledged).toBe(1);
    expect(report.deadlineHeld).toBe(true);
  });

  it("goes straight to forcing when it is told to", async () => {
    const server = await startServer({ workers: 2 });
    const clients = await openMany(server.port, 20);
    const report = server.shutdown({ deadlineMs: 3_600_000 });
    await Promise.all(clients.map((client) => client.closeFrame()));
    server.force();
    const { outcomes, shardsKilled, balanced } = await within("it", report);
    expect(outcomes.unacknowledged).toBe(20);
    expect(shardsKilled).toBe(0);
    expect(balanced).toBe(true);
  });

  it("forces without a shutdown before it, and still says when to come back", async () => {
    const server = await startServer({ workers: 2, shutdownDelayMs: 4_000 });
    const clients = await openMany(server.port, 20);
    server.force();
    const told = await Promise.all(
      clients.map((client) => client.closeFrame()),
    );
    expect(told.every(({ code }) => code === 1001)).toBe(true);
    expect(new Set(told.map(({ reason }) => retryAfterMs(reason))).size).toBe(
      20,
    );
    const report = await within("the report", server.terminated);
    expect(report).toMatchObject({ shardsKilled: 0, balanced: true });
    const { clean, unacknowledged, forced, lost } = report.outcomes;
    expect(clean + unacknowledged + forced).toBe(20);
    expect(lost).toBe(0);
  });

  it("tells those who wait for a slow pace before it forces them", async () => {
    const server = await startServer({ closeRate: 1 });
    const clients = await openMany(server.port, 20);
    void server.shutdown({ deadlineMs: 3_600_000 });
    await until("closing", () => server.state === "closing");
    server.force();
    const told = await Promise.all(
      clients.map((client) => client.closeFrame()),
    );
    expect(new Set(told.map(({ reason }) => retryAfterMs(reason))).size).toBe(
      20,
    );
    await within("the report", server.terminated);
  });

  it("refuses what is still upgrading, with a time to try again", async () => {
    const server = await startServer();
    const halfway = await RawClient.connect(server.port);
    halfway.write(upgradeRequest().slice(0, 40));
    const news = listenToNews();
    const asking = await RawClient.connect(server.port);
    asking.write(upgradeRequest(`/authorize-never?${news.query}`));
    await news.of("authorize");
    await until("both upgrade", () => server.stats().ledger.upgrading === 2);
    const report = server.shutdown();
    for (const client of [halfway, asking]) {
      const { status, headers } = await client.response();
      expect(status).toBe(503);
      expect(headers["retry-after"]).toBe("5");
    }
    expect(await news.of("authorize", 2)).toMatchObject({ isAborted: true });
    expect(await report).toMatchObject({
      opened: 0,
      rejected: 2,
      balanced: true,
    });
  });

  it("waits for load balancers: not ready, and still accepting", async () => {
    const server = await startServer({ shutdownDelayMs: 500 });
    const report = server.shutdown();
    expect(server.ready).toBe(false);
    const probe = await RawClient.connect(server.port);
    probe.write("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
    expect((await probe.response()).status).toBe(503);
    const late = await RawClient.open(server.port);
    expect(await echo(late, "late")).toBe("late");
    expect(await late.closed()).toMatchObject({ code: 1001 });
    expect(await report).toMatchObject({ opened: 1, balanced: true });
    await expect(RawClient.connect(server.port)).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
  });

  it("leaves time to close when the deadline is shorter than that wait", async () => {
    const server = await startServer({ shutdownDelayMs: 5_000 });
    const client = await RawClient.open(server.port);
    const report = server.shutdown({ deadlineMs: 1_000 });
    expect(await client.closed()).toMatchObject({ code: 1001 });
    expect(await report).toMatchObject({
      outcomes: { clean: 1 },
      deadlineHeld: true,
    });
  });
});

describe("calling a shutdown off", () => {
  it("keeps those who were not told, and accepts again", async () => {
    const server = await startServer({ workers: 2, closeRate: 4 });
    const { port } = server;
    const clients = await openMany(port, 40);
    let left = 0;
    for (const client of clients) {
      const leaving = live(client);
      void leaving.then((leave) => {
        if (leave !== undefined) left++;
      });
    }
    const shutdown = server.shutdown({ deadlineMs: 60_000 });
    await until("the first has been told", () => left > 0);
    expect(server.callOff()).toBe(true);
    await expect(shutdown).rejects.toMatchObject({
      code: "ERR_SLUICE_SHUTDOWN_CALLED_OFF",
    });
    expect(server.state).toBe("listening");
    expect(server.ready).toBe(true);
    const kept = await until("those told have gone", () => {
      const { live: alive, outcomes } = server.stats().ledger;
      return alive === 40 - outcomes.clean && left === outcomes.clean && alive;
    });
    expect(kept).toBeGreaterThan(20);
    const next = await until("it accepts again", () =>
      RawClient.open(port).catch(() => undefined),
    );
    expect(await echo(next, "again")).toBe("again");
    const probe = await RawClient.connect(port);
    probe.write("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
    expect((await probe.response()).status).toBe(200);
    // Nobody else is told: a shutdown finds them all.
    void live(next);
    const report = await server.shutdown();
    expect(report.outcomes.clean).toBe(41);
    expect(report).toMatchObject({ opened: 41, balanced: true });
  });

  it("starts the shards again that had nothing to close", async () => {
    const server = await startServer({ workers: 2, closeRate: 1 });
    await openMany(server.port, 12);
    await until("all are open", () => server.stats().connections === 12);
    const { shards } = server.stats();
    expect(shards.map(({ connections }) => connections)).toEqual([6, 6]);
    await within("the drain", server.drain({ shard: 0, deadlineMs: 100 }).done);
    const shutdown = server.shutdown({ deadlineMs: 60_000 });
    shutdown.catch(() => {});
    await until(
      "the empty shard has ended",
      () => server.stats().shards[0]?.state === "terminated",
    );
    expect(server.callOff()).toBe(true);
    await until("both serve again", () =>
      server.stats().shards.every(({ state }) => state === "serving.accepting"),
    );
    expect(server.state).toBe("listening");
  });

  it("works while it still waits for load balancers", async () => {
    const server = await startServer({ shutdownDelayMs: 4_000 });
    const client = await RawClient.open(server.port);
    const shutdown = server.shutdown();
    expect(server.callOff()).toBe(true);
    await expect(shutdown).rejects.toMatchObject({
      code: "ERR_SLUICE_SHUTDOWN_CALLED_OFF",
    });
    expect(server.ready).toBe(true);
    expect(await echo(client, "still here")).toBe("still here");
    const next = await RawClient.open(server.port);
    expect(await echo(next, "next")).toBe("next");
  });

  it("is too late once everyone has been told", async () => {
    const server = await startServer();
    const client = await RawClient.open(server.port);
    const report = server.shutdown();
    await client.closeFrame();
    await until("draining", () => server.state === "draining");
    expect(server.callOff()).toBe(false);
    client.sendClose();
    expect((await report).outcomes.clean).toBe(1);
    expect(server.callOff()).toBe(false);
  });

  it("is nothing without a shutdown", async () => {
    const server = await startServer();
    expect(server.callOff()).toBe(false);
    expect(server.state).toBe("listening");
  });

  it("can be followed by another shutdown at once", async () => {
    const server = await startServer({ closeRate: 10 });
    const clients = await openMany(server.port, 10);
    const leaves = clients.map((client) => live(client));
    const first = server.shutdown({ deadlineMs: 60_000 });
    first.catch(() => {});
    await until("closing", () => server.state === "closing");
    expect(server.callOff()).toBe(true);
    const second = server.shutdown({ deadlineMs: 60_000 });
    // It is not taken for told by the first one's end.
    expect(server.callOff()).toBe(true);
    second.catch(() => {});
    const report = await server.shutdown({ deadlineMs: 2_000 });
    expect(report.outcomes.clean).toBe(10);
    const told = await Promise.all(leaves);
    expect(told.every((leave) => leave?.code === 1001)).toBe(true);
  });
});

describe("an AbortSignal", () => {
  const options = { port: 0, workers: 1, handlers: SERVICE } as const;

  it("shuts the server down", async () => {
    const controller = new AbortController();
    const server: SluiceServer = await serve(options, {
      signal: controller.signal,
    });
    const client = await RawClient.open(server.address.port);
    controller.abort(new Error("the deployment ended"));
    expect(await client.closed()).toMatchObject({ code: 1001 });
    expect(await server.terminated).toMatchObject({
      reason: "the deployment ended",
      outcomes: { clean: 1 },
    });
  });

  it("ends a start that is under way, and leaves nothing behind", async () => {
    const controller = new AbortController();
    const before = process.getActiveResourcesInfo().length;
    const states = overhear(channels.server);
    const started = serve(options, { signal: controller.signal });
    const reason = new Error("not wanted any more");
    await states.said({ state: "starting" });
    controller.abort(reason);
    await expect(started).rejects.toBe(reason);
    await until(
      "nothing is left",
      () => process.getActiveResourcesInfo().length <= before,
    );
  });

  it("starts nothing when it has aborted before", async () => {
    const reason = new Error("never wanted");
    await expect(
      serve(options, { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
  });
});
