import { describe, expect, it } from "vitest";
import type { ConnectionEventType } from "../../../../src/machines/connection-machine.ts";
import type {
  MoveObstacles,
  MovingShardMessage,
} from "../../../../src/protocol/handover-messages.ts";
import { ShardCounters } from "../../../../src/protocol/shard-counters.ts";
import {
  Mover,
  type MoverHost,
} from "../../../../src/workers/handover/mover.ts";
import { movingState } from "../../../../src/workers/handover/states.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

/** So many are on their way at most. */
const IN_FLIGHT = 16;
/** So many stand still at most. */
const WINDOW = 64;
/** What could not move is looked at again after this. */
const RETRY_MS = 20;
const MOVE_DEADLINE_MS = 1_000;

interface Movement {
  readonly deadline: number;
  giveUp(): void;
}

/** A connection that can move, unless a test says why not. */
class Movable extends FakeConnection {
  readonly shard: object;
  readonly handle = {};
  readonly transport = {
    handle: this.handle as object | undefined,
    isPaused: false,
    unreadBytes: 0,
    unsentBytes: 0,
    pause: () => void (this.transport.isPaused = true),
    resume: () => void (this.transport.isPaused = false),
    detach: (give: (handle: object) => void) => {
      give(this.handle);
      this.transport.handle = undefined;
    },
  };
  readonly inbox = { pending: 0, isFull: false, resume: () => {} };
  readonly isSecure = false;
  readonly compressor = null;
  readonly isInflating = false;
  readonly head = null;
  readonly subscriptions = null;
  assembly = null;
  unread = null;
  isReading = true;
  bufferedBytes = 0;
  data: unknown = undefined;
  move: Movement | null = null;
  /** What was put back as it left. */
  readonly putBack: string[] = [];

  constructor(number: number, shard: object) {
    super(number);
    this.shard = shard;
  }

  override tell(event: ConnectionEventType): void {
    super.tell(event);
    if (event === "move.requested" && this.state === "open.healthy")
      this.lifecycle = movingState;
    if (event === "move.refused" && this.lifecycle === movingState) {
      this.enter("open.healthy");
      this.move?.giveUp();
      this.move = null;
    }
  }

  abort = (): void => void this.putBack.push("abort");
  stopHearing = (): void => void this.putBack.push("stop hearing");
  relieve = (): void => void this.putBack.push("relieve");
  resumeReading(): void {}
}

function stage(count = 1) {
  const clock = new FakeClock();
  const counters = new ShardCounters();
  const posted: MovingShardMessage[] = [];
  const registry = new Set<Movable>();
  const state = { refusesHandles: undefined as Error | undefined };
  const shard = {
    clock,
    counters,
    registry,
    config: { moveDeadlineMs: MOVE_DEADLINE_MS },
    moveBlocker: undefined as string | undefined,
    hooks: { canResume: true, suspends: false },
    addressLimit: null,
    runner: {
      leave: (connection: Movable) => void connection.putBack.push("left"),
    },
    topics: {
      surrender: (connection: Movable) =>
        void connection.putBack.push("topics"),
    },
    forget: (connection: Movable) => void registry.delete(connection),
  };
  const connections = Array.from(
    { length: count },
    (_, at) => new Movable(at + 1, shard),
  );
  for (const connection of connections) registry.add(connection);
  const mover = new Mover(shard as unknown as MoverHost, (message, handle) => {
    if (handle !== undefined && state.refusesHandles !== undefined)
      throw state.refusesHandles;
    posted.push(message);
  });
  const start = (limit = Infinity, deadlineMs = 5_000, order = 1): void =>
    mover.start({
      type: "move",
      order,
      limit,
      deadline: clock.now() + deadlineMs,
    });
  const gone = (): number[] =>
    posted.flatMap((message) =>
      message.type === "moved-out" ? [message.snapshot.number] : [],
    );
  const results = (): { left: number; refused: MoveObstacles }[] =>
    posted.flatMap((message) =>
      message.type === "moved"
        ? [{ left: message.left, refused: message.refused }]
        : [],
    );
  const [first] = connections as [Movable];
  return {
    ...{ clock, counters, shard, state, mover, registry, first },
    ...{ connections, start, gone, results },
  };
}

describe("a shard that gives connections away", () => {
  it("says who has left, takes everything of it back, and when all have", () => {
    const { clock, counters, mover, first, registry, start, gone, results } =
      stage();
    start();
    clock.advance(5);
    expect(gone()).toEqual([1]);
    expect(results()).toEqual([{ left: 1, refused: {} }]);
    expect(first.putBack).toEqual([
      "left",
      "abort",
      "stop hearing",
      "relieve",
      "topics",
    ]);
    expect([registry.size, mover.inFlight, first.move]).toEqual([0, 1, null]);
    expect(counters.get("movedOut")).toBe(1);
    expect(clock.waiting).toBe(0);
  });

  it("lets no more be on their way at once than may, and more when these have landed", () => {
    const { clock, mover, start, gone, results } = stage(40);
    start();
    clock.advance(100);
    expect([gone().length, mover.inFlight]).toEqual([IN_FLIGHT, IN_FLIGHT]);
    for (const number of gone().slice(0, 3)) mover.landed(number);
    clock.advance(100);
    expect(gone()).toHaveLength(IN_FLIGHT + 3);
    for (let round = 0; round < 3; round++) {
      for (const number of gone()) mover.landed(number);
      clock.advance(100);
    }
    expect(gone()).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
    expect(results()).toEqual([{ left: 40, refused: {} }]);
  });

  it("tells when the last of those on their way has landed, and not before", () => {
    const { clock, mover, start } = stage(3);
    let landed = 0;
    mover.onLanded = () => landed++;
    start();
    clock.advance(5);
    mover.landed(1);
    mover.landed(2);
    expect(landed).toBe(0);
    mover.landed(3);
    expect(landed).toBe(1);
  });

  it("gives away as many as it was asked to, and leaves the others alone", () => {
    const { clock, connections, start, gone, results } = stage(10);
    start(4);
    clock.advance(500);
    expect(gone()).toEqual([1, 2, 3, 4]);
    expect(results()).toEqual([{ left: 4, refused: {} }]);
    expect(connections.slice(4).flatMap(({ told }) => told)).toEqual([]);
  });

  it("asks no more of them than may leave while these still wait", () => {
    const { clock, connections, start, gone } = stage(10);
    for (const { inbox } of connections) inbox.pending = 1;
    start(4);
    clock.advance(50);
    expect(
      connections.filter(({ lifecycle }) => lifecycle === movingState),
    ).toHaveLength(4);
    expect(gone()).toEqual([]);
  });

  it("has no more than so many stand still at a time", () => {
    const { clock, connections, start } = stage(100);
    for (const { inbox } of connections) inbox.pending = 1;
    start();
    clock.advance(100);
    expect(
      connections.filter(({ lifecycle }) => lifecycle === movingState),
    ).toHaveLength(WINDOW);
  });

  it("looks at a few in a turn of the event loop, and goes on in the next", () => {
    const { clock, connections, start } = stage(40);
    for (const { inbox } of connections) inbox.pending = 1;
    start();
    const moving = (): number =>
      connections.filter(({ lifecycle }) => lifecycle === movingState).length;
    expect(moving()).toBe(IN_FLIGHT);
    clock.advance(0);
    expect(moving()).toBe(40);
  });

  it("takes those who are open, and knows of who has closed meanwhile", () => {
    const { clock, connections, start, gone, results } = stage(3);
    connections[1]?.enter("closing");
    start();
    clock.advance(100);
    expect(gone()).toEqual([1, 3]);
    expect(results()).toEqual([{ left: 2, refused: {} }]);
  });

  it("asks once more who could not leave, a little later", () => {
    const { clock, first, start, gone } = stage();
    first.enter("open.congested");
    start();
    clock.advance(RETRY_MS - 2);
    first.enter("open.healthy");
    expect([first.told.length, gone()]).toEqual([1, []]);
    clock.advance(4);
    expect([first.told.length, gone()]).toEqual([2, [1]]);
  });

  it("refuses who could not leave by the end, by what was seen last", () => {
    const { clock, counters, connections, start, results } = stage(2);
    const [congested, busy] = connections as [Movable, Movable];
    congested.enter("open.congested");
    busy.inbox.pending = 1;
    start(Infinity, 500);
    clock.advance(490);
    expect(results()).toEqual([]);
    clock.advance(30);
    expect(results()).toEqual([
      { left: 0, refused: { state: 1, handlers: 1 } },
    ]);
    expect(counters.moveRefusals()).toMatchObject({ state: 1, handlers: 1 });
    expect([busy.state, busy.move]).toEqual(["open.healthy", null]);
    expect(clock.waiting).toBe(0);
  });

  it("holds none up for longer than one may stand still", () => {
    const { clock, first, start, gone, results } = stage();
    first.inbox.pending = 1;
    start(Infinity, 10_000);
    clock.advance(MOVE_DEADLINE_MS - 2);
    expect(first.lifecycle).toBe(movingState);
    clock.advance(4);
    expect(first.state).toBe("open.healthy");
    first.inbox.pending = 0;
    clock.advance(RETRY_MS + 2);
    expect(gone()).toEqual([1]);
    expect(results()).toEqual([{ left: 1, refused: {} }]);
  });

  it("asks those no more who never can", () => {
    const { clock, shard, first, start, results } = stage();
    shard.moveBlocker = "handover is off";
    start();
    clock.advance(5);
    expect(results()).toEqual([{ left: 0, refused: { runtime: 1 } }]);
    expect(first.told).toEqual([]);
  });

  it.each([
    ["data", new DOMException("it cannot be cloned", "DataCloneError"), 1],
    ["runtime", new Error("handles cannot travel"), 1],
    [
      "data",
      new Error("whatever a getter has thrown"),
      {
        get secret() {
          throw new Error("not yours");
        },
      },
    ],
  ])("keeps one whose handle or data is refused: %s", (cause, error, data) => {
    const { clock, counters, state, first, start, results } = stage();
    state.refusesHandles = error;
    // Its depth is read first; what throws then has been asked for twice.
    let reads = 0;
    first.data =
      typeof data === "number"
        ? data
        : new Proxy(data, {
            ownKeys: (target) => (reads++ === 0 ? [] : Reflect.ownKeys(target)),
          });
    start();
    clock.advance(5);
    expect(results()).toEqual([{ left: 0, refused: { [cause]: 1 } }]);
    expect([first.state, counters.get("movedOut")]).toEqual([
      "open.healthy",
      0,
    ]);
    expect(first.transport.handle).toBe(first.handle);
  });

  it("does not look again at who has ended its move by itself", () => {
    const { clock, first, start, results } = stage();
    first.inbox.pending = 1;
    start();
    clock.advance(5);
    first.move = null;
    first.end();
    clock.advance(5);
    expect(results()).toEqual([{ left: 0, refused: {} }]);
  });

  it("lets those stay who have not left, when that is called off", () => {
    const { clock, mover, connections, start, gone, results } = stage(3);
    const [waiting, later, free] = connections as [Movable, Movable, Movable];
    waiting.inbox.pending = 1;
    later.enter("open.congested");
    start();
    clock.advance(5);
    expect(gone()).toEqual([free.number]);
    mover.callOff(7);
    expect(results()).toEqual([]);
    mover.callOff(1);
    expect(results()).toEqual([{ left: 1, refused: {} }]);
    expect(waiting.state).toBe("open.healthy");
    later.enter("open.healthy");
    waiting.inbox.pending = 0;
    clock.advance(10_000);
    expect([gone().length, clock.waiting]).toEqual([1, 0]);
    mover.callOff(1);
    expect(results()).toHaveLength(1);
  });

  it("follows several orders, until all of them are called off", () => {
    const { clock, mover, connections, start, results } = stage(2);
    for (const { inbox } of connections) inbox.pending = 1;
    start(1, 5_000, 1);
    start(1, 5_000, 2);
    clock.advance(5);
    mover.callOffAll();
    expect(results()).toEqual([
      { left: 0, refused: {} },
      { left: 0, refused: {} },
    ]);
    clock.advance(10_000);
    expect(clock.waiting).toBe(0);
  });
});
