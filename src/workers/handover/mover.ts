import {
  isLasting,
  type ConnectionSnapshot,
  type MoveOrder,
  type MovingShardMessage,
  type MoveObstacle,
  type MoveObstacles,
} from "../../protocol/handover-messages.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import type { ConnectionEventType } from "../../machines/connection-machine.ts";
import {
  type ConnectionHost,
  LiveConnection,
} from "../connection/connection.ts";
import type { LifecycleRunner } from "../lifecycle/runner.ts";
import { attachTransport } from "../connection/receive.ts";
import { GoneTransport } from "../transport/gone.ts";
import type { Transport } from "../transport/transport.ts";
import type { Registry } from "../lifecycle/registry.ts";
import type { ShardTopics } from "../topics/shard-topics.ts";
import {
  type SnapshotHost,
  captureConnection,
  restoreConnection,
} from "./connection-snapshot.ts";
import { Move } from "./move.ts";
import { isTooDeep } from "./nesting.ts";
import { departed, movingState } from "./states.ts";
import { describeForeign } from "../../foreign-value.ts";

/** So many may stand still at the same time, unread, until they can leave. */
const WINDOW = 64;
/** So many may be on their way: the next leave when those have landed. */
const IN_FLIGHT = 16;
/** So many are looked at before the event loop turns. */
const BATCH = 16;
/** Until the next look, where this one was not cut short by its batch. */
const LOOK_AGAIN_MS = 1;
/** What could not move is looked at again after this. */
const RETRY_MS = 20;

/** Posts to main, with a handle to transfer. */
export type PostHandle = (
  message: MovingShardMessage,
  handle?: SocketHandle,
) => void;

/** What a mover asks of its shard. */
export interface MoverHost extends ConnectionHost, SnapshotHost {
  readonly registry: Registry<LiveConnection>;
  readonly runner: LifecycleRunner<ConnectionEventType, LiveConnection>;
  readonly topics: ShardTopics;
  readonly moveBlocker: string | undefined;
  readonly open: (handle: SocketHandle) => Transport;
}

/** An order under way on this shard. */
interface Run {
  readonly order: MoveOrder;
  /** Who is to move, the next one last. */
  queue: LiveConnection[];
  /** In `open.moving`, and not yet able to leave. */
  readonly waiting: Map<LiveConnection, Move>;
  /** To be looked at again, and why they could not move. */
  later: Map<LiveConnection, MoveObstacle>;
  retryAt: number;
  left: number;
  readonly refused: MoveObstacles;
}

/**
 * Gives connections of this shard away, and takes those of others in. A
 * connection leaves between two turns of the event loop, at a moment when
 * nothing of it is under way in this thread.
 */
export class Mover {
  readonly #shard: MoverHost;
  readonly #post: PostHandle;
  readonly #runs = new Map<number, Run>();
  /** Left, and not yet landed. */
  readonly #inFlight = new Set<number>();
  #timer: unknown;
  #onLanded: () => void = () => {};

  constructor(shard: MoverHost, post: PostHandle) {
    this.#shard = shard;
    this.#post = post;
  }

  /** Connections that have left and are nobody else's yet: this thread must not end before they have landed. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** @param onLanded - Called when nothing is on its way any more. */
  set onLanded(onLanded: () => void) {
    this.#onLanded = onLanded;
  }

  /** Starts to give connections away, as ordered. */
  start(order: MoveOrder): void {
    const queue: LiveConnection[] = [];
    for (const connection of this.#shard.registry)
      if (connection.has("open")) queue.push(connection);
    this.#runs.set(order.order, {
      order,
      queue: queue.toReversed(),
      waiting: new Map(),
      later: new Map(),
      retryAt: 0,
      left: 0,
      refused: {},
    });
    this.#pump();
  }

  /** Those who have not left stay. */
  callOff(order: number): void {
    const run = this.#runs.get(order);
    if (run === undefined) return;
    run.queue = [];
    run.later.clear();
    for (const connection of run.waiting.keys())
      connection.tell("move.refused");
    run.waiting.clear();
    this.#finish(run);
  }

  callOffAll(): void {
    for (const order of [...this.#runs.keys()]) this.callOff(order);
  }

  landed(number: number): void {
    this.#inFlight.delete(number);
    if (this.#inFlight.size === 0) this.#onLanded();
  }

  /**
   * A connection comes from elsewhere, and lives here from now on.
   *
   * @param handle - Absent when its peer has gone while it was on its way.
   */
  arrive(
    snapshot: ConnectionSnapshot,
    handle: SocketHandle | undefined,
  ): LiveConnection {
    const shard = this.#shard;
    const { counters, clock } = shard;
    counters.add("movedIn");
    (counters.states[movingState.index] as number) += 1;
    const transport =
      handle === undefined ? new GoneTransport() : shard.open(handle);
    const connection = new LiveConnection(
      shard,
      snapshot.number,
      transport,
      false,
    );
    restoreConnection(connection, snapshot, shard);
    shard.registry.add(connection);
    shard.runner.goOn(connection, movingState);
    attachTransport(connection);
    connection.isReading = true;
    connection.tell("move.arrived");
    if (snapshot.isProbing) connection.tell("heartbeat.due");
    counters.addMove(clock.now() - snapshot.frozenAt);
    this.#post({ type: "moved-in", number: snapshot.number });
    return connection;
  }

  #pump(): void {
    let looks = BATCH;
    for (const run of [...this.#runs.values()]) {
      looks = this.#look(run, looks);
      if (this.#isOver(run)) this.#finish(run);
    }
    this.#schedule(looks === 0 ? 0 : LOOK_AGAIN_MS);
  }

  /** Looks at so many connections at most; returns how many looks are left. */
  #look(run: Run, looks: number): number {
    const now = this.#shard.clock.now();
    for (const [connection, move] of run.waiting)
      this.#attempt(run, connection, move);
    if (run.later.size > 0 && now >= run.retryAt) {
      run.queue.unshift(...run.later.keys());
      run.later.clear();
    }
    while (
      looks > 0 &&
      run.queue.length > 0 &&
      run.waiting.size < WINDOW &&
      this.#inFlight.size < IN_FLIGHT &&
      run.left + run.waiting.size < run.order.limit
    ) {
      this.#begin(run, run.queue.pop() as LiveConnection);
      looks--;
    }
    return looks;
  }

  #begin(run: Run, connection: LiveConnection): void {
    if (!connection.has("open")) return;
    const lasting = Move.lastingObstacle(connection, this.#shard.moveBlocker);
    if (lasting !== undefined) return this.#refuse(run, lasting);
    const { clock, config } = this.#shard;
    const deadline = Math.min(
      run.order.deadline,
      clock.now() + config.moveDeadlineMs,
    );
    const move = new Move(connection, deadline);
    connection.move = move;
    connection.tell("move.requested");
    if (connection.lifecycle !== movingState) {
      connection.move = null;
      return this.#postpone(run, connection, "state");
    }
    run.waiting.set(connection, move);
    return this.#attempt(run, connection, move);
  }

  #attempt(run: Run, connection: LiveConnection, move: Move): void {
    if (connection.move !== move || connection.lifecycle !== movingState) {
      // It has left the state by itself: closing, congested, or too late.
      run.waiting.delete(connection);
      return this.#postpone(run, connection, "state");
    }
    let cause = move.obstacle();
    // Looking may have run the handlers' `suspend`, and that may have closed it.
    if (connection.lifecycle !== movingState) return;
    cause ??= this.#depart(run, connection, move);
    if (cause === undefined) {
      run.waiting.delete(connection);
      run.left++;
    } else if (isLasting(cause)) {
      run.waiting.delete(connection);
      connection.tell("move.refused");
      this.#refuse(run, cause);
    } else if (this.#shard.clock.now() >= move.deadline) {
      run.waiting.delete(connection);
      connection.tell("move.refused");
      this.#postpone(run, connection, cause);
    }
  }

  /** The moment itself: before it this thread owns the connection, after it it has nothing of it. */
  #depart(
    run: Run,
    connection: LiveConnection,
    move: Move,
  ): MoveObstacle | undefined {
    const shard = this.#shard;
    const { counters } = shard;
    const { transport, number } = connection;
    const snapshot = captureConnection(connection, move, shard);
    const { order } = run.order;
    if (!canTravel(snapshot.state)) return "data";
    counters.add("movedOut");
    try {
      transport.detach((handle) =>
        this.#post({ type: "moved-out", order, snapshot, handle }, handle),
      );
    } catch (error) {
      counters.add("movedOut", -1);
      return whyNotPosted(error, snapshot.state);
    }
    (counters.states[movingState.index] as number) -= 1;
    connection.move = null;
    shard.runner.leave(connection, departed);
    this.#inFlight.add(number);
    connection.abort();
    connection.stopHearing();
    connection.relieve();
    shard.addressLimit?.surrender(connection);
    shard.topics.surrender(connection);
    shard.forget(connection);
    return undefined;
  }

  #postpone(run: Run, connection: LiveConnection, cause: MoveObstacle): void {
    if (!connection.has("open")) return;
    if (run.later.size === 0) run.retryAt = this.#shard.clock.now() + RETRY_MS;
    run.later.set(connection, cause);
  }

  #refuse(run: Run, cause: MoveObstacle): void {
    run.refused[cause] = (run.refused[cause] ?? 0) + 1;
    this.#shard.counters.addMoveRefusal(cause);
  }

  #isOver(run: Run): boolean {
    if (run.waiting.size > 0) return false;
    const isDone = run.queue.length === 0 && run.later.size === 0;
    const isEnough = run.left >= run.order.limit;
    return isDone || isEnough || this.#shard.clock.now() >= run.order.deadline;
  }

  #finish(run: Run): void {
    const { order, limit } = run.order;
    const isEnough = run.left >= limit;
    if (!isEnough) {
      for (const cause of run.later.values()) this.#refuse(run, cause);
      for (const connection of run.queue)
        if (connection.has("open")) this.#refuse(run, "state");
    }
    this.#runs.delete(order);
    this.#post({ type: "moved", order, left: run.left, refused: run.refused });
  }

  #schedule(waitMs: number): void {
    if (this.#runs.size === 0 || this.#timer !== undefined) return;
    this.#timer = this.#shard.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, waitMs);
  }
}

/** Reading it runs getters of the user's, which may throw anything. */
function canTravel(state: unknown): boolean {
  try {
    return !isTooDeep(state);
  } catch {
    return false;
  }
}

/** Cloning runs getters of the user's data, which may throw anything. */
function whyNotPosted(error: unknown, state: unknown): MoveObstacle {
  if (describeForeign(error).name === "DataCloneError") return "data";
  try {
    structuredClone(state);
    return "runtime";
  } catch {
    return "data";
  }
}
