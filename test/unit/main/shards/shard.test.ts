import type { MessagePort } from "node:worker_threads";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  it,
  onTestFinished,
  vi,
} from "vitest";
import { resolveConfig } from "../../../../src/config.ts";
import { Malformed } from "../../../../src/main/malformed.ts";
import {
  PatientClock,
  processTime,
} from "../../../../src/main/patient-clock.ts";
import { Shard, type ShardOwner } from "../../../../src/main/shards/shard.ts";
import type {
  MainSurroundings,
  ShardThread,
  ThreadEnd,
} from "../../../../src/main/main-surroundings.ts";
import { monotonicNow } from "../../../../src/protocol/clock.ts";
import { MemoryBudget } from "../../../../src/protocol/memory-budget.ts";
import type { ConnectionSnapshot } from "../../../../src/protocol/handover-messages.ts";
import type {
  Arrival,
  DrainPlan,
  MainMessage,
  ShardMessage,
} from "../../../../src/protocol/messages.ts";
import type { SocketHandle } from "../../../../src/protocol/socket-handle.ts";

const DEADLINE_MS = 5_000;
/** What is due is done one turn of the event loop later. */
const TURN_MS = 1;

/** A thread that does as the test says, and keeps what it was told. */
class FakeThread implements ShardThread {
  readonly heard: (MainMessage["type"] | "killed")[] = [];
  wasKilled = false;
  isEnding = false;
  end: ThreadEnd | undefined;
  /** Handles cannot be transferred: their peers have gone. */
  refusesHandles = false;
  readonly say: (message: ShardMessage) => void;
  readonly #ended = Promise.withResolvers<ThreadEnd>();
  readonly #gone = Promise.withResolvers<void>();
  readonly port = {
    postMessage: (message: MainMessage, transfer: readonly unknown[]) => {
      if (this.refusesHandles && transfer.length > 0)
        throw Object.assign(new Error("it has gone"), { code: "ERR_GONE" });
      this.heard.push(message.type);
    },
  } as unknown as MessagePort;

  constructor(say: (message: ShardMessage) => void) {
    this.say = say;
  }

  get ended(): Promise<ThreadEnd> {
    return this.#ended.promise;
  }

  get gone(): Promise<unknown> {
    return this.#gone.promise;
  }

  post(message: MainMessage): void {
    this.heard.push(message.type);
  }

  letEnd(): void {
    this.isEnding = true;
    this.post({ type: "end" });
  }

  kill(): void {
    this.wasKilled = true;
    this.heard.push("killed");
  }

  giveUp(): ThreadEnd {
    return this.#end({ error: undefined, isStuck: true });
  }

  /** It is gone. */
  async over(error?: Error): Promise<void> {
    this.#end({ error, isStuck: false });
    this.#gone.resolve();
    await vi.advanceTimersByTimeAsync(0);
  }

  #end(end: Pick<ThreadEnd, "error" | "isStuck">): ThreadEnd {
    this.end ??= { ...end, wasKilled: this.wasKilled };
    this.#ended.resolve(this.end);
    return this.end;
  }
}

function plan(deadlineMs = DEADLINE_MS): DrainPlan {
  return {
    deadline: monotonicNow() + deadlineMs,
    shards: 1,
    turn: 0,
    closeCode: 1001,
    rate: "unlimited",
    retryMinMs: 0,
    retrySpreadMs: "auto",
  };
}

/** A shard, its owner, and the threads that it has had; the last first. */
function stage(index = 0) {
  const threads: FakeThread[] = [];
  const news: string[] = [];
  const said: string[] = [];
  const surroundings = {
    startThread: (_task, onMessage) => {
      const thread = new FakeThread(onMessage);
      threads.unshift(thread);
      return thread;
    },
  } as Partial<MainSurroundings> as MainSurroundings;
  let goesOn = true;
  const owner = {
    isStopping: false as boolean,
    environment: {
      surroundings,
      config: resolveConfig({}),
      tls: undefined,
      isReady: true,
      forwarded: [],
      topicTable: new SharedArrayBuffer(8),
      memory: MemoryBudget.create(1).buffer,
      instance: "here",
      moveBlocker: undefined,
      malformed: new Malformed(),
      patientClock: new PatientClock(processTime),
    },
    shardChanged: ({ state }: Shard) => void news.push(state),
    shardReady: () => void news.push("ready"),
    shardMessage: (_shard: Shard, { type }: ShardMessage) =>
      void said.push(type),
    shardLost: () => void news.push("lost"),
    shardFailed: () => {
      news.push("failed");
      return goesOn;
    },
  } satisfies ShardOwner;
  const shard = new Shard(index, owner);
  // Nothing of it is left for those that follow.
  onTestFinished(async () => {
    owner.isStopping = true;
    shard.giveUp();
    for (const each of threads) await each.over();
    await vi.advanceTimersByTimeAsync(1_000);
  });
  const giveUpOnFailure = (): void => {
    goesOn = false;
  };
  const thread = (): FakeThread => threads[0] as FakeThread;
  const serve = (): void => {
    thread().say({ type: "ready", moveBlocker: undefined });
    thread().heard.length = 0;
  };
  return {
    shard,
    owner,
    giveUpOnFailure,
    threads,
    thread,
    serve,
    news,
    said,
  };
}

function serving() {
  const staged = stage();
  staged.shard.start();
  staged.serve();
  staged.news.length = 0;
  return staged;
}

/** What a promise rejects with, in words. */
function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "nothing",
    (error: unknown) => (error as Error).message,
  );
}

const arrival = (): Arrival => ({
  id: 1,
  handle: { close: vi.fn<() => void>() } as unknown as SocketHandle,
  address: "192.0.2.1",
});

const moving = (handle?: object) => ({
  snapshot: { number: 7 } as ConnectionSnapshot,
  handle: handle as SocketHandle | undefined,
});

describe("a shard", () => {
  // One time for all: the clock of main's machines lives as long as the process.
  beforeAll(() => void vi.useFakeTimers());
  afterAll(() => void vi.useRealTimers());

  it("serves once its thread is ready, and whoever waits for that hears of it", async () => {
    const { shard, serve, news } = stage();
    shard.start();
    expect([shard.state, shard.isAlive]).toEqual(["starting", false]);
    const waiting = shard.nextServing();
    expect(shard.nextServing()).toBe(waiting);
    serve();
    await waiting;
    expect([shard.isAlive, shard.isAccepting]).toEqual([true, true]);
    expect(news).toEqual(["starting", "serving.accepting", "ready"]);
  });

  it("hands over what was accepted before a shutdown before it tells of it", () => {
    const { shard, thread } = serving();
    shard.give(arrival());
    shard.shutDown(plan());
    expect(thread().heard).toEqual(["sockets", "shutdown"]);
    expect(shard.counters.get("handed")).toBe(1);
  });

  it("counts sockets that cannot be handed over, and gives their places back", async () => {
    const { shard, thread, said } = serving();
    thread().refusesHandles = true;
    shard.give(arrival());
    await vi.advanceTimersByTimeAsync(1);
    expect(shard.counters.get("abandoned")).toBe(1);
    expect(said).toEqual(["released"]);
  });

  it("delivers a connection, and one whose peer has gone without its socket", () => {
    const { shard, thread } = serving();
    shard.deliver(moving({}));
    shard.deliver(moving());
    thread().refusesHandles = true;
    const handle = { close: vi.fn<() => void>() };
    shard.deliver(moving(handle));
    expect(thread().heard).toEqual(["move-in", "move-in", "move-in"]);
    expect(handle.close).toHaveBeenCalledTimes(1);
    expect(shard.counters.get("delivered")).toBe(3);
  });

  it("passes on what its thread says, but for what is about its own lifecycle", () => {
    const { shard, thread, said } = serving();
    thread().say({ type: "moved-in", number: 1 });
    thread().say({
      type: "hook-failed",
      cohort: "new",
      hook: "message",
      said: "Error: oops",
    });
    expect(said).toEqual(["moved-in"]);
    expect([...shard.hookErrors]).toEqual([["new message", "Error: oops"]]);
  });

  it("lets its thread end when that asks in a shutdown, and not while it serves", () => {
    const { shard, thread } = serving();
    thread().say({ type: "emptied" });
    expect(thread().isEnding).toBe(false);
    shard.shutDown(plan());
    expect(shard.notified.isReached).toBe(false);
    thread().say({ type: "shutdown-notified" });
    expect([shard.state, shard.notified.isReached]).toEqual(["draining", true]);
    thread().say({ type: "emptied" });
    expect(thread().isEnding).toBe(true);
  });

  it("forces its connections at the deadline, and ends a thread that is still there after it", async () => {
    const { shard, thread } = serving();
    const first = thread();
    shard.shutDown(plan());
    await vi.advanceTimersByTimeAsync(DEADLINE_MS + TURN_MS);
    expect(first.heard).toEqual(["shutdown", "force"]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(first.heard).toEqual(["shutdown", "force", "killed"]);
    expect(shard.kills).toBe(1);
  });

  it("gives up a thread that cannot be ended, starts another, and forgets it when it is gone after all", async () => {
    const { shard, thread, threads, news } = serving();
    const first = thread();
    shard.force(plan(0));
    await vi.advanceTimersByTimeAsync(2_000);
    expect([threads.length, shard.stuck]).toEqual([2, 1]);
    expect(news.filter((what) => what === "lost")).toEqual(["lost"]);
    await first.over();
    expect([shard.stuck, shard.kills]).toEqual([0, 1]);
  });

  it("starts another thread in the place of one that has died, later each time", async () => {
    const { shard, thread, threads, serve, news } = serving();
    await thread().over(new Error("died"));
    expect(news).toEqual(["lost", "terminated"]);
    expect([shard.state, shard.crashes]).toEqual(["terminated", 1]);
    await vi.advanceTimersByTimeAsync(99);
    expect(threads).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1 + TURN_MS);
    expect(threads).toHaveLength(2);
    expect(shard.counters.get("restarts")).toBe(1);
    serve();
    await thread().over(new Error("died again"));
    await vi.advanceTimersByTimeAsync(199);
    expect(threads).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1 + TURN_MS);
    expect(threads).toHaveLength(3);
  });

  it.each([
    ["a shutdown", (shard: Shard) => shard.shutDown(plan())],
    ["the end of the server", (shard: Shard) => shard.giveUp()],
    ["its retirement", (shard: Shard) => void shard.retire(plan())],
  ])("starts none once %s has come in between", async (_, end) => {
    const { shard, thread, threads } = serving();
    await thread().over(new Error("died"));
    end(shard);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(threads).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("starts none while the server stops", async () => {
    const { owner, thread, threads } = serving();
    owner.isStopping = true;
    await thread().over(new Error("died"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(threads).toHaveLength(1);
  });

  it("has failed when it never served, and goes on if its owner says so", async () => {
    const { shard, thread, threads, news, giveUpOnFailure } = stage();
    shard.start();
    const waiting = shard.nextServing();
    const failed = failureOf(waiting);
    await thread().over(new Error("no"));
    expect(await failed).toContain("cannot be started: no");
    expect(news).toContain("failed");
    await vi.advanceTimersByTimeAsync(100 + TURN_MS);
    expect(threads).toHaveLength(2);
    giveUpOnFailure();
    for (let count = 0; count < 3; count++) {
      await thread().over(new Error("no"));
      await vi.advanceTimersByTimeAsync(10_000 + TURN_MS);
    }
    expect([threads.length, shard.isFailing]).toEqual([5, false]);
    await thread().over(new Error("no"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect([threads.length, shard.isFailing]).toEqual([5, true]);
  });

  it("has failed when it was not ready in time", async () => {
    const { shard, thread, owner, giveUpOnFailure } = stage();
    shard.start();
    const failed = failureOf(shard.nextServing());
    await vi.advanceTimersByTimeAsync(
      owner.environment.config.startDeadlineMs + TURN_MS,
    );
    expect(thread().heard).toEqual(["killed"]);
    giveUpOnFailure();
    await thread().over();
    expect(await failed).toContain("it did not become ready in time");
    expect(shard.crashes).toBe(0);
  });

  it("starts another thread when it was restarted, at once, and resolves when that serves", async () => {
    const { shard, thread, threads, serve } = serving();
    const restarted = shard.restart(plan());
    expect(thread().heard).toEqual(["shutdown"]);
    await thread().over();
    await vi.advanceTimersByTimeAsync(TURN_MS);
    expect(threads).toHaveLength(2);
    serve();
    await restarted;
  });

  it("does not wait for its back-off when it is restarted", async () => {
    const { shard, thread, threads, serve } = serving();
    await thread().over(new Error("died"));
    const restarted = shard.restart(plan());
    expect(threads).toHaveLength(2);
    serve();
    await restarted;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(threads).toHaveLength(2);
  });

  it("serves on when a shutdown is called off, and begins another with its own time", async () => {
    const { shard, thread } = serving();
    shard.shutDown(plan());
    shard.tell({ type: "shutdown.calledOff" });
    expect(shard.isAccepting).toBe(true);
    expect(thread().heard).toEqual(["shutdown", "call-off"]);
    await vi.advanceTimersByTimeAsync(DEADLINE_MS * 2);
    expect(thread().heard).toEqual(["shutdown", "call-off"]);
  });

  it.each([
    [
      "has let its thread end",
      ({ thread }: ReturnType<typeof serving>) =>
        thread().say({ type: "emptied" }),
    ],
    [
      "is restarted",
      ({ shard }: ReturnType<typeof serving>) => void shard.restart(plan()),
    ],
    [
      "is to retire",
      ({ shard }: ReturnType<typeof serving>) => void shard.retire(plan()),
    ],
  ])("ends all the same when it %s before the call-off", (_, act) => {
    const staged = serving();
    staged.shard.shutDown(plan());
    act(staged);
    staged.shard.tell({ type: "shutdown.calledOff" });
    expect(staged.shard.isAlive).toBe(true);
    expect(staged.shard.isAccepting).toBe(false);
    expect(staged.thread().heard).not.toContain("call-off");
  });

  it("takes no new sockets while it is suspended, nor do threads that follow", async () => {
    const { shard, thread, serve } = serving();
    shard.tell({ type: "shard.suspended" });
    expect([shard.isAlive, shard.isAccepting]).toEqual([true, false]);
    await thread().over(new Error("died"));
    await vi.advanceTimersByTimeAsync(100 + TURN_MS);
    serve();
    expect([shard.isAlive, shard.isAccepting]).toEqual([true, false]);
    shard.tell({ type: "shard.resumed" });
    expect(shard.isAccepting).toBe(true);
    await thread().over(new Error("died"));
    await vi.advanceTimersByTimeAsync(200 + TURN_MS);
    serve();
    expect(shard.isAccepting).toBe(true);
  });

  it("retires with its thread, at once where it has none, and nobody waits for it then", async () => {
    const { shard, thread, threads } = serving();
    await thread().over(new Error("died"));
    const next = failureOf(shard.nextServing());
    await shard.retire(plan());
    expect(await next).toBe("the server ended before shard 0 served again");
    const other = serving();
    let isRetired = false;
    const retired = other.shard.retire(plan()).then(() => {
      isRetired = true;
    });
    await vi.advanceTimersByTimeAsync(100);
    expect(isRetired).toBe(false);
    await other.thread().over();
    await retired;
    expect([threads.length, other.threads.length]).toEqual([1, 1]);
  });

  it("keeps the sooner of two deadlines once it ends for good", async () => {
    const { shard, thread } = serving();
    void shard.retire(plan(DEADLINE_MS));
    shard.shutDown(plan(DEADLINE_MS * 3));
    await vi.advanceTimersByTimeAsync(DEADLINE_MS + TURN_MS);
    expect(thread().heard).toContain("force");
  });

  it("takes the later deadline of a shutdown that goes on", async () => {
    const { shard, thread } = serving();
    shard.shutDown(plan(DEADLINE_MS));
    shard.shutDown(plan(DEADLINE_MS * 3));
    await vi.advanceTimersByTimeAsync(DEADLINE_MS * 2);
    expect(thread().heard).not.toContain("force");
  });

  it("kills its thread once, and counts no crash for it", async () => {
    const { shard, thread } = serving();
    shard.kill();
    shard.kill();
    expect([thread().heard, shard.kills]).toEqual([["killed"], 1]);
    shard.isBlocked = true;
    await thread().over(new Error("killed"));
    expect([shard.crashes, shard.isBlocked]).toEqual([0, false]);
  });

  it("posts nothing to a thread that is gone", async () => {
    const { shard, thread } = serving();
    const first = thread();
    await first.over();
    shard.post({ type: "force" });
    expect(first.heard).toEqual([]);
  });

  it("books what was given to a thread that is gone, and what it served", async () => {
    const { shard, thread } = serving();
    shard.counters.add("opened", 3);
    shard.counters.add("clean");
    shard.counters.add("handed", 3);
    shard.give(arrival());
    await thread().over(new Error("died"));
    expect(shard.counters.get("crashed")).toBe(2);
    expect(shard.counters.get("abandoned")).toBe(1);
    expect(shard.load).toBe(0);
  });
});
