import { describe, expect, it } from "vitest";
import { type Command, serveCommand } from "../../support/command.ts";
import { live } from "../../support/crowd.ts";
import { RawClient } from "../../support/raw-client.ts";
import { until, within } from "../../support/within.ts";

const LIMIT = 200;
const MORE_THAN_FIT = 150;

/** What becomes of a client that comes: open, or how it was refused. */
async function come(
  command: Command,
): Promise<RawClient | "answered" | "closed"> {
  try {
    const client = await RawClient.connect(command.port);
    const { status } = await client.upgrade();
    if (status === 101) return client;
    expect(status).toBe(503);
    return "answered";
  } catch {
    return "closed";
  }
}

describe("a process that runs out of descriptors", () => {
  it("refuses clients, says so, and keeps enough for a reload", async () => {
    const command = await serveCommand(
      ["--workers", "2", "--trial", "100ms"],
      [],
      undefined,
      LIMIT,
    );
    await command.logged(
      /maxConnections is 50000, but the limit of descriptors/,
    );
    const open: RawClient[] = [];
    const refusals: string[] = [];
    for (let i = 0; i < MORE_THAN_FIT; i++) {
      const came = await come(command);
      if (typeof came === "string") refusals.push(came);
      else open.push(came);
    }
    expect(open.length).toBeGreaterThan(20);
    expect(refusals).toContain("answered");
    await command.logged(/clients are refused for want of descriptors/);
    // The handlers of the tests have no `resume`: the reload tells everyone to come back.
    const leaves = open.map((client) => live(client));
    command.kill("SIGHUP");
    await command.logged(/every shard runs the new version/);
    expect((await Promise.all(leaves)).every(Boolean)).toBe(true);
    const next = await until("there is room again", async () => {
      const client = await come(command);
      return typeof client === "string" ? undefined : client;
    });
    next.send("served");
    expect(await next.message()).toBe("served");
    void live(next);
    command.kill("SIGTERM");
    const { status, report } = await within("the end", command.ended);
    expect(report).toMatchObject({
      balanced: true,
      shardsKilled: 0,
      shardsCrashed: 0,
      outcomes: { crashed: 0, forced: 0 },
    });
    expect(status).toBe(0);
  });
});
