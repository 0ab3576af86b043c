import { type Actor, createActor } from "xstate";
import {
  type ServerEvent,
  serverMachine,
} from "../../src/machines/server-machine.ts";
import {
  type ShardEvent,
  shardDelays,
  shardMachine,
} from "../../src/machines/shard-machine.ts";
import {
  killDelay,
  reportDelay,
  timeUntil,
  withdrawalDelay,
} from "../../src/main/deadlines.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { pathOf } from "./exploration.ts";

export const START_DEADLINE_MS = 30_000;
export const SHUTDOWN_DEADLINE_MS = 8_000;
export const WITHDRAWAL_MS = 2_000;
const WAITING_SHARE = 0.75;

/** Something that was done to a thread, and when. */
export interface Deed {
  readonly at: number;
  readonly what: string;
  /** The deadline at that moment. */
  readonly deadline: number;
}

/** A shard as main runs it, in front of a thread that is only made up. */
export class SimulatedShard {
  readonly deeds: Deed[] = [];
  /** The deadline of the last shutdown that it was told. */
  deadline = Infinity;
  totals = 0;
  /** The thread has ended. */
  isGone = false;
  endedAt = Infinity;
  readonly #clock: FakeClock;
  readonly #changed: () => void;
  readonly #actor: Actor<typeof shardMachine>;

  constructor(clock: FakeClock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
    const does = (what: string) => () =>
      void this.deeds.push({
        at: clock.now(),
        what,
        deadline: this.deadline,
      });
    this.#actor = createActor(
      shardMachine.provide({
        delays: {
          startDeadline: () => START_DEADLINE_MS,
          shutdownDeadline: () => timeUntil(this.deadline, clock.now()),
          killDeadline: () => killDelay(this.deadline, clock.now()),
          endDeadline: () => shardDelays.endDeadline,
        },
        actions: {
          announceServing: does("serve"),
          broadcastShutdown: does("shutdown"),
          broadcastCallOff: does("call-off"),
          broadcastForce: does("force"),
          killThread: (_, { cause }) => does(`kill for ${cause}`)(),
          settleTotals: () => {
            this.totals++;
          },
        },
      }),
      { clock },
    );
    this.#actor.subscribe(() => {
      if (this.state === "terminated")
        this.endedAt = Math.min(this.endedAt, clock.now());
      this.#changed();
    });
    this.#actor.start();
  }

  get state(): string {
    return pathOf(this.#actor.getSnapshot().value);
  }

  send(event: ShardEvent): void {
    if (this.state !== "terminated") this.#actor.send(event);
  }

  shutDown(deadline: number): void {
    this.deadline = deadline;
    this.send({ type: "shutdown.requested" });
  }

  force(deadline: number): void {
    this.shutDown(deadline);
    this.send({ type: "deadline.reached" });
  }

  /** The thread ends, of itself or because it was killed. */
  endThread(): void {
    this.isGone = true;
    this.send({ type: "thread.ended" });
  }

  killByServer(deadline: number): void {
    this.deeds.push({
      at: this.#clock.now(),
      what: "kill for report",
      deadline,
    });
  }
}

/**
 * Main in simulated time: the real server machine, shard machines and the
 * moments that main waits for, wired as `src/main` wires them.
 */
export class MainSimulation {
  readonly clock = new FakeClock(1_000_000);
  readonly shards: readonly SimulatedShard[];
  readonly looks: (() => void)[] = [];
  deadline = Infinity;
  isReady = false;
  accepts = false;
  hasFailed = false;
  hasListened = false;
  reports = 0;
  endedAt = Infinity;
  #begunAt = 0;
  #withdrawnAt = 0;
  #isStopping = false;
  readonly #actor: Actor<typeof serverMachine>;

  constructor() {
    const { clock } = this;
    const forEach = (act: (shard: SimulatedShard) => void) => () => {
      for (const shard of this.shards) act(shard);
    };
    this.#actor = createActor(
      serverMachine.provide({
        delays: {
          startDeadline: () => START_DEADLINE_MS * 2,
          turnDeadline: () =>
            timeUntil(
              this.#begunAt + (this.deadline - this.#begunAt) * WAITING_SHARE,
              clock.now(),
            ),
          withdrawalDelay: () =>
            withdrawalDelay(
              {
                begunAt: this.#withdrawnAt,
                delayMs: WITHDRAWAL_MS,
                deadline: this.deadline,
              },
              clock.now(),
            ),
          shutdownDeadline: () => timeUntil(this.deadline, clock.now()),
          reportDeadline: () => reportDelay(this.deadline, clock.now()),
        },
        actions: {
          announceReady: () => (this.isReady = true),
          withdrawReadiness: () => {
            this.#withdrawnAt = clock.now();
            this.isReady = false;
          },
          suspendListener: () => (this.accepts = false),
          resumeListener: () => (this.accepts = true),
          broadcastShutdown: () => {
            for (const shard of this.shards) shard.shutDown(this.deadline);
            this.#lookForEnd();
          },
          broadcastCallOff: forEach((shard) =>
            shard.send({ type: "shutdown.calledOff" }),
          ),
          broadcastForce: forEach((shard) =>
            shard.force(Math.min(this.deadline, clock.now())),
          ),
          killShards: forEach((shard) => {
            if (shard.state !== "terminated") shard.killByServer(this.deadline);
          }),
          completeReport: () => {
            this.reports++;
            this.endedAt = clock.now();
          },
        },
      }),
      { clock },
    );
    this.#actor.start();
    this.shards = [0, 1].map(
      () => new SimulatedShard(clock, () => this.#lookForEnd()),
    );
  }

  get state(): string {
    return pathOf(this.#actor.getSnapshot().value);
  }

  /** It has been asked to stop, and nobody has called that off. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  listens(): void {
    const areServing = this.shards.every(({ state }) =>
      state.startsWith("serving"),
    );
    if (this.state !== "starting" || !areServing) return;
    this.accepts = true;
    this.hasListened = true;
    this.#send("server.listening");
  }

  fails(): void {
    this.hasFailed = true;
    if (this.state === "listening") this.#stopBy(SHUTDOWN_DEADLINE_MS);
    this.#isStopping = true;
    this.#send("server.failed");
  }

  shutDown(deadlineMs: number, isClustered = false): void {
    const deadline = this.clock.now() + deadlineMs;
    const isQueued = isClustered && this.state === "listening";
    if (!this.#isStopping || this.state === "starting")
      this.#stopBy(deadlineMs);
    else if (deadline < this.deadline) this.deadline = deadline;
    else return;
    this.#send(isQueued ? "shutdown.queued" : "shutdown.requested");
  }

  grantTurn(): void {
    this.#send("turn.granted");
  }

  force(): void {
    this.#isStopping = true;
    this.deadline = Math.min(this.deadline, this.clock.now());
    this.#send("deadline.reached");
  }

  callOff(): void {
    if (!this.state.startsWith("closing") || this.hasFailed) return;
    this.#send("shutdown.calledOff");
    this.deadline = Infinity;
    this.#isStopping = false;
  }

  #stopBy(deadlineMs: number): void {
    this.#isStopping = true;
    this.#begunAt = this.clock.now();
    this.deadline = Math.min(this.deadline, this.#begunAt + deadlineMs);
  }

  #lookForEnd(): void {
    // The first shards report while the others are still being made.
    const states = (this.shards ?? []).map(({ state }) => state);
    if (!this.#isStopping || states.length === 0) return;
    if (states.every((state) => state === "terminated"))
      this.#send("shards.terminated");
    else if (
      states.every((state) => /^(draining|ending|terminated)$/.test(state))
    )
      this.#send("shards.told");
  }

  #send(type: ServerEvent["type"]): void {
    if (this.state !== "terminated") this.#actor.send({ type });
  }
}
