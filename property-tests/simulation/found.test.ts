import { describe, expect, it } from "vitest";
import { simulate } from "../../src/testing/index.ts";
import { createService } from "./service.ts";

/** What random lives have found, each as the shortest story that shows it. */
describe("found by random lives, and mended", () => {
  it("a reload that is given up leaves no timer behind", async () => {
    const { report } = await simulate(
      { handlers: createService, shards: 2, seeds: 5 },
      async ({ server }) => {
        const reload = server.reload();
        const shutdown = server.shutdown();
        await expect(reload).rejects.toThrow("the old version stays");
        await shutdown;
      },
    );
    expect(report.balanced).toBe(true);
  });

  it("whoever drains everything during a reload can undo it for the new shards too", async () => {
    await simulate(
      { handlers: createService, shards: 2, seeds: 5 },
      async ({ server, open }) => {
        const reload = server.reload();
        await server.drain({ deadlineMs: 400 }).done;
        server.resume();
        await reload;
        const states = server.stats().shards.map(({ state }) => state);
        expect(states).toEqual(["serving.accepting", "serving.accepting"]);
        const client = await open("/");
        client.send("hello");
        expect(await client.next()).toBe("heard hello 1");
      },
    );
  });

  it("a handler whose client has gone is not cut by an orderly end", async () => {
    const { report } = await simulate(
      { handlers: createService },
      async ({ open, server, time }) => {
        const client = await open("/");
        client.send("slow 250");
        await time.advance(20);
        client.reset();
        await time.advance(20);
        await server.shutdown();
      },
    );
    expect(report.outcomes.lost).toBe(1);
  });
});
