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

/** Long enough for a busy machine to begin the standstill before it is over. */
const DEADLINE_MS = 1_500;
const STANDSTILL_MS = 2 * DEADLINE_MS;

describe("a shard that stood still", () => {
  it("reads what came in time before it judges who is late", async () => {
    const server = await startServer({
      handlers,
      handshakeDeadlineMs: DEADLINE_MS,
      closeDeadlineMs: DEADLINE_MS,
      pongDeadlineMs: DEADLINE_MS,
      heartbeatIntervalMs: 1_000,
    });
    const news = listenToNews();
    const blocker = await RawClient.open(
      server.port,
      `/stand-still?ms=${STANDSTILL_MS}&${news.query}`,
    );
    const pinged = await RawClient.open(server.port, "/");
    const silent = await RawClient.open(server.port, "/");
    for (const client of [pinged, silent])
      expect((await client.next())?.opcode).toBe(OPCODE.ping);
    const leaving = await RawClient.open(server.port, "/turned-away?how=close");
    await leaving.closeFrame();
    const newcomer = await RawClient.connect(server.port);
    await until(
      "it is handed over",
      () => server.stats().states["upgrading.handshaking"] === 1,
    );
    blocker.send("now");
    await news.of("message");
    // The thread reads none of this before all their deadlines have passed.
    pinged.write(frame(OPCODE.pong));
    leaving.sendClose(4003);
    newcomer.write(upgradeRequest("/"));
    expect((await newcomer.response()).status).toBe(101);
    await within("the end of TCP", leaving.ended);
    await within("the end of who said nothing", silent.ended);
    pinged.send("still here");
    expect(await pinged.message()).toBe("still here");
    expect(server.stats().ledger.outcomes).toMatchObject({
      rejected: 0,
      clean: 1,
      unacknowledged: 0,
      lost: 1,
    });
  });

  it("does so as well at the deadline of a shutdown", async () => {
    const server = await startServer({ handlers });
    const news = listenToNews();
    const blocker = await RawClient.open(
      server.port,
      `/stand-still?ms=${STANDSTILL_MS}&${news.query}`,
    );
    const leaving = await RawClient.open(server.port, "/");
    blocker.send("now");
    await news.of("message");
    const report = server.shutdown({ deadlineMs: STANDSTILL_MS - 300 });
    leaving.sendClose(1000);
    await within("the end of TCP", leaving.ended);
    // And the other, whose thread it was, has not answered.
    expect((await report).outcomes).toMatchObject({
      clean: 1,
      lost: 0,
      crashed: 0,
    });
  });
});
