import { subscribe, unsubscribe } from "node:diagnostics_channel";
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
import { SluiceError } from "../../../../src/errors.ts";
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
import { channels } from "../../../../src/protocol/channels.ts";
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

/** What a thread is started with. */
type StartOf = Parameters<MainSurroundings["startThread"]>;

/** A thread that does as the test says, and keeps what it was told. */
class FakeThread implements ShardThread {
  readonly heard: (MainMessage["type"] | "killed")[] = [];
  /** The same in full, with what was transferred. */
  readonly posted: { message: MainMessage; transfer: readonly unknown[] }[] =
    [];
  wasKilled = false;
  isEnding = false;
  end: ThreadEnd | undefined;
  /** Handles cannot be transferred: their peers have gone. */
  refusesHandles = false;
  readonly say: (message: ShardMessage) => void;
  declare readonly task: StartOf[0];
  declare readonly onDropped: StartOf[2];
  declare readonly onMalformed: StartOf[3];
  readonly #ended = Promise.withResolvers<ThreadEnd>();
  readonly #gone = Promise.withResolvers<void>();
  readonly port = {
    postMessage: (message: MainMessage, transfer: readonly unknown[]) => {
      if (this.refusesHandles && transfer.length > 0)
        throw Object.assign(new Error("it has gone"), { code: "ERR_GONE" });
      this.heard.push(message.type);
      this.posted.push({ message, transfer });
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

  post(message: MainMessage, transfer: readonly unknown[] = []): void {
    this.heard.push(message.type);
    this.posted.push({ message, transfer });
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
    startThread: (task, onMessage, onDropped, onMalformed) => {
      const thread = new FakeThread(onMessage);
      Object.assign(thread, { task, onDropped, onMalformed });
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
      handleFault: undefined,
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

  it("starts its thread with what all share, and its own counters", () => {
    const { shard, thread, owner } = stage(1);
    shard.start();
    const { config, topicTable, instance } = owner.environment;
    expect(thread().task).toMatchObject({
      shard: 1,
      topics: topicTable,
      config,
      instance,
      counters: shard.counters.buffer,
    });
    expect(thread().task).not.toHaveProperty("surroundings");
  });

  it("counts what its thread says and nobody understands, and tells of output that was dropped", () => {
    const { thread, owner } = serving();
    const { heard } = listenTo(channels.shard);
    thread().onMalformed("of no kind");
    expect(owner.environment.malformed.counts.shard).toBe(1);
    thread().onDropped({ stream: "stderr", lines: 2 });
    expect(heard).toEqual([
      { event: "output-dropped", shard: 0, stream: "stderr", lines: 2 },
    ]);
  });

  it("tells of all that becomes of its threads", async () => {
    const { heard } = listenTo(channels.shard);
    const { shard, thread, serve } = stage(1);
    const about = (event: string, details: object = {}): object => ({
      event,
      shard: 1,
      ...details,
    });
    shard.start();
    serve();
    shard.counters.add("opened", 2);
    const error = new Error("died");
    await thread().over(error);
    expect(heard.splice(0)).toEqual([
      about("started"),
      about("died", { error, crashed: 2 }),
      about("restarting", { delayMs: 100 }),
    ]);
    await vi.advanceTimersByTimeAsync(100 + TURN_MS);
    serve();
    shard.settle();
    expect(heard.splice(0)).toEqual(
      ["started", "killed", "stuck"].map((event) => about(event)),
    );
  });

  it("tells why it cannot be started, with the code that its thread gave or one of its own", async () => {
    const { heard } = listenTo(channels.shard);
    const { shard, thread } = stage();
    shard.start();
    const waiting = shard.nextServing().catch((error: unknown) => error);
    const cause = new Error("no database");
    await thread().over(cause);
    const failure = await waiting;
    expect(failure).toMatchObject({ code: "ERR_SLUICE_SHARD_START", cause });
    expect(heard[0]).toMatchObject({ event: "died", error: cause });
    expect(heard[1]).toEqual({
      event: "start-failed",
      shard: 0,
      error: failure,
    });
    const other = stage(1);
    other.shard.start();
    const refused = other.shard.nextServing().catch((error: unknown) => error);
    const named = new SluiceError("ERR_SLUICE_HANDLERS", "there are none");
    await other.thread().over(named);
    expect(await refused).toBe(named);
  });

  it("gives a socket that cannot travel no place back that it never had", async () => {
    const { heard } = listenTo(channels.handoffFailed);
    const { shard, thread, said } = serving();
    thread().refusesHandles = true;
    const { id, handle } = arrival();
    shard.give({ id, handle });
    await vi.advanceTimersByTimeAsync(1);
    expect([shard.counters.get("abandoned"), said]).toEqual([1, []]);
    expect(heard).toEqual([{ shard: 0, code: "ERR_GONE" }]);
  });

  it("transfers the socket of a connection that it delivers, and nothing where there is none", () => {
    const { shard, thread } = serving();
    const handle = {};
    shard.deliver(moving(handle));
    shard.deliver(moving());
    expect(
      thread()
        .posted.slice(-2)
        .map(({ transfer }) => transfer),
    ).toEqual([[handle], []]);
    thread().refusesHandles = true;
    shard.deliver(moving({ close: () => {} }));
    expect(thread().posted.at(-1)?.message).toMatchObject({
      type: "move-in",
      handle: undefined,
    });
  });

  it("has told everyone, and has no thread, exactly while that is so", async () => {
    const { shard, thread, serve } = stage();
    const marks = (): boolean[] => [
      shard.notified.isReached,
      shard.terminated.isReached,
    ];
    expect([shard.state, ...marks()]).toEqual(["terminated", true, true]);
    shard.start();
    expect(marks()).toEqual([false, false]);
    serve();
    expect(marks()).toEqual([false, false]);
    shard.shutDown(plan());
    expect([shard.state, shard.isAlive, ...marks()]).toEqual([
      "closing",
      true,
      false,
      false,
    ]);
    thread().say({ type: "shutdown-notified" });
    expect([shard.state, shard.isAlive, ...marks()]).toEqual([
      "draining",
      true,
      true,
      false,
    ]);
    await vi.advanceTimersByTimeAsync(DEADLINE_MS + 600);
    expect([shard.state, shard.isAlive, ...marks()]).toEqual([
      "ending",
      false,
      true,
      false,
    ]);
    shard.giveUp();
    await thread().over();
    expect(marks()).toEqual([true, true]);
  });

  it("is never blocked, nor ending, before it has a thread", () => {
    const { shard } = stage();
    expect([shard.isBlocked, shard.isEnding]).toEqual([false, true]);
    shard.start();
    expect(shard.isEnding).toBe(false);
    shard.kill();
    expect(stage(1).shard.kills).toBe(0);
  });

  it("is forced also where its thread was told nothing before, and by the latest word", async () => {
    const { shard, thread } = serving();
    const first = thread();
    shard.force(plan(0));
    expect(first.heard).toEqual(["shutdown", "force"]);
    const other = serving();
    void other.shard.retire(plan(DEADLINE_MS));
    other.shard.force(plan(1_000));
    const { message } = other.thread().posted.at(-1) ?? {};
    expect(message).toEqual({ type: "force" });
    await vi.advanceTimersByTimeAsync(1_000 + 500 + 10);
    expect(other.thread().heard.at(-1)).toBe("killed");
    expect(first.wasKilled).toBe(true);
  });

  it("keeps a later deadline away also from one that is being restarted", async () => {
    const { shard, thread } = serving();
    void shard.restart(plan(DEADLINE_MS));
    shard.shutDown(plan(DEADLINE_MS * 3));
    await vi.advanceTimersByTimeAsync(DEADLINE_MS + TURN_MS);
    expect(thread().heard).toContain("force");
  });

  it("says whose shutdown is called off", () => {
    const { shard, thread } = serving();
    shard.shutDown(plan());
    shard.tell({ type: "shutdown.calledOff" });
    expect(thread().posted.at(-1)?.message).toEqual({
      type: "call-off",
      drain: "shutdown",
    });
  });

  it("takes sockets again once it is restarted, though it was suspended before", async () => {
    const { shard, thread, serve } = serving();
    shard.tell({ type: "shard.suspended" });
    void shard.restart(plan());
    await thread().over();
    await vi.advanceTimersByTimeAsync(TURN_MS);
    serve();
    expect(shard.isAccepting).toBe(true);
    shard.tell({ type: "shard.suspended" });
    shard.shutDown(plan());
    shard.tell({ type: "shutdown.calledOff" });
    expect(shard.isAccepting).toBe(true);
  });

  it("is not told to end while it only starts, when it is restarted", () => {
    const { shard, thread } = stage();
    shard.start();
    void shard.restart(plan());
    expect([shard.state, thread().heard]).toEqual(["starting", []]);
  });

  it("starts no second thread beside the one that it has", () => {
    const { shard, threads } = serving();
    shard.startAgain();
    expect([threads.length, shard.counters.get("restarts")]).toEqual([1, 0]);
  });

  it("gets no further thread while three are inside native calls", async () => {
    const { shard, threads, serve } = serving();
    for (let count = 1; count <= 3; count++) {
      shard.force(plan(0));
      await vi.advanceTimersByTimeAsync(12_000);
      if (threads.length > count) serve();
    }
    expect([threads.length, shard.stuck]).toEqual([3, 3]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(threads).toHaveLength(3);
    await threads.at(-1)?.over();
    await vi.advanceTimersByTimeAsync(10_000 + TURN_MS);
    expect([threads.length, shard.stuck]).toEqual([4, 2]);
  });

  it("holds no memory once its thread has died", async () => {
    const { thread, owner } = serving();
    const budget = new MemoryBudget(owner.environment.memory);
    budget.set(0, 5_000);
    await thread().over(new Error("died"));
    expect(budget.total).toBe(0);
  });

  it("hands over what was accepted last before its death is booked", async () => {
    const { shard, thread } = serving();
    const first = thread();
    shard.give(arrival());
    await first.over(new Error("died"));
    expect(first.heard).toEqual(["sockets"]);
  });

  it("does not take a kill for a crash, nor a thread that just ends", async () => {
    const { shard, thread } = serving();
    await thread().over();
    expect(shard.crashes).toBe(0);
  });

  it("books a thread once, however often it is given up", async () => {
    const { shard, news } = serving();
    shard.settle();
    shard.settle();
    expect([shard.kills, shard.stuck]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(0);
    expect(news.filter((what) => what === "lost")).toHaveLength(1);
    const never = stage(1);
    never.shard.settle();
    expect([never.shard.kills, never.news]).toEqual([0, []]);
  });

  it("fails whoever waits for it when it is given up, and has retired then", async () => {
    const { shard, thread } = serving();
    const retired = shard.retire(plan());
    const waiting = failureOf(shard.nextServing());
    shard.giveUp();
    await retired;
    expect(await waiting).toContain("ended before shard 0 served again");
    expect(thread().wasKilled).toBe(false);
    const late = stage();
    late.shard.start();
    const failed = late.shard.nextServing().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(
      late.owner.environment.config.startDeadlineMs + TURN_MS,
    );
    late.shard.giveUp();
    expect(await failed).toMatchObject({ code: "ERR_SLUICE_SHARD_START" });
    const killed = serving();
    const gone = killed.shard.nextServing().catch((error: unknown) => error);
    killed.shard.force(plan(0));
    await vi.advanceTimersByTimeAsync(600);
    killed.shard.giveUp();
    expect(await gone).toMatchObject({ code: "ERR_SLUICE_STATE" });
  });
});

/** What is published on a channel from now on. */
function listenTo(name: string): { heard: unknown[] } {
  const heard: unknown[] = [];
  const hear = (message: unknown): void => void heard.push(message);
  subscribe(name, hear);
  onTestFinished(() => void unsubscribe(name, hear));
  return { heard };
}
