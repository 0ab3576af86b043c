import { aside } from "../aside.ts";
import { channel } from "node:diagnostics_channel";
import type { MessagePort } from "node:worker_threads";
import { createActor, type ActorRefFrom } from "xstate";
import { SluiceError } from "../../errors.ts";
import { sayForeign } from "../../foreign-value.ts";
import {
  type ShardDelay,
  type ShardEvent,
  shardDelays,
  shardMachine,
} from "../../machines/shard-machine.ts";
import { stateName } from "../../machines/transition-table.ts";
import { channels } from "../../protocol/channels.ts";
import type { MovingConnection } from "../../protocol/handover-messages.ts";
import type {
  Arrival,
  DrainPlan,
  MainMessage,
  ShardMessage,
  ShardTask,
} from "../../protocol/messages.ts";
import { MemoryBudget } from "../../protocol/memory-budget.ts";
import { ShardCounters } from "../../protocol/shard-counters.ts";
import { killDelay, timeUntil } from "../deadlines.ts";
import type { PatientClock } from "../patient-clock.ts";
import type { ShardThread, ThreadEnd } from "../main-surroundings.ts";
import { BackOff } from "./back-off.ts";
import { Handoff } from "./handoff.ts";
import { Milestone } from "./milestone.ts";
import type {
  PassedShardMessage,
  ShardEnvironment,
} from "./shard-environment.ts";

/** A shard gets no further thread while so many of its threads are inside native calls. */
const MAX_STUCK = 3;

/** Who has shards, and says what follows on what becomes of them. */
export interface ShardOwner {
  readonly environment: ShardEnvironment;
  /** No thread follows on one that ends. */
  readonly isStopping: boolean;
  shardChanged(shard: Shard): void;
  /** Its thread has loaded the handlers. */
  shardReady(shard: Shard): void;
  shardMessage(shard: Shard, message: PassedShardMessage): void;
  /** Its thread is gone, for certain, or was given up. */
  shardLost(shard: Shard): void;
  /**
   * It died at its start too often, or at the start of the server.
   *
   * @returns whether to go on trying
   */
  shardFailed(shard: Shard, cause: SluiceError): boolean;
}

/**
 * What follows on the end of its thread: another one, unless the server stops;
 * another one that was asked for; or nothing.
 */
type Fate = "goes-on" | "restarts" | "retires";

/**
 * One shard as main sees it: its counters, the thread that serves it at the
 * moment, and the machine that keeps its word when the thread does not. A
 * thread that dies is replaced, with back-off.
 */
export class Shard {
  readonly index: number;
  readonly counters = new ShardCounters();
  /** Its event loop has not turned for `blockedAfterMs`. */
  isBlocked = false;
  /** Threads that died, not counting those that were killed. */
  crashes = 0;
  /** Threads that had to be ended. */
  kills = 0;
  /** Threads that were given up, and are still inside a native call. */
  readonly #stuck = new Set<ShardThread>();
  /** Why its connections cannot move, as its thread has found at its start. */
  moveBlocker: string | undefined;
  /** What was thrown first, by cohort and hook. */
  readonly hookErrors = new Map<string, string>();
  readonly #owner: ShardOwner;
  #thread: ShardThread | undefined;
  #handoff: Handoff | undefined;
  #actor: ActorRefFrom<typeof shardMachine> | undefined;
  #state = "terminated";
  /** It has told every connection to go, or has none: none that its thread has, and none without a thread. */
  readonly notified = new Milestone(true);
  /** It has no thread, and none that is being ended. */
  readonly terminated = new Milestone(true);
  readonly #backOff: BackOff;
  /** Its thread did not become ready in time. */
  #late: SluiceError | undefined;
  #restart: ReturnType<PatientClock["setTimeout"]> | undefined;
  #plan: DrainPlan | undefined;
  /** Of those who wait until it serves again. */
  #serving: PromiseWithResolvers<void> | undefined;
  #fate: Fate = "goes-on";
  /** Threads that follow take no new sockets either, until it is resumed. */
  #isSuspended = false;
  readonly #retired = Promise.withResolvers<void>();

  constructor(index: number, owner: ShardOwner) {
    this.index = index;
    this.#owner = owner;
    this.#backOff = new BackOff(this.#clock);
  }

  get #clock(): PatientClock {
    return this.#owner.environment.patientClock;
  }

  /** Its machine's state; `terminated` also while it waits to be replaced. */
  get state(): string {
    return this.#state;
  }

  /** It has a thread that takes what it is sent. */
  get isAlive(): boolean {
    return this.state.startsWith("serving") || this.isClosing;
  }

  get #hasNotified(): boolean {
    const { state } = this;
    return state === "draining" || state === "ending" || state === "terminated";
  }

  /** Its thread was let go: nothing that is given to it is taken any more. */
  get isEnding(): boolean {
    return this.#thread?.isEnding !== false;
  }

  /** It has told its connections to go, or does. */
  get isClosing(): boolean {
    return this.state === "closing" || this.state === "draining";
  }

  get isAccepting(): boolean {
    return this.state === "serving.accepting";
  }

  /** Connections, and sockets on their way to become some. */
  get load(): number {
    return this.counters.load;
  }

  /** Threads that could not be ended, and are still there. */
  get stuck(): number {
    return this.#stuck.size;
  }

  /** It was started in vain too often, and has not served since. */
  get isFailing(): boolean {
    return this.#backOff.isFailing;
  }

  /** Starts its thread. */
  start(): void {
    this.#clock.clearTimeout(this.#restart);
    this.#fate = "goes-on";
    this.#plan = undefined;
    this.#backOff.started();
    const { environment } = this.#owner;
    const { surroundings, patientClock, malformed, topicTable, ...shared } =
      environment;
    this.#late = undefined;
    const task: Omit<ShardTask, "port"> = {
      ...shared,
      shard: this.index,
      counters: this.counters.buffer,
      topics: topicTable,
    };
    const thread = surroundings.startThread(
      task,
      (message) => this.#take(message),
      (dropped) => this.#publish("output-dropped", { ...dropped }),
      (what) => malformed.dropped("shard", `a message ${what}`),
    );
    const actor = createActor(this.#machineFor(thread), {
      clock: patientClock,
    });
    this.#thread = thread;
    this.#handoff = new Handoff(thread.port, (code, { address }) =>
      this.#countLost(code, address),
    );
    this.#actor = actor;
    actor.subscribe(({ value }) => {
      // Kept as text: the acceptor asks for every socket.
      this.#state = stateName(value);
      this.notified.set(this.#hasNotified);
      this.terminated.set(this.#state === "terminated");
      if (this.#state.startsWith("serving")) this.#endWaiting();
      this.#owner.shardChanged(this);
    });
    actor.start();
    aside(
      thread.ended.then((end) => {
        // One that was given up is booked already.
        if (!end.isStuck) this.#bookEnd(end);
        if (actor.getSnapshot().status === "active")
          actor.send({ type: "thread.ended" });
        this.#thread = undefined;
        this.#afterEnd(end);
      }),
      `booking the end of shard ${this.index}`,
    );
  }

  /** Closes its connections and ends its thread, by the plan's deadline. */
  shutDown(plan: DrainPlan): void {
    // One on its way out anyway goes no later than it was to go.
    const isSooner = plan.deadline < (this.#plan?.deadline ?? Infinity);
    if (this.#fate === "goes-on" || isSooner) this.#plan = plan;
    // One that waits to be replaced has nothing to close.
    this.#clock.clearTimeout(this.#restart);
    this.#send({ type: "shutdown.requested" });
  }

  /** Closes its connections, ends its thread, and is not replaced. Resolves when the thread is gone. */
  retire(plan: DrainPlan): Promise<void> {
    this.shutDown(plan);
    this.#fate = "retires";
    this.#failWaiting(neverAgain(this.index));
    if (this.#thread === undefined) this.#retired.resolve();
    return this.#retired.promise;
  }

  /** The server has ended: nothing follows, and nobody waits for anything any more. */
  giveUp(): void {
    this.#clock.clearTimeout(this.#restart);
    this.#failWaiting(this.#late ?? neverAgain(this.index));
    this.#retired.resolve();
  }

  /** Forces its connections and ends its thread: no time is left. */
  force(plan: DrainPlan): void {
    // The thread may not have been told to end yet, and what it was told counts no more.
    this.shutDown(plan);
    this.#send({ type: "deadline.reached" });
  }

  /** Ends its thread as a shutdown does, if it has one, and starts a new one. */
  restart(plan: DrainPlan): Promise<void> {
    const serving = this.nextServing();
    this.#isSuspended = false;
    if (this.#thread === undefined) this.startAgain();
    else if (this.state !== "starting") {
      this.shutDown(plan);
      this.#fate = "restarts";
    }
    return serving;
  }

  /** Starts a thread in the place of one that has ended; for one that is not quite gone, that follows on its end. */
  startAgain(): void {
    if (this.#thread !== undefined) return;
    this.counters.add("restarts");
    this.start();
  }

  tell(
    event: Exclude<
      ShardEvent,
      { type: "shutdown.requested" } | { type: "deadline.reached" }
    >,
  ): void {
    if (event.type === "shard.suspended") this.#isSuspended = true;
    if (event.type === "shard.resumed") this.#isSuspended = false;
    if (event.type !== "shutdown.calledOff") return this.#send(event);
    this.#isSuspended = false;
    // It ends all the same, and where another thread is to follow, one does.
    return this.#mayGoOn ? this.#send(event) : undefined;
  }

  /** A shutdown can be called off for its thread: it serves, and was not to end anyway. */
  get #mayGoOn(): boolean {
    return (
      this.#fate === "goes-on" && this.#backOff.hasServed && !this.isEnding
    );
  }

  /** Resolves when it serves again. */
  nextServing(): Promise<void> {
    if (this.#serving === undefined) {
      this.#serving = Promise.withResolvers<void>();
      this.#serving.promise.catch(() => {});
    }
    return this.#serving.promise;
  }

  post(message: MainMessage, transfer?: MessagePort[]): void {
    if (this.state !== "terminated") this.#thread?.post(message, transfer);
  }

  /** Hands a fresh socket to its thread. */
  give(arrival: Arrival): void {
    this.counters.add("handed");
    // Its death is booked: what it is given now, nobody would count any more.
    const isGone = this.#thread === undefined || this.#thread.end !== undefined;
    if (!isGone) return this.#handoff?.add(arrival);
    aside(arrival.handle.close(), "closing a socket");
    return this.#countLost("ERR_CLOSED_MESSAGE_PORT", arrival.address);
  }

  /** Hands a live connection to its thread. */
  deliver({ snapshot, handle }: MovingConnection): void {
    const port = (this.#thread as ShardThread).port;
    this.counters.add("delivered");
    try {
      const list = handle === undefined ? [] : [handle];
      port.postMessage({ type: "move-in", snapshot, handle }, list);
    } catch {
      // Its peer has gone on the way: the thread books the end.
      aside(handle?.close(), "closing a socket");
      this.post({ type: "move-in", snapshot, handle: undefined });
    }
  }

  #countLost(code: string, address: string | undefined): void {
    this.counters.add("abandoned");
    if (address !== undefined)
      this.#owner.shardMessage(this, { type: "released", address });
    channel(channels.handoffFailed).publish({ shard: this.index, code });
  }

  /** Ends its thread without further ado; it is replaced, unless the server stops. */
  kill(): void {
    if (this.#thread?.wasKilled === true) return;
    this.kills++;
    this.#publish("killed");
    this.#thread?.kill();
  }

  /** Books its thread as gone, whether or not it is. */
  settle(): void {
    const thread = this.#thread;
    if (thread === undefined || thread.end !== undefined) return;
    this.kill();
    this.#stuck.add(thread);
    aside(
      thread.gone.then(() => this.#stuck.delete(thread)),
      "booking the end of a thread that was given up",
    );
    this.#bookEnd(thread.giveUp());
    this.#publish("stuck");
  }

  #machineFor(thread: ShardThread): typeof shardMachine {
    const post = (message: MainMessage) => () => thread.post(message);
    const deadline = (): number => this.#plan?.deadline ?? Infinity;
    const delays: Record<ShardDelay, () => number> = {
      startDeadline: () => this.#owner.environment.config.startDeadlineMs,
      shutdownDeadline: () => timeUntil(deadline(), this.#clock.now()),
      killDeadline: () => killDelay(deadline(), this.#clock.now()),
      endDeadline: () => shardDelays.endDeadline,
    };
    return shardMachine.provide({
      delays,
      actions: {
        announceServing: () => this.#announceServing(),
        broadcastShutdown: () => {
          // What was accepted before the broadcast arrives before it.
          this.#handoff?.flush();
          thread.post({
            type: "shutdown",
            plan: this.#plan as DrainPlan,
          });
        },
        broadcastCallOff: post({ type: "call-off", drain: "shutdown" }),
        broadcastForce: post({ type: "force" }),
        killThread: (_, { cause }) => {
          if (cause === "start")
            this.#late = startFailure(this.index, undefined);
          this.kill();
        },
        settleTotals: () => this.settle(),
      },
    });
  }

  /** Takes what its thread says of its own lifecycle, and passes the rest on. */
  #take(message: ShardMessage): void {
    if (message.type === "ready") this.#ready(message.moveBlocker);
    else if (message.type === "shutdown-notified")
      this.tell({ type: "shard.told" });
    else if (message.type === "emptied") this.#letEnd();
    else if (message.type === "hook-failed")
      this.hookErrors.set(`${message.cohort} ${message.hook}`, message.said);
    else this.#owner.shardMessage(this, message);
  }

  #ready(moveBlocker: string | undefined): void {
    this.moveBlocker = moveBlocker;
    // Also where a shutdown has come before: it has not failed to start.
    this.#backOff.ready();
    this.tell({ type: "shard.ready" });
    this.#owner.shardReady(this);
  }

  /** From here on it cannot be called off: whoever does so gets a new thread. */
  #letEnd(): void {
    if (this.isClosing) this.#thread?.letEnd();
  }

  #announceServing(): void {
    this.#publish("started");
    // Its machine takes this when it has entered its new state.
    if (this.#isSuspended) this.#send({ type: "shard.suspended" });
  }

  #bookEnd({ error, wasKilled }: ThreadEnd): void {
    this.isBlocked = false;
    // Nobody takes them any more, but they are counted before the death is.
    this.#handoff?.flush();
    const crashed = this.counters.bookDeath();
    new MemoryBudget(this.#owner.environment.memory).set(this.index, 0);
    const hasDied = error !== undefined && !wasKilled;
    if (hasDied) {
      this.crashes++;
      this.#publish("died", { error, crashed });
    }
    this.#owner.shardLost(this);
  }

  #afterEnd({ error, wasKilled, isStuck }: ThreadEnd): void {
    if (this.#fate === "retires") return this.#retired.resolve();
    // Whoever calls that off starts it again.
    if (this.#owner.isStopping) return undefined;
    this.#backOff.ended();
    const hasNeverServed =
      this.counters.get("restarts") === 0 && !this.#backOff.hasServed;
    if (hasNeverServed || this.isFailing) {
      const cause = startFailure(this.index, wasKilled ? undefined : error);
      this.#publish("start-failed", { error: cause });
      this.#failWaiting(cause);
      if (!this.#owner.shardFailed(this, cause)) return undefined;
    }
    return this.#replace(error !== undefined || isStuck);
  }

  #replace(hasDied: boolean): void {
    const delayMs = this.#backOff.delayMs(hasDied);
    this.#restart = this.#clock.setTimeout(() => this.#startInTurn(), delayMs);
    // Whoever hears of it may ask for an end, which has to find the timer.
    this.#publish("restarting", { delayMs });
  }

  /** Starts again, once native calls hold no more threads than there may be. */
  #startInTurn(): void {
    if (this.#stuck.size < MAX_STUCK) return this.startAgain();
    this.#restart = this.#clock.setTimeout(
      () => this.#startInTurn(),
      BackOff.longestMs,
    );
  }

  #endWaiting(): void {
    this.#serving?.resolve();
    this.#serving = undefined;
  }

  #failWaiting(error: SluiceError): void {
    this.#serving?.reject(error);
    this.#serving = undefined;
  }

  /** XState prints a warning about what a stopped actor is sent. */
  #send(event: ShardEvent): void {
    if (this.state !== "terminated") this.#actor?.send(event);
  }

  #publish(event: string, details: Record<string, unknown> = {}): void {
    channel(channels.shard).publish({ event, shard: this.index, ...details });
  }
}

function neverAgain(shard: number): SluiceError {
  return new SluiceError(
    "ERR_SLUICE_STATE",
    `the server ended before shard ${shard} served again`,
  );
}

function startFailure(shard: number, cause: unknown): SluiceError {
  if (cause instanceof SluiceError) return cause;
  const what =
    cause === undefined
      ? "it did not become ready in time (startDeadlineMs)"
      : sayForeign(cause);
  return new SluiceError(
    "ERR_SLUICE_SHARD_START",
    `shard ${shard} cannot be started: ${what}`,
    { cause },
  );
}
