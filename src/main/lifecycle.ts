import { aside } from "./aside.ts";
import { channel } from "node:diagnostics_channel";
import { type ActorRefFrom, createActor } from "xstate";
import type { PatientClock } from "./patient-clock.ts";
import type { Config } from "../config.ts";
import { SluiceError } from "../errors.ts";
import {
  type ServerDelay,
  type ServerEvent,
  serverMachine,
} from "../machines/server-machine.ts";
import { stateName } from "../machines/transition-table.ts";
import { channels } from "../protocol/channels.ts";
import type { DrainPlan } from "../protocol/messages.ts";
import { type Cluster, QUEUEING } from "./cluster/cluster.ts";
import {
  reportDelay,
  timeUntil,
  turnDelay,
  withdrawalDelay,
} from "./deadlines.ts";
import type { Fleet } from "./shards/fleet.ts";
import { Milestone } from "./shards/milestone.ts";
import type { Ledger, ShutdownReport } from "./report.ts";
import type { ServerState } from "./server-types.ts";
import { StopRecord } from "./stop-record.ts";
import type { ShutdownOrder } from "./shutdown-options.ts";
import type { Stoppage } from "./stoppage.ts";

/** What the lifecycle of a server has in its hands. */
export interface LifecycleHost {
  readonly config: Config;
  /** Of its machine. */
  readonly patientClock: PatientClock;
  readonly fleet: Fleet;
  readonly cluster: Cluster;
  readonly ledger: Ledger;
  readonly stoppage: Stoppage;
  readonly planner: {
    plan(deadline: number, shards: number, turn: number): DrainPlan;
  };
  /** What every shard answers to those who ask whether to send it traffic. */
  readonly readiness: { announce(isReady: boolean): void };
  readonly ingress: {
    announce(): void;
    suspend(): void;
    /** Accepts, if a shard takes connections. */
    update(): void;
  };
  /**
   * Nothing runs any more.
   *
   * @param report - Absent when the server has failed.
   * @returns what has to be over before the process may end
   */
  conclude(report: ShutdownReport | undefined): Promise<unknown>[];
}

/** The server's machine, from start to report, with the shutdown under way and its deadline. */
export class Lifecycle {
  readonly #host: LifecycleHost;
  readonly #actor: ActorRefFrom<typeof serverMachine>;
  readonly #report = Promise.withResolvers<ShutdownReport>();
  /** The shutdown that was asked for, until it is called off. */
  #shutdown:
    | {
        promise: Promise<ShutdownReport>;
        reject: (error: Error) => void;
        /** Nothing is there to go back to. */
        isFinal: boolean;
      }
    | undefined;
  /** Of the stop under way. */
  readonly record: StopRecord;
  /** Since when load balancers can take notice. */
  #withdrawnAt = 0;
  #failure: Error | undefined;
  /** The shards were told to end. */
  readonly #broadcast = new Milestone();
  /** Gives up what waits for the shards of a stop under way. */
  #following: AbortController | undefined;

  constructor(host: LifecycleHost) {
    this.#host = host;
    this.record = new StopRecord(host);
    this.#actor = createActor(this.#machine(), {
      clock: host.patientClock,
    });
    let announced: ServerState | undefined;
    this.#actor.subscribe(() => {
      this.#followStop();
      if (this.state === announced) return;
      announced = this.state;
      channel(channels.server).publish({ event: "state", state: announced });
    });
    // Whoever does not wait for the end is not asked to catch its failure.
    this.#report.promise.catch(() => {});
    this.#actor.start();
  }

  get state(): ServerState {
    return this.machineState.split(".")[0] as ServerState;
  }

  get machineState(): string {
    return stateName(this.#actor.getSnapshot().value);
  }

  /** Also while it waits for its turn to drain. */
  get isServing(): boolean {
    return this.state === "listening" || this.machineState === QUEUEING;
  }

  /** Sockets are accepted, if a shard takes them: also while load balancers take notice. */
  get mayListen(): boolean {
    return this.isServing || this.state === "closing";
  }

  get isStopping(): boolean {
    const isGoing = !this.isServing && this.state !== "starting";
    return this.#failure !== undefined || isGoing;
  }

  /** What is left of the time for a stop under way. */
  get deadlineInMs(): number | undefined {
    return this.record.deadlineInMs;
  }

  get terminated(): Promise<ShutdownReport> {
    return this.#report.promise;
  }

  listening(): void {
    this.#send("server.listening");
  }

  /** It cannot go on. The first failure is the one that `terminated` rejects with. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#send("server.failed");
  }

  /** The same for one that listens: what is connected gets its time to close. */
  failGently(error: Error): void {
    this.#failure ??= error;
    if (this.state !== "listening") return;
    this.beginEnd(error.message, this.#host.config.shutdownDeadlineMs);
    this.#send("server.failed");
  }

  /** The end that a failure is about to bring has so much time. */
  beginEnd(reason: string, deadlineMs: number): void {
    this.record.begin(reason);
    this.record.allow(this.record.startedAt + deadlineMs);
  }

  /** @param takesTurn - In a cluster, one instance drains after the other; false where another process has taken this one's place. */
  shutdown(
    { deadlineMs, reason = "shutdown()" }: ShutdownOrder,
    takesTurn = true,
  ): Promise<ShutdownReport> {
    const { config, cluster } = this.#host;
    if (this.state === "terminated") return this.terminated;
    const deadline = this.#now + (deadlineMs ?? config.shutdownDeadlineMs);
    if (this.#shutdown === undefined) {
      this.record.begin(reason);
      // One that failed is closing already, by a deadline of its own.
      this.record.shorten(deadline);
      const { promise, resolve, reject } =
        Promise.withResolvers<ShutdownReport>();
      // Those who only await `terminated` need not catch this one.
      promise.catch(() => {});
      this.terminated.then(resolve, reject);
      // A start that was ended is not taken up again.
      this.#shutdown = { promise, reject, isFinal: this.state === "starting" };
      const isQueued =
        takesTurn && cluster.engine.isClustered && this.state === "listening";
      this.#send(isQueued ? "shutdown.queued" : "shutdown.requested");
    } else if (deadlineMs !== undefined && this.record.shorten(deadline))
      this.#send("shutdown.requested");
    return this.#shutdown.promise;
  }

  force(): void {
    if (this.state === "terminated") return;
    if (this.#shutdown === undefined)
      // How it went, `terminated` tells.
      this.shutdown({ reason: "force()" }).catch(() => {});
    this.record.shorten(this.#now);
    this.#send("deadline.reached");
  }

  /** Another process serves now: this one ends, whatever anybody says. */
  leave(): void {
    // Who wants to know how it went awaits `terminated`.
    this.shutdown({ reason: "upgrade" }, false).catch(() => {});
    if (this.#shutdown !== undefined) this.#shutdown.isFinal = true;
  }

  callOff(): boolean {
    // What has failed cannot go on.
    if (this.state !== "closing" || this.#failure !== undefined) return false;
    if (this.#shutdown?.isFinal === true) return false;
    this.#send("shutdown.calledOff");
    aside(this.#host.cluster.endTurn(0), "giving the turn back");
    this.record.allow();
    this.#shutdown?.reject(
      new SluiceError(
        "ERR_SLUICE_SHUTDOWN_CALLED_OFF",
        "the shutdown was called off; the server listens again",
      ),
    );
    this.#shutdown = undefined;
    for (const shard of this.#host.fleet.shards)
      if (shard.state === "terminated") shard.startAgain();
    return true;
  }

  get #now(): number {
    return this.#host.patientClock.now();
  }

  #send(type: ServerEvent["type"]): void {
    // XState prints a warning about what a stopped actor is sent.
    if (this.state !== "terminated") this.#actor.send({ type });
  }

  /** Whatever has brought a stop about, the shards are waited for once; whatever calls it off, no more. */
  #followStop(): void {
    const isStopping = !this.isServing && this.state !== "starting";
    if (isStopping === (this.#following !== undefined)) return;
    this.#following?.abort();
    this.#following = isStopping ? new AbortController() : undefined;
    if (!isStopping) this.#broadcast.set(false);
    if (this.#following !== undefined)
      aside(this.#seeThrough(this.#following.signal), "waiting for shards");
  }

  /**
   * How a stop ends. The machine keeps the time beside it: it says when the
   * shards are told, and what is late it forces.
   */
  async #seeThrough(calledOff: AbortSignal): Promise<void> {
    const { fleet } = this.#host;
    // Until then threads may end, too: all of them, and there is nobody to tell.
    await Promise.race([this.#broadcast.reached, fleet.terminated()]);
    await fleet.notified();
    if (calledOff.aborted) return;
    this.#send("shards.told");
    await fleet.terminated();
    if (!calledOff.aborted) this.#send("shards.terminated");
  }

  /** What the machine names. */
  #machine(): typeof serverMachine {
    const { config, cluster, fleet, planner } = this.#host;
    const delays: Record<ServerDelay, () => number> = {
      startDeadline: () => config.startDeadlineMs * 2,
      turnDeadline: () =>
        turnDelay(this.record.startedAt, this.record.deadline, this.#now),
      withdrawalDelay: () =>
        withdrawalDelay(
          {
            begunAt: this.#withdrawnAt,
            delayMs: config.shutdownDelayMs,
            deadline: this.record.deadline,
          },
          this.#now,
        ),
      shutdownDeadline: () => timeUntil(this.record.deadline, this.#now),
      reportDeadline: () => reportDelay(this.record.deadline, this.#now),
    };
    return serverMachine.provide({
      delays,
      actions: {
        announceReady: () => {
          this.#host.readiness.announce(cluster.allowsReady);
          this.#host.ingress.announce();
          this.#host.stoppage.decide();
        },
        withdrawReadiness: () => {
          this.#withdrawnAt = this.#now;
          this.#host.readiness.announce(false);
          this.#host.stoppage.begin();
        },
        awaitTurn: () =>
          aside(
            cluster.takeTurn().then((isTurn) => {
              if (isTurn) this.#send("turn.granted");
            }),
            "waiting for a turn to drain",
          ),
        leaveQueue: () => cluster.leaveQueue(),
        suspendListener: () => this.#host.ingress.suspend(),
        resumeListener: () => this.#host.ingress.update(),
        broadcastShutdown: () => {
          const { all } = fleet;
          for (const [turn, shard] of all.entries())
            shard.shutDown(
              planner.plan(this.record.deadline, all.length, turn),
            );
          this.#broadcast.set(true);
        },
        broadcastCallOff: () => {
          for (const shard of fleet.all)
            shard.tell({ type: "shutdown.calledOff" });
        },
        broadcastForce: () => {
          const now = Math.min(this.record.deadline, this.#now);
          const { all } = fleet;
          for (const [turn, shard] of all.entries())
            shard.force(planner.plan(now, all.length, turn));
        },
        killShards: () => {
          for (const shard of fleet.all)
            if (shard.state !== "terminated") shard.kill();
        },
        completeReport: () => this.#complete(),
      },
    });
  }

  #complete(): void {
    // A thread that could not be ended in time holds neither the sums nor the report back.
    for (const shard of this.#host.fleet.all) shard.settle();
    const failure = this.#failure;
    const report = failure === undefined ? this.record.report() : undefined;
    const settle = (): void => {
      if (report === undefined) this.#report.reject(failure);
      else this.#report.resolve(report);
    };
    const lastWork = this.#host.conclude(report);
    if (lastWork.length === 0) settle();
    else aside(Promise.allSettled(lastWork).then(settle), "ending the server");
  }
}
