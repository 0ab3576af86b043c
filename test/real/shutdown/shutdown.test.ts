import { describe, expect, it } from "vitest";
import { type Command, serveCommand } from "../../support/command.ts";
import {
  type Leave,
  live,
  openMany,
  openSilent,
  retryAfterMs,
} from "../../support/crowd.ts";
import { until, within } from "../../support/within.ts";

/** So often in a row nothing more goes out. */
const STILL_LOOKS = 10;

/** What is sent next to those who do not read, such as a close frame, stays in the server. */
async function everyBufferIsFull(
  command: Command,
  count: number,
): Promise<void> {
  const [, url] = await command.logged(/inspector at (http:[^"]+)/);
  let before = -1;
  let looks = 0;
  await until("nobody is written to any more", async () => {
    const response = await fetch(new URL("/api/status", url));
    const { shards } = (await response.json()) as {
      shards: { states: Record<string, number>; bytesOut: number }[];
    };
    const sum = (figures: readonly number[]): number =>
      figures.reduce((all, figure) => all + figure, 0);
    const out = sum(shards.map(({ bytesOut }) => bytesOut));
    const held = sum(shards.map(({ states }) => states["open.congested"] ?? 0));
    looks = out === before && held === count ? looks + 1 : 0;
    before = out;
    return looks >= STILL_LOOKS;
  });
}

describe("shutdown of the command", () => {
  it("tells 5,000 clients, some of them busy, each its own time to come back", async () => {
    const command = await serveCommand([
      ...["--workers", "2"],
      ...["--shutdown-deadline", "20s"],
    ]);
    const clients = await openMany(command.port, 5_000);
    const leaves = clients.map((client, index) =>
      live(client, { isChatty: index % 10 === 0 }),
    );
    command.kill("SIGTERM");
    const told = await within("every client", Promise.all(leaves), 40_000);
    expect(told.filter((leave) => leave === undefined)).toHaveLength(0);
    expect(new Set((told as Leave[]).map(({ code }) => code))).toEqual(
      new Set([1001]),
    );
    const times = (told as Leave[])
      .map(({ reason }) => retryAfterMs(reason))
      .toSorted((a, b) => a - b);
    expect(new Set(times).size).toBe(5_000);
    // Evenly over the 10 s that 500 a second take.
    for (const [index, time] of times.entries())
      expect(Math.abs(time - index * 2)).toBeLessThanOrEqual(10);
    const { status, report } = await command.ended;
    expect(status).toBe(0);
    expect(report).toMatchObject({
      reason: "SIGTERM",
      accepted: 5_000,
      opened: 5_000,
      rejected: 0,
      outcomes: {
        clean: 5_000,
        unacknowledged: 0,
        forced: 0,
        lost: 0,
        crashed: 0,
      },
      closeCodes: { 1001: 5_000 },
      deadlineHeld: true,
      balanced: true,
    });
  });

  it("forces those who do not read, does not wait for those who do not answer, and only those", async () => {
    const deadlineMs = 4_000;
    const command = await serveCommand([
      ...["--workers", "2"],
      ...["--shutdown-deadline", `${deadlineMs}ms`],
      ...["--admin-port", "0"],
    ]);
    const { port } = command;
    const deaf = await openMany(port, 200, "/flood");
    for (const { socket } of deaf) socket.pause();
    await everyBufferIsFull(command, deaf.length);
    await openSilent(port, 200);
    const mute = await openMany(port, 200);
    const polite = await openMany(port, 1_400);
    const mutes = mute.map((client) => live(client, { isPolite: false }));
    const leaves = polite.map((client, index) =>
      live(client, { isChatty: index % 10 === 0 }),
    );
    const signalledAt = performance.now();
    command.kill("SIGTERM");
    const told = await within("the polite", Promise.all(leaves));
    expect(told.every((leave) => leave?.code === 1001)).toBe(true);
    const unanswered = await within("the mute", Promise.all(mutes));
    expect(unanswered.every((leave) => leave?.code === 1001)).toBe(true);
    const { status, report } = await within("the end", command.ended);
    expect(status).toBe(0);
    expect(report.outcomes).toEqual({
      rejected: 0,
      served: 0,
      cut: 0,
      clean: 1_400,
      unacknowledged: 400,
      forced: 200,
      lost: 0,
      crashed: 0,
    });
    expect(report.closeCodes).toEqual({ 1001: 1_800, 1006: 200 });
    expect(report.balanced).toBe(true);
    expect(report.durationMs).toBeGreaterThanOrEqual(deadlineMs - 20);
    expect(report.durationMs).toBeLessThanOrEqual(deadlineMs + 1_000);
    // The process itself as well, on a machine that has other things to do.
    expect(performance.now() - signalledAt).toBeLessThan(deadlineMs + 4_000);
  });
});
