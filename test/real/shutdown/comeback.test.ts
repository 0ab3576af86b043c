import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { channels } from "../../../src/index.ts";
import {
  lookAround,
  nothingLeft,
} from "../../../property-tests/support/remains.ts";
import { live } from "../../support/crowd.ts";
import { overhear } from "../../support/diagnostics.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { within } from "../../support/within.ts";

/** Somebody else takes a port. */
async function occupy({ address, port }: TestServer): Promise<Server> {
  const other = createServer();
  onTestFinished(() => void other.close());
  await once(other.listen({ host: address.host, port }), "listening");
  return other;
}

/** Every shard was drained, and another program has taken the port since. */
async function suspended(): Promise<{ server: TestServer; other: Server }> {
  const server = await startServer();
  const leaves = live(await RawClient.open(server.port));
  await within("the drain", server.drain().done);
  await leaves;
  return { server, other: await occupy(server) };
}

describe("a server whose port is taken while it does not listen", () => {
  it("goes on, says so, and listens again as soon as it can", async () => {
    const news = overhear(channels.server);
    const { server, other } = await suspended();
    server.resume();
    await news.said({ event: "listen-failed", delayMs: 100 });
    await news.said({ event: "listen-failed", delayMs: 200 });
    expect(server.stats()).toMatchObject({ state: "listening", ready: false });
    other.close();
    await news.said({ event: "listening-again" });
    expect(server.stats().ready).toBe(true);
    const client = await RawClient.open(server.port);
    client.send("here again");
    expect(await client.message()).toBe("here again");
    void live(client);
    expect(await server.shutdown()).toMatchObject({
      balanced: true,
      shardsKilled: 0,
    });
  });

  it("tries no more once it has ended, and leaves nothing behind", async () => {
    const before = lookAround();
    const news = overhear(channels.server);
    const { server, other } = await suspended();
    server.resume();
    await news.said({ event: "listen-failed", delayMs: 200 });
    expect(await server.shutdown()).toMatchObject({ balanced: true });
    other.close();
    await once(other, "close");
    await nothingLeft(before);
    expect(news.messages.map(({ event }) => event)).not.toContain(
      "listening-again",
    );
  });

  it("tries again where a shutdown is called off meanwhile", async () => {
    const news = overhear(channels.server);
    const { server, other } = await suspended();
    server.resume();
    await news.said({ event: "listen-failed" });
    const shutdown = server.shutdown({ deadlineMs: 60_000 });
    expect(server.callOff()).toBe(true);
    await expect(shutdown).rejects.toThrow("called off");
    other.close();
    await news.said({ event: "listening-again" });
    void live(await RawClient.open(server.port));
  });
});
