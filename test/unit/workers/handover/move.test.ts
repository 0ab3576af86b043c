import { describe, expect, it } from "vitest";
import { Move, type MoveOwner } from "../../../../src/workers/handover/move.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

/** A connection at rest: nothing keeps it here. */
class Resting extends FakeConnection implements MoveOwner<Resting> {
  readonly clock = new FakeClock();
  readonly failures: unknown[] = [];
  readonly shard = {
    clock: this.clock,
    hooks: {
      canResume: true,
      suspends: false,
      suspend: (): unknown => undefined,
    },
    reportHookFailure: (_: unknown, hook: string, error: unknown) =>
      void this.failures.push(hook, error),
  };
  readonly transport = {
    isPaused: false,
    unreadBytes: 0,
    unsentBytes: 0,
    pause: () => void (this.transport.isPaused = true),
    resume: () => void (this.transport.isPaused = false),
  };
  /** What its inbox was given to resume. */
  readonly resumed: unknown[] = [];
  /** What its inbox holds messages for. */
  readonly held: PromiseLike<void>[] = [];
  readonly inbox = {
    pending: 0,
    isFull: false,
    resume: (state: unknown) => void this.resumed.push(state),
    hold: (work: PromiseLike<void>) => void this.held.push(work),
  };
  isSecure = false;
  compressor: { windowBits: number | null } | null = null;
  isInflating = false;
  assembly: object | null = null;
  unread: Buffer | null = null;
  isReading = true;
  bufferedBytes = 0;
  data: unknown = "data";
  move: Move<Resting> | null = null;
  readOn = 0;

  resumeReading(): void {
    this.readOn++;
    this.transport.resume();
  }
}

function begin(suspend?: () => unknown) {
  const connection = new Resting(1);
  if (suspend !== undefined)
    Object.assign(connection.shard.hooks, { suspends: true, suspend });
  const move = new Move(connection, 5_000);
  connection.move = move;
  return { connection, move };
}

describe("the way of a connection out of its thread", () => {
  it("is free where nothing is under way, and nothing is read from then on", () => {
    const { connection, move } = begin();
    expect(move.obstacle()).toBeUndefined();
    expect([connection.transport.isPaused, move.state]).toEqual([true, "data"]);
    expect([move.deadline, move.isProbing]).toEqual([5_000, false]);
    expect(move.frozenAt).toBe(connection.clock.now());
  });

  it("knows of a peer that has not answered a ping", () => {
    const connection = new Resting(1);
    connection.enter("open.probing");
    expect(new Move(connection, 0).isProbing).toBe(true);
  });

  it.each<[string, (connection: Resting) => void]>([
    ["state", (connection) => (connection.isReading = false)],
    ["mid-frame", (connection) => (connection.isInflating = true)],
    ["mid-frame", (connection) => (connection.unread = Buffer.from("half"))],
    [
      "handlers",
      (connection) => {
        connection.unread = Buffer.from("half");
        connection.inbox.isFull = true;
      },
    ],
    ["mid-frame", (connection) => (connection.assembly = {})],
    [
      "handlers",
      (connection) => {
        connection.assembly = {};
        connection.inbox.isFull = true;
        connection.inbox.pending = 1;
      },
    ],
    ["handlers", (connection) => (connection.inbox.pending = 1)],
    ["handlers", (connection) => (connection.transport.unreadBytes = 1)],
    ["unflushed", (connection) => (connection.bufferedBytes = 1)],
    ["unflushed", (connection) => (connection.transport.unsentBytes = 1)],
  ])("is closed for the moment: %s", (cause, hinder) => {
    const { connection, move } = begin();
    hinder(connection);
    expect(move.obstacle()).toBe(cause);
  });

  it("has the rest of a message read first, and counts standing still from then on", () => {
    const { connection, move } = begin();
    connection.transport.isPaused = true;
    connection.assembly = {};
    connection.clock.advance(70);
    expect(move.obstacle()).toBe("mid-frame");
    expect(connection.transport.isPaused).toBe(false);
    expect(move.frozenAt).toBe(connection.clock.now());
  });

  it.each<
    [string | undefined, string | undefined, (connection: Resting) => void]
  >([
    [undefined, undefined, () => {}],
    ["tls", undefined, (connection) => (connection.isSecure = true)],
    [
      "compression",
      undefined,
      (connection) => (connection.compressor = { windowBits: null }),
    ],
    [
      undefined,
      undefined,
      (connection) => (connection.compressor = { windowBits: 15 }),
    ],
    ["runtime", "Node is too old", () => {}],
    [
      "no-resume",
      undefined,
      (connection) => (connection.shard.hooks.canResume = false),
    ],
  ])("is known to be closed for good: %s", (cause, blocker, hinder) => {
    const connection = new Resting(1);
    hinder(connection);
    expect(Move.lastingObstacle(connection, blocker)).toBe(cause);
  });

  it("takes what `suspend` returns, which is asked once and last", () => {
    let calls = 0;
    const { connection, move } = begin(() => `kept ${++calls}`);
    connection.inbox.pending = 1;
    move.obstacle();
    expect(calls).toBe(0);
    connection.inbox.pending = 0;
    expect(move.obstacle()).toBeUndefined();
    expect(move.obstacle()).toBeUndefined();
    expect([calls, move.state]).toEqual([1, "kept 1"]);
  });

  it("waits until what `suspend` has sent is with the kernel", () => {
    const { connection, move } = begin(() => {
      connection.bufferedBytes = 10;
      return "kept";
    });
    expect(move.obstacle()).toBe("unflushed");
    connection.bufferedBytes = 0;
    expect([move.obstacle(), move.state]).toEqual([undefined, "kept"]);
  });

  it("waits for a `suspend` that takes time, and has messages wait as well", async () => {
    const work = Promise.withResolvers<string>();
    const { connection, move } = begin(() => work.promise);
    expect([move.obstacle(), move.obstacle()]).toEqual([
      "handlers",
      "handlers",
    ]);
    expect(connection.held).toHaveLength(1);
    expect(move.state).toBe("data");
    work.resolve("kept");
    await Promise.all(connection.held);
    expect([move.obstacle(), move.state]).toEqual([undefined, "kept"]);
    expect(connection.resumed).toEqual([]);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("not now");
      },
    ],
    ["rejects", () => Promise.reject(new Error("not now"))],
  ])(
    "is closed for good where `suspend` %s, which is told",
    async (_, suspend) => {
      const { connection, move } = begin(suspend);
      move.obstacle();
      await Promise.all(connection.held);
      expect([move.obstacle(), move.state]).toEqual(["suspend", "data"]);
      expect(connection.failures).toEqual(["suspend", new Error("not now")]);
      move.giveUp();
      expect(connection.resumed).toEqual([]);
    },
  );

  it("is given up: reading goes on, and what was suspended is resumed", () => {
    const { connection, move } = begin(() => "kept");
    move.obstacle();
    move.giveUp();
    expect([connection.transport.isPaused, connection.readOn]).toEqual([
      false,
      1,
    ]);
    expect(connection.resumed).toEqual(["kept"]);
  });

  it("is given up without a word to handlers that were not asked, or after a verdict", () => {
    const { connection, move } = begin(() => "kept");
    move.giveUp();
    expect(connection.resumed).toEqual([]);
    move.obstacle();
    connection.enter("draining.flushing");
    move.giveUp();
    expect(connection.resumed).toEqual([]);
  });

  it.each([
    ["open.healthy", ["kept"]],
    ["closing", ["kept"]],
    ["draining.flushing", []],
  ])(
    "is resumed later where `suspend` has outlasted it, in %s",
    async (state, resumed) => {
      const work = Promise.withResolvers<string>();
      const { connection, move } = begin(() => work.promise);
      move.obstacle();
      move.giveUp();
      connection.move = null;
      connection.enter(state);
      work.resolve("kept");
      await Promise.all(connection.held);
      expect(connection.resumed).toEqual(resumed);
    },
  );
});
