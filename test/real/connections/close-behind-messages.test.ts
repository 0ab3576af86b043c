import { describe, expect, it } from "vitest";
import { closeFrame, frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { listenToNews } from "../../support/news.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";

const TEXTS = ["one", "two", "three", "four", "five"];

/** In one write, so that the server has read the close frame when the first handler begins. */
const messagesAndClose = Buffer.concat([
  ...TEXTS.map((text) => frame(OPCODE.text, text)),
  closeFrame(4000, "that was all"),
]);

describe("a peer that closes behind messages that wait for handlers", () => {
  it("has them all handled, one at a time and in order, before it has ended", async () => {
    const server = await startServer({ maxHandlersInFlight: 1 });
    const news = listenToNews();
    const client = await RawClient.open(server.port, `/gated?${news.query}`);
    const gate = await RawClient.open(server.port, "/gate");
    client.write(messagesAndClose);
    // A peer that has closed is answered at once: the last handler is not waited for.
    for (const [index, text] of TEXTS.slice(0, -1).entries()) {
      await news.of("message", index + 1);
      gate.send("open");
      expect(await client.message()).toBe(text);
    }
    expect((await client.closeFrame()).code).toBe(4000);
    await news.of("closed");
    const told = news.all.filter(({ hook }) => hook !== "opened");
    expect(told.map(({ hook, data }) => data ?? hook)).toEqual([
      ...TEXTS,
      "closed",
    ]);
    expect(server.stats().ledger.outcomes).toMatchObject({ clean: 1 });
  });

  it("waits no longer than a close may take when a handler never returns", async () => {
    const server = await startServer({
      maxHandlersInFlight: 1,
      closeDeadlineMs: 200,
    });
    const client = await RawClient.open(server.port, "/gated");
    client.write(messagesAndClose);
    expect((await client.closeFrame()).code).toBe(4000);
    await until("it has ended", () => server.stats().ledger.live === 0);
    expect(server.stats().ledger.outcomes).toMatchObject({ clean: 1 });
  });

  it("is heard when a shutdown has waited for the handlers as long as it may", async () => {
    const server = await startServer({ maxHandlersInFlight: 1 });
    const client = await RawClient.open(server.port, "/gated");
    client.write(messagesAndClose);
    await until(
      "all is read",
      () => server.stats().shards[0]?.handlersInFlight === 1,
    );
    const report = await server.shutdown({ deadlineMs: 500 });
    expect((await client.closeFrame()).code).toBe(1001);
    expect(report).toMatchObject({
      deadlineHeld: true,
      outcomes: { clean: 1 },
    });
  });
});
