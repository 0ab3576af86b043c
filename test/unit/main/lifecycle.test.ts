import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, it, onTestFinished } from "vitest";
import { resolveConfig, type ServerOptions } from "../../../src/config.ts";
import { channels } from "../../../src/protocol/channels.ts";
import type { DrainPlan } from "../../../src/protocol/messages.ts";
import { Cluster } from "../../../src/main/cluster/cluster.ts";
import { Lifecycle } from "../../../src/main/lifecycle.ts";
import { PatientClock, processTime } from "../../../src/main/patient-clock.ts";
import { readLedger } from "../../../src/main/report.ts";
import { Fleet } from "../../../src/main/shards/fleet.ts";
import { Milestone } from "../../../src/main/shards/milestone.ts";
import type { Shard } from "../../../src/main/shards/shard.ts";
import { ShardCounters } from "../../../src/protocol/shard-counters.ts";
import { Stoppage } from "../../../src/main/stoppage.ts";

/** Long enough that nothing ends by itself while a test looks. */
const options: ServerOptions = {
  shutdownDelayMs: 60_000,
  shutdownDeadlineMs: 120_000,
};

/** The lifecycle of a server, by default one without shards, and what it has done. */
function begin(given: ServerOptions = {}, shards: readonly FakeShard[] = []) {
  const config = resolveConfig(given);
  const done: string[] = [];
  const stoppage = new Stoppage();
  const fleet = new Fleet(config.workers);
  fleet.shards.push(...(shards as unknown as Shard[]));
  const hear = (message: unknown): void => {
    const { event, state } = message as { event: string; state: string };
    if (event === "state") done.push(state);
  };
  subscribe(channels.server, hear);
  onTestFinished(() => void unsubscribe(channels.server, hear));
  const lifecycle = new Lifecycle({
    config,
    patientClock: new PatientClock(processTime),
    fleet,
    cluster: new Cluster(config, "here", () =>
      Promise.reject(new Error("a cluster of one")),
    ),
    ledger: readLedger([], 0),
    stoppage,
    planner: {
      plan: (deadline, count, turn): DrainPlan => ({
        deadline,
        shards: count,
        turn,
        closeCode: config.closeCode,
        rate: "unlimited",
        retryMinMs: 0,
        retrySpreadMs: "auto",
      }),
    },
    readiness: {
      announce: (isReady) => void done.push(isReady ? "ready" : "not ready"),
    },
    ingress: {
      announce: () => void done.push("announced"),
      suspend: () => void done.push("suspended"),
      update: () => void done.push("accepting"),
    },
    conclude: () => {
      done.push("concluded");
      return [];
    },
  });
  return { lifecycle, done, stoppage, fleet };
}

/** A shard that does as it is told when the test says so. */
class FakeShard {
  readonly counters = new ShardCounters();
  readonly notified = new Milestone();
  readonly terminated = new Milestone();
  readonly kills = 0;
  readonly crashes = 0;
  readonly stuck = 0;
  readonly heard: string[] = [];

  get state(): string {
    return this.terminated.isReached ? "terminated" : "serving.accepting";
  }

  shutDown(): void {
    this.heard.push("shut down");
  }

  tell({ type }: { type: string }): void {
    this.heard.push(type);
    this.notified.set(false);
  }

  force(): void {
    this.end();
  }

  settle(): void {}
  post(): void {}

  end(): void {
    this.notified.set(true);
    this.terminated.set(true);
  }
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

  it("drains once every shard has told its connections, and ends with the last of them", async () => {
    const [first, second] = [new FakeShard(), new FakeShard()];
    const { lifecycle, done } = begin({ shutdownDelayMs: 0 }, [first, second]);
    lifecycle.listening();
    const report = lifecycle.shutdown({});
    await until(() => second.heard.length > 0);
    first.end();
    await aTurn();
    expect(lifecycle.machineState).toBe("closing.broadcasting");
    second.notified.set(true);
    await aTurn();
    expect(lifecycle.state).toBe("draining");
    second.end();
    await report;
    expect(done.slice(-3)).toEqual(["draining", "concluded", "terminated"]);
  });

  it("waits for a shard that came while the others were waited for", async () => {
    const [first, late] = [new FakeShard(), new FakeShard()];
    const { lifecycle, fleet } = begin({ shutdownDelayMs: 0 }, [first]);
    lifecycle.listening();
    const report = lifecycle.shutdown({});
    await until(() => first.heard.length > 0);
    fleet.standby.push(late as unknown as Shard);
    first.end();
    await aTurn();
    expect(lifecycle.machineState).toBe("closing.broadcasting");
    late.end();
    await report;
  });

  it("ends at once when no thread is left to be told", async () => {
    const shard = new FakeShard();
    const { lifecycle } = begin(options, [shard]);
    lifecycle.listening();
    const report = lifecycle.shutdown({});
    expect(lifecycle.machineState).toBe("closing.withdrawing");
    shard.end();
    await report;
    expect(shard.heard).toEqual([]);
  });

  it("hears nothing more of the shards of a shutdown that was called off", async () => {
    const shard = new FakeShard();
    const { lifecycle } = begin({ ...options, shutdownDelayMs: 0 }, [shard]);
    lifecycle.listening();
    lifecycle.shutdown({}).catch(() => {});
    await until(() => shard.heard.length > 0);
    shard.notified.set(true);
    expect(lifecycle.callOff()).toBe(true);
    expect(shard.heard).toContain("shutdown.calledOff");
    lifecycle.shutdown({ deadlineMs: 100_000 }).catch(() => {});
    await until(() => shard.heard.length > 2);
    await aTurn();
    expect(lifecycle.machineState).toBe("closing.broadcasting");
    lifecycle.force();
    await lifecycle.terminated;
  });
});

/** What was said has been heard. */
function aTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await aTurn();
}
