import { FakeClock } from "../../test/support/fake-clock.ts";
import { connectionTable } from "../../src/machines/connection-table.ts";
import type { ConnectionEventType } from "../../src/machines/connection-machine.ts";
import type { TableState } from "../../src/machines/transition-table.ts";
import type { DrainPlan } from "../../src/protocol/messages.ts";
import { ShardCounters } from "../../src/protocol/shard-counters.ts";
import {
  compressedReady,
  connectionActions,
  connectionDelays,
} from "../../src/workers/connection/machine-actions.ts";
import { ShardDrain } from "../../src/workers/lifecycle/shard-drain.ts";
import { LifecycleRunner } from "../../src/workers/lifecycle/runner.ts";
import { ManagedConnection } from "../../src/workers/lifecycle/managed-connection.ts";
import { OPCODE } from "../../src/rfc6455.ts";
import { remember, unborn } from "./connection-history.ts";
import type { History } from "./connection-history.ts";
import type { Lived } from "./law.ts";

export const TICK_MS = 16;

/** The options that connections ask for. */
export const CONFIG = {
  handshakeDeadlineMs: 5_000,
  pongDeadlineMs: 10_000,
  congestionDeadlineMs: 30_000,
  closeDeadlineMs: 8_000,
  closeCode: 1001,
  congestionCloseCode: 1013,
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

/**
 * A connection without a socket, as far as the machine, the real actions, the
 * real delays and a drain look at it. What is sent is kept.
 */
export class SimulatedConnection extends ManagedConnection {
  readonly isHeldBack = false;
  readonly isSecure = true;
  readonly upgrade = null;
  readonly compressor: { isIdle: boolean; close(): void };
  isReading = false;
  handlers: number;
  /** On its way to another thread; how often that was given up. */
  move: { deadline: number; giveUp: () => void } | null = null;
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

  readonly temper: Temper;
  readonly simulation: Simulation;
  readonly shard: unknown;
  readonly socket = { resume() {}, end() {}, destroy() {} };
  readonly writer = {
    bytes: (): void => void this.sent.push("http"),
    write: (): void => {},
    frame: (opcode: number): void => this.#frame(opcode),
  };
  readonly inbox = {
    settle: (): void => this.settleHandlers(),
    track: (): void => {},
    drop: (): void => {},
    hearClose: (): void => {},
    shut: (): void => {},
  };

  constructor(simulation: Simulation, temper: Temper) {
    super(0);
    this.lifecycle = connectionTable.initial.target;
    this.simulation = simulation;
    this.temper = temper;
    this.handlers = temper.handlers;
    this.compressor = { isIdle: temper.compressing === 0, close() {} };
    this.#compressing = temper.compressing;
    this.shard = {
      config: CONFIG,
      clock: simulation.clock,
      counters: simulation.counters,
      hooks: { run: () => undefined },
      reportRejection() {},
      reportOpened() {},
      reportCongestion() {},
      reportEnded: (_: unknown, end: { outcome: string; code: number }) => {
        this.end = end;
      },
      forget: () => simulation.forget(this),
    };
  }

  /** It has not been asked to go, nor decided to. */
  get isStaying(): boolean {
    return this.has("open") || this.state === "upgrading.handshaking";
  }

  tell(event: ConnectionEventType): void {
    this.simulation.runner.send(this, event);
  }

  override limitDeadline(deadline: number): void {
    this.deadlines.push({ at: this.simulation.clock.now(), deadline });
    this.simulation.noteDeadline();
    super.limitDeadline(deadline);
  }

  /** A balancer would like it to be on another thread. */
  askToMove(withinMs: number): void {
    const mayMove = /^open\.(healthy|probing)$/.test(this.state);
    if (mayMove)
      this.move = {
        deadline: this.simulation.clock.now() + withinMs,
        giveUp: () => void this.movesGivenUp++,
      };
    this.tell("move.requested");
  }

  settleHandlers(): void {
    if (this.handlers === 0 && this.compressor.isIdle)
      this.tell("handlers.settled");
  }

  /** One more message is a frame. */
  compress(): void {
    const isUnderWay = this.history.opened && !this.lifecycle.isFinal;
    if (!isUnderWay || this.#compressing === 0) return;
    this.#compressing--;
    this.sent.push("message");
    this.compressor.isIdle = this.#compressing === 0;
    compressedReady(this as never);
  }

  abort(): void {}
  relieve(): void {}

  #frame(opcode: number): void {
    this.sent.push(opcode === OPCODE.close ? "close" : "ping");
    if (opcode !== OPCODE.close) return;
    if (this.temper.flushesAtOnce) this.tell("buffer.flushed");
    if (this.temper.answersAtOnce) this.endWith("peer.closed", 1000);
  }
}

/** A telling of many, under way or over. */
interface Leaving {
  readonly drain: ShardDrain;
  readonly toldCounts: number[];
  drained: number;
  isCalledOff: boolean;
}

/**
 * A shard in simulated time: the real table, runner, wheel, actions, delays and
 * drains, around connections without sockets. What the shard's thread does
 * with main's messages is done here in the same words.
 */
export class Simulation {
  readonly clock = new FakeClock(1_000_000);
  readonly counters = new ShardCounters();
  readonly connections: SimulatedConnection[] = [];
  readonly leavings = new Set<Leaving>();
  readonly runner: LifecycleRunner<ConnectionEventType, SimulatedConnection>;
  /** Called after everything that happens. */
  readonly looks: (() => void)[] = [];
  /** Whoever was told by a drain that had been called off. */
  strayTellings = 0;
  #shutdown: Leaving | undefined;
  #drain: Leaving | undefined;
  #teller: Leaving | undefined;

  constructor() {
    this.runner = new LifecycleRunner<ConnectionEventType, SimulatedConnection>(
      {
        table: connectionTable,
        clock: this.clock,
        wheel: { tickMs: TICK_MS, slots: 64 },
        delays: connectionDelays as never,
        actions: {
          ...connectionActions,
          // These two hand the socket to the protocol engine.
          writeAcceptance: (connection: SimulatedConnection) =>
            connection.writer.bytes(),
          announceOpened: () => {},
          // And these two take it out of the thread and into another.
          beginMove: () => {},
          announceArrival: (connection: SimulatedConnection) => {
            connection.move = null;
          },
        } as never,
        observe: (connection, event, source, target, _edge, _ms, actions) => {
          this.#count(source, target);
          const move = {
            source: source?.name ?? "",
            event,
            target: target.name,
            verbs: actions.map(({ type, params }) => ({
              type,
              params: params as Record<string, unknown> | undefined,
            })),
            // The runner arms and cancels: differential tests look at that.
            cancels: source?.delayEvent === undefined ? 0 : 1,
            arms: target.delayEvent === undefined ? [] : [target.delayEvent],
            isIgnored: false,
          };
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
    const connection = new SimulatedConnection(this, temper);
    this.connections.push(connection);
    this.counters.add("handed");
    this.counters.add("received");
    this.runner.start(connection);
    if (this.#shutdown !== undefined) this.#tell(this.#shutdown, connection);
  }

  shutDown(plan: Pick<DrainPlan, "deadline" | "rate">): void {
    this.callOffShutdown();
    const { live } = this;
    const open = live.filter((each) => each.has("open"));
    this.#shutdown = this.#depart(open, plan);
    for (const other of live)
      if (!open.includes(other)) this.#tell(this.#shutdown, other);
  }

  callOffShutdown(): void {
    if (this.#shutdown !== undefined) callOff(this.#shutdown);
    this.#shutdown = undefined;
  }

  /** Aims a drain at the first few that are open. */
  drain(count: number, plan: Pick<DrainPlan, "deadline" | "rate">): void {
    const open = this.live.filter((each) => each.has("open"));
    this.#drain = this.#depart(open.slice(0, count), plan);
  }

  callOffDrain(): void {
    if (this.#drain !== undefined) callOff(this.#drain);
    this.#drain = undefined;
  }

  /** Tells everyone who is going to go, so much later than now. */
  tellAgain(deadlineMs: number): void {
    const leaving = this.#depart([], {
      deadline: this.clock.now() + deadlineMs,
      rate: "unlimited",
    });
    for (const connection of this.live)
      if (!connection.isStaying) this.#tell(leaving, connection);
  }

  force(): void {
    const now = this.clock.now();
    this.#shutdown?.drain.hurry();
    for (const connection of this.live) {
      connection.limitDeadline(now);
      connection.tell("deadline.reached");
    }
  }

  /** Its last step. */
  forget(connection: SimulatedConnection): void {
    for (const { drain } of this.leavings) drain.ended(connection);
  }

  #depart(
    targets: readonly SimulatedConnection[],
    { deadline, rate }: Pick<DrainPlan, "deadline" | "rate">,
  ): Leaving {
    const plan: DrainPlan = {
      deadline,
      rate,
      closeCode: 1001,
      retryMinMs: 0,
      retrySpreadMs: "auto",
      shards: 1,
      turn: 0,
    };
    const toldCounts: number[] = [];
    const leaving: Leaving = {
      drain: new ShardDrain({
        clock: {
          now: () => this.clock.now(),
          setTimeout: (step, ms) =>
            this.clock.setTimeout(() => this.#tellAs(leaving, step), ms),
          clearTimeout: (handle) => this.clock.clearTimeout(handle),
          afterPoll: (callback) => this.clock.afterPoll(callback),
        },
        plan,
        targets,
        onTold: (told) => toldCounts.push(told),
        onDrained: () => {
          leaving.drained++;
          this.leavings.delete(leaving);
        },
      }),
      toldCounts,
      drained: 0,
      isCalledOff: false,
    };
    this.leavings.add(leaving);
    this.#tellAs(leaving, () => leaving.drain.start());
    return leaving;
  }

  /** A connection is given a deadline: by whom, if by a drain? */
  noteDeadline(): void {
    if (this.#teller?.isCalledOff === true) this.strayTellings++;
  }

  #tell(leaving: Leaving, connection: SimulatedConnection): void {
    this.#tellAs(leaving, () => leaving.drain.tell(connection, 0));
  }

  /** Notes who tells while it does. */
  #tellAs(leaving: Leaving, tell: () => void): void {
    this.#teller = leaving;
    tell();
    this.#teller = undefined;
  }

  #count(source: TableState | undefined, target: TableState): void {
    const { states } = this.counters;
    if (source !== undefined) (states[source.index] as number) -= 1;
    if (!target.isFinal) (states[target.index] as number) += 1;
  }
}

function callOff(leaving: Leaving): void {
  leaving.isCalledOff = true;
  leaving.drain.callOff();
}
