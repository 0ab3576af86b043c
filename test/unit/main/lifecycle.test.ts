import { describe, expect, it } from "vitest";
import { resolveConfig, type ServerOptions } from "../../../src/config.ts";
import type { DrainPlan } from "../../../src/protocol/messages.ts";
import { Cluster } from "../../../src/main/cluster/cluster.ts";
import { Lifecycle } from "../../../src/main/lifecycle.ts";
import { readLedger } from "../../../src/main/report.ts";
import { Fleet } from "../../../src/main/shards/fleet.ts";
import { Stoppage } from "../../../src/main/stoppage.ts";

/** Long enough that nothing ends by itself while a test looks. */
const options: ServerOptions = {
  shutdownDelayMs: 60_000,
  shutdownDeadlineMs: 120_000,
};

/** The lifecycle of a server without shards, and what it has done. */
function begin(given: ServerOptions = {}) {
  const config = resolveConfig(given);
  const done: string[] = [];
  const stoppage = new Stoppage();
  const lifecycle = new Lifecycle({
    config,
    fleet: new Fleet(config.workers),
    cluster: new Cluster(config, "here", () =>
      Promise.reject(new Error("it is by itself")),
    ),
    ledger: readLedger([], 0),
    stoppage,
    plan: (deadline, shards, turn): DrainPlan => ({
      deadline,
      shards,
      turn,
      closeCode: config.closeCode,
      rate: "unlimited",
      retryMinMs: 0,
      retrySpreadMs: "auto",
    }),
    announceState: (state) => void done.push(state),
    announceListening: () => void done.push("announced"),
    setReadiness: (isReady) => void done.push(isReady ? "ready" : "not ready"),
    suspendListener: () => void done.push("suspended"),
    updateListener: () => void done.push("accepting"),
    conclude: () => {
      done.push("concluded");
      return [];
    },
  });
  return { lifecycle, done, stoppage };
}

describe("the lifecycle of a server", () => {
  it("is ready once it listens, and says so", () => {
    const { lifecycle, done } = begin();
    expect(lifecycle.isServing).toBe(false);
    lifecycle.listening();
    expect(lifecycle.isServing).toBe(true);
    expect(done).toEqual(["starting", "ready", "announced", "listening"]);
  });

  it("withdraws its readiness before it ends, and reports why it ended", async () => {
    const { lifecycle, done } = begin();
    lifecycle.listening();
    done.length = 0;
    const report = await lifecycle.shutdown({ reason: "a test" });
    expect(report).toMatchObject({ reason: "a test", balanced: true });
    expect(done[0]).toBe("not ready");
    expect(done).toContain("suspended");
    expect(lifecycle.state).toBe("terminated");
    expect(await lifecycle.terminated).toBe(report);
    expect(await lifecycle.shutdown({ reason: "again" })).toBe(report);
  });

  it("listens again when its shutdown is called off, and ends another time", async () => {
    const { lifecycle, stoppage } = begin(options);
    lifecycle.listening();
    const first = lifecycle.shutdown({});
    expect(lifecycle.isStopping).toBe(true);
    expect(lifecycle.callOff()).toBe(true);
    await expect(first).rejects.toMatchObject({
      code: "ERR_SLUICE_SHUTDOWN_CALLED_OFF",
    });
    await stoppage.decided;
    expect(lifecycle.isServing).toBe(true);
    expect(lifecycle.deadlineInMs).toBeUndefined();
    expect(lifecycle.callOff()).toBe(false);
    const second = lifecycle.shutdown({ reason: "meant" });
    lifecycle.force();
    expect(await second).toMatchObject({ reason: "meant" });
  });

  it("lets a second shutdown shorten the time, and none lengthen it", () => {
    const { lifecycle } = begin(options);
    lifecycle.listening();
    const first = lifecycle.shutdown({ deadlineMs: 50_000 });
    expect(lifecycle.shutdown({ deadlineMs: 90_000 })).toBe(first);
    expect(lifecycle.deadlineInMs).toBeLessThanOrEqual(50_000);
    expect(lifecycle.shutdown({ deadlineMs: 20_000 })).toBe(first);
    expect(lifecycle.deadlineInMs).toBeLessThanOrEqual(20_000);
    lifecycle.callOff();
  });

  it("cannot be called back once another process has taken its place", async () => {
    const { lifecycle } = begin(options);
    lifecycle.listening();
    lifecycle.leave();
    expect(lifecycle.callOff()).toBe(false);
    lifecycle.force();
    expect(await lifecycle.terminated).toMatchObject({ reason: "upgrade" });
  });

  it("rejects with the first failure of a start, and with no other", async () => {
    const { lifecycle, done } = begin();
    lifecycle.fail(new Error("the first"));
    lifecycle.fail(new Error("the second"));
    await expect(lifecycle.terminated).rejects.toThrow("the first");
    expect(done).toContain("concluded");
    expect(done).not.toContain("announced");
  });
});
