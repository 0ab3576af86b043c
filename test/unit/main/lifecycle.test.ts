import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
  vi,
} from "vitest";
import { resolveConfig, type ServerOptions } from "../../../src/config.ts";
import { monotonicNow } from "../../../src/protocol/clock.ts";
import { channels } from "../../../src/protocol/channels.ts";
import type { DrainPlan } from "../../../src/protocol/messages.ts";
import { Cluster } from "../../../src/main/cluster/cluster.ts";
import { Lifecycle, type LifecycleHost } from "../../../src/main/lifecycle.ts";
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
function begin(
  given: ServerOptions = {},
  shards: readonly FakeShard[] = [],
  parts: Partial<LifecycleHost> = {},
) {
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
    ...parts,
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
  /** What it was told of the time that is left, last. */
  plan: DrainPlan | undefined;
  /** It does not end when it is forced. */
  isDeaf = false;

  get state(): string {
    return this.terminated.isReached ? "terminated" : "serving.accepting";
  }

  shutDown(plan: DrainPlan): void {
    this.plan = plan;
    this.heard.push("shut down");
  }

  tell({ type }: { type: string }): void {
    this.heard.push(type);
    this.notified.set(false);
  }

  force(plan: DrainPlan): void {
    this.plan = plan;
    this.heard.push("forced");
    if (!this.isDeaf) this.end();
  }

  kill(): void {
    this.heard.push("killed");
  }

  startAgain(): void {
    this.heard.push("started again");
    this.terminated.set(false);
  }

  settle(): void {
    this.heard.push("settled");
  }
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
    expect(shard.heard).toEqual(["settled"]);
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

describe("the lifecycle of a server, in time", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Listens with two shards, and has a minute to end. */
  function listening(
    given: ServerOptions = {},
    parts: Partial<LifecycleHost> = {},
  ) {
    const shards = [new FakeShard(), new FakeShard()] as const;
    const staged = begin(
      { shutdownDelayMs: 0, shutdownDeadlineMs: 60_000, ...given },
      shards,
      parts,
    );
    staged.lifecycle.listening();
    staged.done.length = 0;
    return { ...staged, shards };
  }

  /** What a promise came to by now; nothing while it is pending. */
  function outcomeOf(promise: Promise<unknown>): string[] {
    const outcome: string[] = [];
    void promise.then(
      () => outcome.push("resolved"),
      (error: unknown) => outcome.push((error as Error).message),
    );
    return outcome;
  }

  it("tells the shards in turn, by when, and forces them at that moment", async () => {
    const { lifecycle, shards, done } = listening();
    const now = monotonicNow();
    const outcome = outcomeOf(lifecycle.shutdown({ deadlineMs: 5_000 }));
    await vi.advanceTimersByTimeAsync(2);
    expect(shards.map(({ plan }) => plan)).toMatchObject([
      { deadline: now + 5_000, shards: 2, turn: 0 },
      { deadline: now + 5_000, shards: 2, turn: 1 },
    ]);
    await vi.advanceTimersByTimeAsync(4_990);
    expect(lifecycle.machineState).toBe("closing.broadcasting");
    await vi.advanceTimersByTimeAsync(20);
    for (const { heard, plan } of shards) {
      expect(heard).toEqual(["shut down", "forced", "settled"]);
      expect(plan?.deadline).toBe(now + 5_000);
    }
    expect(outcome).toEqual(["resolved"]);
    expect(done).toEqual([
      "not ready",
      ...["closing", "suspended", "draining", "concluded", "terminated"],
    ]);
  });

  it("ends shards that cannot be forced a little after the deadline, and books them", async () => {
    const { lifecycle, shards } = listening();
    const [first, deaf] = shards;
    deaf.isDeaf = true;
    const outcome = outcomeOf(lifecycle.shutdown({ deadlineMs: 5_000 }));
    await vi.advanceTimersByTimeAsync(5_800);
    expect([deaf.heard.at(-1), outcome]).toEqual(["forced", []]);
    await vi.advanceTimersByTimeAsync(200);
    expect(deaf.heard.slice(-2)).toEqual(["killed", "settled"]);
    expect(first.heard).not.toContain("killed");
    expect(outcome).toEqual(["resolved"]);
  });

  it("waits half of its time at most until load balancers have taken notice", async () => {
    const { lifecycle, shards } = listening({ shutdownDelayMs: 20_000 });
    void lifecycle.shutdown({ deadlineMs: 10_000 });
    expect([lifecycle.machineState, lifecycle.mayListen]).toEqual([
      "closing.withdrawing",
      true,
    ]);
    expect([lifecycle.isServing, lifecycle.isStopping]).toEqual([false, true]);
    await vi.advanceTimersByTimeAsync(4_990);
    expect(shards[0].heard).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(shards[0].heard).toEqual(["shut down"]);
    lifecycle.force();
    await lifecycle.terminated;
    expect(lifecycle.mayListen).toBe(false);
  });

  it("begins that time when it is asked, also the second time", async () => {
    const { lifecycle, shards } = listening({ shutdownDelayMs: 2_000 });
    lifecycle.shutdown({}).catch(() => {});
    await vi.advanceTimersByTimeAsync(1_500);
    lifecycle.callOff();
    await vi.advanceTimersByTimeAsync(1_500);
    lifecycle.shutdown({}).catch(() => {});
    await vi.advanceTimersByTimeAsync(1_900);
    expect(shards[0].heard).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(shards[0].heard).toEqual(["shut down"]);
  });

  it("hears that there is less time, and tells the shards", async () => {
    const { lifecycle, shards } = listening();
    void lifecycle.shutdown({});
    await vi.advanceTimersByTimeAsync(10);
    const now = monotonicNow();
    void lifecycle.shutdown({ deadlineMs: 1_000 });
    void lifecycle.shutdown({ deadlineMs: 2_000 });
    void lifecycle.shutdown({});
    expect(shards[1].heard).toEqual(["shut down", "shut down"]);
    expect(shards[1].plan?.deadline).toBe(now + 1_000);
    for (const shard of shards) shard.notified.set(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(lifecycle.state).toBe("draining");
    void lifecycle.shutdown({ deadlineMs: 100 });
    expect(shards[1].plan?.deadline).toBe(now + 100);
    expect(shards[1].heard).toHaveLength(3);
  });

  it("is forced at once, whether it was to end or not, and again to no effect", async () => {
    const { lifecycle, shards } = listening();
    const now = monotonicNow();
    lifecycle.force();
    expect(shards.map(({ plan }) => plan)).toMatchObject([
      { deadline: now, shards: 2, turn: 0 },
      { deadline: now, shards: 2, turn: 1 },
    ]);
    const report = await lifecycle.terminated;
    expect(report).toMatchObject({ reason: "force()" });
    lifecycle.force();
    expect(await lifecycle.shutdown({ deadlineMs: 5 })).toBe(report);
    expect(lifecycle.deadlineInMs).toBe(0);
  });

  it("serves on where it is called off: shards that had ended start again, and no others", async () => {
    const { lifecycle, shards, done } = listening();
    const outcome = outcomeOf(lifecycle.shutdown({}));
    await vi.advanceTimersByTimeAsync(10);
    shards[1].end();
    shards[0].notified.set(true);
    done.length = 0;
    expect(lifecycle.callOff()).toBe(true);
    expect(shards.map(({ heard }) => heard)).toEqual([
      ["shut down", "shutdown.calledOff"],
      ["shut down", "shutdown.calledOff", "started again"],
    ]);
    expect(done).toEqual(["accepting", "ready", "announced", "listening"]);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(outcome).toEqual([expect.stringContaining("called off")]);
    expect([lifecycle.state, lifecycle.isServing]).toEqual(["listening", true]);
  });

  it("cannot be called off once everyone was told, nor where it was only about to start", async () => {
    const { lifecycle, shards } = listening();
    expect(lifecycle.callOff()).toBe(false);
    void lifecycle.shutdown({});
    await vi.advanceTimersByTimeAsync(10);
    for (const shard of shards) shard.notified.set(true);
    await vi.advanceTimersByTimeAsync(0);
    expect([lifecycle.state, lifecycle.callOff()]).toEqual(["draining", false]);
    const starting = begin({}, [new FakeShard()]).lifecycle;
    void starting.shutdown({});
    expect([starting.state, starting.callOff()]).toEqual(["closing", false]);
  });

  it("ends gently where it has failed while it listened, in its time, and for certain", async () => {
    const { lifecycle, shards, done } = listening();
    const outcome = outcomeOf(lifecycle.terminated);
    lifecycle.failGently(new Error("no shard is left"));
    expect(lifecycle.deadlineInMs).toBe(60_000);
    expect([lifecycle.state, lifecycle.isStopping]).toEqual(["closing", true]);
    expect(lifecycle.callOff()).toBe(false);
    expect(done[0]).toBe("not ready");
    lifecycle.failGently(new Error("another"));
    await vi.advanceTimersByTimeAsync(59_900);
    expect([shards[0].heard, outcome]).toEqual([["shut down"], []]);
    await vi.advanceTimersByTimeAsync(200);
    expect(outcome).toEqual(["no shard is left"]);
  });

  it("has failed also where it cannot do so gently, since it does not listen yet", async () => {
    const { lifecycle } = begin({}, [new FakeShard()]);
    lifecycle.failGently(new Error("too early"));
    expect([lifecycle.state, lifecycle.isStopping]).toEqual(["starting", true]);
    expect(lifecycle.deadlineInMs).toBeUndefined();
  });

  it("gives a shutdown of one that has failed no more time than it has", async () => {
    const { lifecycle } = listening({ shutdownDeadlineMs: 10_000 });
    lifecycle.failGently(new Error("no shard is left"));
    lifecycle.shutdown({ deadlineMs: 50_000 }).catch(() => {});
    expect(lifecycle.deadlineInMs).toBe(10_000);
    lifecycle.terminated.catch(() => {});
  });

  it("ends a start that hangs, and kills its threads", async () => {
    const shard = new FakeShard();
    const { lifecycle } = begin({ startDeadlineMs: 1_000 }, [shard]);
    void lifecycle.terminated.catch(() => {});
    await vi.advanceTimersByTimeAsync(1_990);
    expect(shard.heard).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(shard.heard).toEqual(["killed"]);
    expect(lifecycle.state).toBe("draining");
  });

  it("does not kill what has ended", async () => {
    const [gone, there] = [new FakeShard(), new FakeShard()];
    const { lifecycle } = begin({}, [gone, there]);
    gone.end();
    lifecycle.fail(new Error("one failed"));
    void lifecycle.terminated.catch(() => {});
    expect([gone.heard, there.heard]).toEqual([[], ["killed"]]);
  });

  it("has ended when the last work is done, whatever becomes of that", async () => {
    const work = Promise.withResolvers<void>();
    const { lifecycle } = listening(
      {},
      {
        conclude: () => [work.promise, Promise.resolve()],
      },
    );
    const outcome = outcomeOf(lifecycle.terminated);
    lifecycle.force();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(outcome).toEqual([]);
    work.reject(new Error("it could not be written"));
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual(["resolved"]);
  });

  it("is about to stop from the moment that it is asked, not while it starts, and says why", async () => {
    const starting = begin({}, [new FakeShard()]);
    expect(starting.lifecycle.isStopping).toBe(false);
    const { lifecycle, stoppage } = listening();
    expect([lifecycle.isStopping, stoppage.isUnderWay]).toEqual([false, false]);
    void lifecycle.shutdown({});
    expect([lifecycle.isStopping, stoppage.isUnderWay]).toEqual([true, true]);
    lifecycle.force();
    expect(await lifecycle.terminated).toMatchObject({ reason: "shutdown()" });
  });

  it("has as much time as it was given first where a later call says nothing of it", async () => {
    const { lifecycle, shards } = listening();
    void lifecycle.shutdown({ deadlineMs: 120_000 });
    await vi.advanceTimersByTimeAsync(10);
    void lifecycle.shutdown({});
    expect(lifecycle.deadlineInMs).toBe(119_990);
    expect(shards[0].heard).toEqual(["shut down"]);
  });

  it("says each state once", async () => {
    const { lifecycle, done } = listening();
    void lifecycle.shutdown({});
    void lifecycle.shutdown({ deadlineMs: 3_000 });
    void lifecycle.shutdown({ deadlineMs: 2_000 });
    await vi.advanceTimersByTimeAsync(10_000);
    const states = ["closing", "draining", "terminated"];
    expect(done.filter((what) => states.includes(what))).toEqual(states);
  });

  it("is over when told so, whatever was going to be said to it", async () => {
    const { lifecycle } = listening();
    lifecycle.force();
    await lifecycle.terminated;
    lifecycle.listening();
    lifecycle.fail(new Error("too late"));
    expect(lifecycle.callOff()).toBe(false);
    expect(lifecycle.state).toBe("terminated");
  });

  describe("as one of several", () => {
    function queued(given: ServerOptions = {}) {
      const turns: PromiseWithResolvers<boolean>[] = [];
      const left: string[] = [];
      const cluster = {
        engine: { isClustered: true },
        allowsReady: true,
        takeTurn: () => {
          const turn = Promise.withResolvers<boolean>();
          turns.push(turn);
          return turn.promise;
        },
        leaveQueue: () => void left.push("left"),
        endTurn: () => Promise.resolve(void left.push("turn given back")),
      } as unknown as Cluster;
      return { turns, left, cluster, ...listening(given, { cluster }) };
    }

    it("waits for its turn, ready and accepting, and ends then", async () => {
      const { lifecycle, shards, turns, left, done } = queued();
      void lifecycle.shutdown({});
      expect(lifecycle.machineState).toBe("closing.queueing");
      expect([lifecycle.isServing, lifecycle.mayListen]).toEqual([true, true]);
      expect([lifecycle.isStopping, done]).toEqual([false, ["closing"]]);
      turns[0]?.resolve(true);
      await vi.advanceTimersByTimeAsync(5);
      expect([left, shards[0].heard]).toEqual([["left"], ["shut down"]]);
    });

    it("ends without it when three quarters of its time have passed", async () => {
      const { lifecycle, shards, turns } = queued();
      void lifecycle.shutdown({ deadlineMs: 20_000 });
      turns[0]?.resolve(false);
      await vi.advanceTimersByTimeAsync(14_990);
      expect(shards[0].heard).toEqual([]);
      await vi.advanceTimersByTimeAsync(20);
      expect(shards[0].heard).toEqual(["shut down"]);
    });

    it("gives its place back when that is called off", async () => {
      const { lifecycle, left } = queued();
      lifecycle.shutdown({}).catch(() => {});
      expect(lifecycle.callOff()).toBe(true);
      expect(left).toEqual(["left", "turn given back"]);
      expect(lifecycle.state).toBe("listening");
    });

    it("does not queue where it has only begun to start", () => {
      const { turns, cluster } = queued();
      const { lifecycle } = begin({}, [new FakeShard()], { cluster });
      void lifecycle.shutdown({});
      expect([lifecycle.machineState, turns]).toEqual([
        "closing.broadcasting",
        [],
      ]);
    });

    it("does not queue where another process has taken its place", () => {
      const { lifecycle, turns } = queued();
      lifecycle.leave();
      expect([lifecycle.machineState, turns]).toEqual([
        "closing.withdrawing",
        [],
      ]);
      expect(lifecycle.callOff()).toBe(false);
    });
  });
});

/** What was said has been heard. */
function aTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await aTurn();
}
