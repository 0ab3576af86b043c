import { describe, expect, it } from "vitest";
import type { HookArguments } from "../../../../src/workers/hooks.ts";
import {
  Inbox,
  type InboxOwner,
} from "../../../../src/workers/connection/inbox.ts";
import { SHARE_LIMIT_BYTES } from "../../../../src/workers/websocket/message-memory.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

const CLOSE_DEADLINE_MS = 8_000;
/** What a waiting message weighs besides its bytes. */
const MESSAGE_BYTES = 256;

/** A connection whose handlers return when the test says so. */
class Owner extends FakeConnection implements InboxOwner {
  readonly clock = new FakeClock();
  readonly tracked: PromiseLike<void>[] = [];
  readonly shard = {
    config: { maxHandlersInFlight: 2, closeDeadlineMs: CLOSE_DEADLINE_MS },
    clock: this.clock,
    track: (work: PromiseLike<void>) => void this.tracked.push(work),
  };
  compressor: { isIdle: boolean } | null = null;
  isPaused = false;
  /** What it held when that was last counted. */
  counted = -1;
  /** Messages and hooks, in the order in which they were run. */
  readonly ran: string[] = [];
  readonly underWay: PromiseWithResolvers<void>[] = [];
  /** Whether what runs goes on as a promise. */
  takesTime = true;
  readonly inbox = new Inbox(this);

  handle(data: Buffer): Promise<void> | undefined {
    return this.#run(data.toString());
  }

  runHook<Hook extends "opened" | "resume">(
    hook: Hook,
    ...details: HookArguments[Hook]
  ): Promise<void> | undefined {
    return this.#run([hook, ...details].join(" "));
  }

  pauseReading(): void {
    this.isPaused = true;
  }

  resumeReading(): void {
    this.isPaused = this.inbox.isFull;
  }

  countHeld(): void {
    this.counted = this.inbox.heldBytes;
  }

  read(...texts: string[]): void {
    for (const text of texts) this.inbox.take(Buffer.from(text), false);
  }

  /** The handler that has run for the longest is done. */
  async finish(): Promise<void> {
    this.underWay.shift()?.resolve();
    await Promise.all(this.tracked.splice(0, 1));
  }

  #run(what: string): Promise<void> | undefined {
    this.ran.push(what);
    if (!this.takesTime) return undefined;
    const work = Promise.withResolvers<void>();
    this.underWay.push(work);
    return work.promise;
  }
}

describe("the inbox", () => {
  it("runs as many handlers as may be in flight, and reads no further meanwhile", async () => {
    const owner = new Owner(1);
    owner.read("one", "two");
    expect(owner.isPaused).toBe(false);
    owner.read("three", "four");
    expect(owner.ran).toEqual(["one", "two"]);
    expect(owner.isPaused).toBe(true);
    expect(owner.inbox.pending).toBe(4);
    await owner.finish();
    expect(owner.ran).toEqual(["one", "two", "three"]);
    expect(owner.isPaused).toBe(true);
    await owner.finish();
    expect(owner.ran).toEqual(["one", "two", "three", "four"]);
    expect(owner.isPaused).toBe(false);
  });

  it("counts nothing in flight for handlers that return at once", () => {
    const owner = new Owner(1);
    owner.takesTime = false;
    owner.read("one", "two", "three");
    expect(owner.ran).toEqual(["one", "two", "three"]);
    expect(owner.inbox.pending).toBe(0);
    expect(owner.tracked).toEqual([]);
  });

  it.each(["opened", "resume a state"])(
    "lets messages wait until %s has resolved",
    async (hook) => {
      const owner = new Owner(1);
      if (hook === "opened") owner.inbox.open();
      else owner.inbox.resume("a state");
      owner.read("one");
      expect(owner.ran).toEqual([hook]);
      expect(owner.isPaused).toBe(true);
      await owner.finish();
      expect(owner.ran).toEqual([hook, "one"]);
      expect(owner.isPaused).toBe(false);
    },
  );

  it("gives nothing to handlers after a verdict, and lets those in flight finish", async () => {
    const owner = new Owner(1);
    owner.read("one", "two", "three");
    owner.enter("closing");
    owner.inbox.shut();
    owner.read("four");
    expect(owner.inbox.pending).toBe(2);
    expect(owner.told).toEqual([]);
    await owner.finish();
    expect(owner.told).toEqual([]);
    await owner.finish();
    expect(owner.told).toEqual(["handlers.settled"]);
    expect(owner.ran).toEqual(["one", "two"]);
  });

  it("does not resume after a verdict that fell on the way", () => {
    const owner = new Owner(1);
    owner.inbox.shut();
    owner.inbox.resume("a state");
    expect(owner.ran).toEqual([]);
  });

  it("handles what waits also while a shutdown closes the connection, and settles behind it", async () => {
    const owner = new Owner(1);
    owner.read("one", "two", "three");
    owner.enter("closing");
    await owner.finish();
    await owner.finish();
    expect(owner.ran).toEqual(["one", "two", "three"]);
    expect(owner.told).toEqual([]);
    await owner.finish();
    expect(owner.told).toEqual(["handlers.settled"]);
  });

  it("hears the peer's close at once when nothing waits before it", () => {
    const owner = new Owner(1);
    owner.read("one");
    let heard = 0;
    owner.inbox.close(() => heard++);
    expect(heard).toBe(1);
    expect(owner.clock.waiting).toBe(0);
  });

  it("hears it behind the messages before it", async () => {
    const owner = new Owner(1);
    owner.read("one", "two", "three");
    const heard: string[] = [];
    owner.inbox.close(() => heard.push(owner.ran.join(" ")));
    expect(heard).toEqual([]);
    await owner.finish();
    expect(heard).toEqual(["one two three"]);
    expect(owner.clock.waiting).toBe(0);
  });

  it("hears it once an ordinary close would have taken too long", () => {
    const owner = new Owner(1);
    owner.read("one", "two", "three");
    let heard = 0;
    owner.inbox.close(() => heard++);
    owner.clock.advance(CLOSE_DEADLINE_MS - 1);
    expect(heard).toBe(0);
    owner.clock.advance(1);
    expect(heard).toBe(1);
  });

  it("keeps neither messages nor timers of a connection that has ended", async () => {
    const owner = new Owner(1);
    owner.read("one", "two", "three");
    let heard = 0;
    owner.inbox.close(() => heard++);
    owner.inbox.drop();
    expect(owner.clock.waiting).toBe(0);
    await owner.finish();
    await owner.finish();
    expect(owner.ran).toEqual(["one", "two"]);
    expect(heard).toBe(0);
  });

  it("has not settled before what handlers have sent is compressed", () => {
    const owner = new Owner(1);
    owner.compressor = { isIdle: false };
    owner.inbox.settle();
    expect(owner.told).toEqual([]);
    owner.compressor.isIdle = true;
    owner.inbox.settle();
    expect(owner.told).toEqual(["handlers.settled"]);
  });

  it("hears a close that waits as soon as a verdict falls, and reads on", async () => {
    const owner = new Owner(1);
    owner.read("one", "two", "three");
    let heard = 0;
    owner.inbox.close(() => heard++);
    owner.inbox.shut();
    expect([heard, owner.isPaused, owner.clock.waiting]).toEqual([1, false, 0]);
  });

  it("has settled at a verdict where nothing is in flight, and says so only to one that is closing", () => {
    const owner = new Owner(1);
    owner.inbox.shut();
    expect(owner.told).toEqual([]);
    owner.enter("closing");
    owner.inbox.shut();
    expect(owner.told).toEqual(["handlers.settled"]);
  });

  it("has settled behind a message that a handler has answered at once, in one that is closing alone", async () => {
    const owner = new Owner(1);
    owner.takesTime = false;
    owner.read("one");
    expect(owner.told).toEqual([]);
    owner.enter("closing");
    owner.read("two");
    expect(owner.told).toEqual(["handlers.settled"]);
    const other = new Owner(2);
    other.read("one");
    await other.finish();
    expect(other.told).toEqual([]);
  });

  it("lets messages wait until every hook that they wait for has resolved", async () => {
    const owner = new Owner(1);
    owner.inbox.open();
    owner.inbox.resume("a state");
    owner.read("one");
    await owner.finish();
    owner.read("two");
    expect(owner.ran).toEqual(["opened", "resume a state"]);
    await owner.finish();
    expect(owner.ran.slice(2)).toEqual(["one", "two"]);
    owner.inbox.resume("again");
    owner.read("three");
    expect(owner.ran.slice(4)).toEqual(["resume again"]);
  });

  it("does not hear again after a verdict that fell while a hook was under way", async () => {
    const owner = new Owner(1);
    owner.inbox.open();
    owner.inbox.shut();
    await owner.finish();
    owner.read("one");
    owner.inbox.open();
    await owner.finish();
    owner.read("two");
    expect(owner.ran).toEqual(["opened", "opened"]);
  });

  it("counts what waits, and what large messages hold that are being handled", async () => {
    const owner = new Owner(1);
    const large = "x".repeat(SHARE_LIMIT_BYTES + 1);
    owner.read(large, "x".repeat(SHARE_LIMIT_BYTES));
    expect(owner.inbox.heldBytes).toBe(large.length);
    owner.read("12345", "123");
    expect(owner.inbox.heldBytes).toBe(large.length + 8 + 2 * MESSAGE_BYTES);
    await owner.finish();
    expect(owner.inbox.heldBytes).toBe(3 + MESSAGE_BYTES);
    expect(owner.counted).toBe(3 + MESSAGE_BYTES);
    await owner.finish();
    expect([owner.inbox.heldBytes, owner.counted]).toEqual([0, 0]);
    owner.read("1", "2", "3");
    owner.inbox.drop();
    expect(owner.inbox.heldBytes).toBe(0);
  });
});
