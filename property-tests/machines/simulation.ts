import { FakeClock } from "../../test/support/fake-clock.ts";
import { connectionTable } from "../../src/machines/connection-table.ts";
import type { ConnectionEventType } from "../../src/machines/connection-machine.ts";
import { ShardCounters } from "../../src/protocol/shard-counters.ts";
import { Inbox, type InboxOwner } from "../../src/workers/connection/inbox.ts";
import {
  type ActingConnection,
  type ActingShard,
  compressedReady,
  connectionDelays,
  lifecycleActions,
  type MoveUnderWay,
} from "../../src/workers/connection/machine-actions.ts";
import { ShardDrain } from "../../src/workers/lifecycle/shard-drain.ts";
import { LifecycleRunner } from "../../src/workers/lifecycle/runner.ts";
import { ManagedConnection } from "../../src/workers/lifecycle/managed-connection.ts";
import { OPCODE } from "../../src/rfc6455.ts";
import { remember, unborn } from "./connection-history.ts";
import type { History } from "./connection-history.ts";
import type { Lived } from "./law.ts";
import { asMove } from "./runner-move.ts";

export const TICK_MS = 16;

/** The options that connections ask for. */
export const CONFIG = {
  handshakeDeadlineMs: 5_000,
  requestDeadlineMs: 60_000,
  keepAliveDeadlineMs: 5_000,
  pongDeadlineMs: 10_000,
  congestionDeadlineMs: 30_000,
  closeDeadlineMs: 8_000,
  closeCode: 1001,
  congestionCloseCode: 1013,
  maxHandlersInFlight: 64,
} as const;

/** How a peer and its handlers take what comes; the world around one connection. */
export interface Temper {
  /** Handlers in flight when closing asks for them. */
  readonly handlers: number;
  /** Messages that have been sent and are still being compressed. */
  readonly compressing: number;
  /** The kernel takes our close frame at once. */
  readonly flushesAtOnce: boolean;
  /** The peer answers a close frame the moment that it is sent. */
  readonly answersAtOnce: boolean;
}

/** A move and when it was made. */
export interface TimedMove extends Lived<History> {
  readonly at: number;
}

/** A handler that runs until the simulation says that it is done; a promise would settle in no time of the simulation's. */
class Work implements PromiseLike<void> {
  readonly #heard: (() => void)[] = [];

  // oxlint-disable-next-line unicorn/no-thenable
  then<Result = void, Failure = never>(
    heard?: ((value: void) => Result | PromiseLike<Result>) | null,
  ): PromiseLike<Result | Failure> {
    this.#heard.push(() => void heard?.());
    return new Promise<never>(() => {});
  }

  settle(): void {
    for (const hear of this.#heard) hear();
  }
}

/** A connection whose socket and handlers are simulated; the rest of it is the real one. What is sent is kept. */
export class SimulatedConnection
  extends ManagedConnection
  implements ActingConnection, InboxOwner
{
  readonly shard: Simulation;
  readonly temper: Temper;
  readonly isSecure = true;
  readonly handshake = null;
  readonly compressor: { isIdle: boolean; windowBits: null; close(): void };
  readonly plain = {
    announceLast() {},
    awaitNext() {},
    giveUp: () => true,
    leave() {},
  };
  readonly receiver = null;
  readonly data = undefined;
  isReading = false;
  readonly inbox = new Inbox(this);
  readonly #handlers: Work[] = [];
  /** On its way to another thread; how often that was given up. */
  move: MoveUnderWay | null = null;
  movesGivenUp = 0;
  #compressing: number;

  history: History = unborn;
  readonly moves: TimedMove[] = [];
  /** What the peer can read, in order: `http`, `ping`, `message`, `close`. */
  readonly sent: string[] = [];
  /** Each deadline that it was given, and when. */
  readonly deadlines: { at: number; deadline: number }[] = [];
  /** Once it has ended, how. */
  end: { outcome: string; code: number } | undefined;

  readonly transport = { resume() {}, end() {}, destroy() {} };
  readonly writer = {
    bytes: (): void => void this.sent.push("http"),
    write: (): void => {},
    drop: (): void => {},
    frame: (opcode: number): void => this.#frame(opcode),
  };

  constructor(simulation: Simulation, number: number, temper: Temper) {
    super(number);
    this.lifecycle = connectionTable.initial.target;
    this.shard = simulation;
    this.temper = temper;
    this.compressor = {
      isIdle: temper.compressing === 0,
      windowBits: null,
      close() {},
    };
    this.#compressing = temper.compressing;
    for (let count = 0; count < temper.handlers; count++) {
      const work = new Work();
      this.#handlers.push(work);
      this.inbox.track(work);
    }
  }

  get isHeldBack(): boolean {
    return this.inbox.isFull;
  }

  /** It has not been asked to go, nor decided to. */
  get isStaying(): boolean {
    return (
      this.has("open") ||
      this.state === "upgrading.handshaking" ||
      /^plain\.(receiving|answering|congested|idle)$/.test(this.state)
    );
  }

  tell(event: ConnectionEventType): void {
    this.shard.runner.send(this, event);
  }

  override limitDeadline(deadline: number): void {
    this.deadlines.push({ at: this.shard.clock.now(), deadline });
    super.limitDeadline(deadline);
  }

  /** A balancer would like it to be on another thread. */
  askToMove(withinMs: number): void {
    const mayMove = /^open\.(healthy|probing)$/.test(this.state);
    if (mayMove)
      this.move = {
        deadline: this.shard.clock.now() + withinMs,
        giveUp: () => void this.movesGivenUp++,
      };
    this.tell("move.requested");
  }

  /** One more message is a frame. */
  compress(): void {
    const isUnderWay = this.history.opened && !this.lifecycle.isFinal;
    if (!isUnderWay || this.#compressing === 0) return;
    this.#compressing--;
    this.sent.push("message");
    this.compressor.isIdle = this.#compressing === 0;
    compressedReady(this);
  }

  /** One of the handlers in flight is done. */
  finishHandler(): void {
    this.#handlers.shift()?.settle();
  }

  handle(): undefined {}
  runHook(): undefined {}
  abort(): void {}
  relieve(): void {}
  pauseReading(): void {}
  resumeReading(): void {}
  stopHearing(): void {}
  countHeld(): void {}

  sendPing(): void {
    this.#frame(OPCODE.ping);
  }

  #frame(opcode: number): void {
    this.sent.push(opcode === OPCODE.close ? "close" : "ping");
    if (opcode !== OPCODE.close) return;
    if (this.temper.flushesAtOnce) this.tell("buffer.flushed");
    if (this.temper.answersAtOnce) this.endWith("peer.closed", 1000);
  }
}

/** Ends nobody's life by itself: whoever is told goes by its own machine. */
const PLAN = {
  closeCode: 1001,
  rate: "unlimited",
  retryMinMs: 0,
  retrySpreadMs: "auto",
  shards: 1,
  turn: 0,
} as const;

/**
 * Connections in simulated time: the real table, runner, wheel, actions,
 * delays and inboxes, without sockets and without a shard: the shards of
 * `property-tests/simulation` are the real ones.
 */
export class Simulation implements ActingShard<SimulatedConnection> {
  readonly config = CONFIG;
  readonly clock = new FakeClock(1_000_000);
  readonly counters = new ShardCounters();
  /** All that there ever were. */
  readonly connections: SimulatedConnection[] = [];
  readonly runner: LifecycleRunner<ConnectionEventType, SimulatedConnection>;
  /** Called after everything that happens. */
  readonly looks: (() => void)[] = [];

  constructor() {
    this.runner = new LifecycleRunner<ConnectionEventType, SimulatedConnection>(
      {
        table: connectionTable,
        clock: this.clock,
        wheel: { tickMs: TICK_MS, slots: 64 },
        delays: connectionDelays,
        actions: {
          ...lifecycleActions,
          // These hand the socket to the protocol engine, and to another thread.
          announceOpened: () => {},
          beginMove: () => {},
          beginRequest: () => {},
          serveRequest: () => {},
          announceArrival: (connection: SimulatedConnection) => {
            // In another thread it would be another object, which has no move before it.
            connection.move = null;
            lifecycleActions.announceArrival(connection, undefined as never);
          },
        },
        observe: (connection, event, source, target, _edge, _ms, actions) => {
          const move = asMove(event, source, target, actions);
          const before = connection.history;
          connection.history = remember(before, move);
          connection.moves.push({
            ...move,
            before,
            after: connection.history,
            at: this.clock.now(),
          });
        },
      },
    );
  }

  get live(): SimulatedConnection[] {
    return this.connections.filter(({ lifecycle }) => !lifecycle.isFinal);
  }

  /** A socket has been handed over. */
  adopt(temper: Temper): void {
    const number = this.connections.length + 1;
    const connection = new SimulatedConnection(this, number, temper);
    this.connections.push(connection);
    this.runner.start(connection);
  }

  /** Tells a connection to go, so much later than now at the latest: as a drain or a shutdown does. */
  tellToGo(connection: SimulatedConnection, deadlineMs: number): void {
    const drain = new ShardDrain({
      clock: this.clock,
      plan: { ...PLAN, deadline: this.clock.now() + deadlineMs },
      targets: [connection],
      onNotified: () => {},
      onDrained: () => {},
    });
    drain.tell(connection, 0);
  }

  /** Tells everyone who is going to go, so much later than now. */
  tellAgain(deadlineMs: number): void {
    for (const connection of this.live)
      if (!connection.isStaying) this.tellToGo(connection, deadlineMs);
  }

  track(): void {}
  reportOpened(): void {}
  reportRejection(): void {}
  reportCongestion(): void {}
  forget(): void {}

  reportEnded(
    connection: SimulatedConnection,
    end: { outcome: string; code: number },
  ): void {
    connection.end = end;
  }
}
