import { channel } from "node:diagnostics_channel";
import { type ActorRefFrom, createActor } from "xstate";
import { Admin } from "../admin/admin.ts";
import type { AdminAddress } from "../admin/listen.ts";
import { type Config, resolveConfig, type ServerOptions } from "../config.ts";
import { SluiceError } from "../errors.ts";
import type {
  PresenceListener,
  PublishOptions,
  PublishStatus,
  SubscriberCount,
} from "../handlers.ts";
import { type ServerDelay, serverMachine } from "../machines/server.ts";
import { stateName } from "../machines/transition-table.ts";
import { channels } from "../protocol/channels.ts";
import { monotonicNow } from "../protocol/clock.ts";
import type {
  Farewell,
  ShardMessage,
  TlsMaterial,
} from "../protocol/messages.ts";
import type { Sendable } from "../topics/payload.ts";
import { orAborted, shutDownWith } from "./abort.ts";
import type { ShardCounters } from "../protocol/shard-counters.ts";
import { Acceptor } from "./acceptor.ts";
import { AdmissionDesk } from "./admission-desk.ts";
import { reportDelay, timeUntil, withdrawalDelay } from "./deadlines.ts";
import { type Drain, Drains, type DrainTarget } from "./drain.ts";
import { Fleet } from "./fleet.ts";
import { Listener, type ServerAddress } from "./listener.ts";
import { Handover, SERVICE_RESTART } from "./moving/handover.ts";
import { Predecessor } from "./moving/predecessor.ts";
import { notifySystemd } from "./moving/systemd.ts";
import {
  upgrade,
  type UpgradeHost,
  type UpgradeReport,
} from "./upgrade-process.ts";
import type { SocketHandle } from "../protocol/socket-transfer.ts";
import type { MoveReport } from "./moving/relay.ts";
import {
  DEADLINE_GRACE_MS,
  isBalanced,
  type Ledger,
  readCloseCodes,
  readDurations,
  readLedger,
  type ShutdownReport,
} from "./report.ts";
import { reload, type ReloadHost, type ReloadReport } from "./reload.ts";
import { requireRuntime } from "./runtime.ts";
import type {
  ServeControl,
  ServerState,
  ServerStats,
  ShutdownOptions,
  SluiceServer,
} from "./server-types.ts";
import { Shard } from "./shard.ts";
import { describeShard, sumStates } from "./stats.ts";
import { checkSockets } from "../transplant.ts";
import { readTlsMaterial } from "./tls-material.ts";
import { Cluster, QUEUEING } from "./cluster/cluster.ts";
import type { InstanceEntry, LinkStats } from "./cluster/engine.ts";
import { describeInstance, nameInstance } from "./cluster/instance.ts";
import { TopicRouter } from "./topics/topic-router.ts";
import { watchShards } from "./watch.ts";

/**
 * Starts a server.
 *
 * @param options - See the table in the README.
 * @param control - `signal` shuts the server down when it aborts; aborted
 *   before the server listens, it ends the start.
 * @returns the server, once it listens and every shard serves
 * @throws SluiceError `ERR_SLUICE_OPTION`, `ERR_SLUICE_RUNTIME`,
 *   `ERR_SLUICE_HANDLERS`, `ERR_SLUICE_TLS`, `ERR_SLUICE_LISTEN` or
 *   `ERR_SLUICE_SHARD_START`, or the signal's reason; nothing is left running
 *   then.
 */
export async function serve(
  options: ServerOptions = {},
  { signal }: ServeControl = {},
): Promise<SluiceServer> {
  requireRuntime();
  const config = resolveConfig(options);
  const [tls, whyNoMoves] = await Promise.all([
    readTlsMaterial(config),
    findWhyNoMoves(config),
  ]);
  signal?.throwIfAborted();
  const server = new Server(config, tls, whyNoMoves);
  await server.start(signal);
  if (signal !== undefined) shutDownWith(server, signal);
  return server;
}

/** Why live connections cannot be moved by this server, or `undefined`: found out before it listens. */
async function findWhyNoMoves(config: Config): Promise<string | undefined> {
  return config.handover ? checkSockets() : "the option handover is off";
}

/** A process that could not take over has given back what it can. */
const GIVE_UP_MS = 1_000;
/** Subscribers to these in main hear what happens in the shards. */
const forwardable = [
  channels.connection,
  channels.rejected,
  channels.handlerError,
];

class Server implements SluiceServer, ReloadHost, UpgradeHost {
  readonly config: Config;
  readonly forwarded = forwardable.filter(
    (name) => channel(name).hasSubscribers,
  );
  readonly fleet: Fleet;
  readonly whyNoMoves: string | undefined;
  tls: TlsMaterial | undefined;
  #admin: Admin | undefined;
  readonly #acceptor: Acceptor;
  readonly #listener: Listener;
  readonly #actor: ActorRefFrom<typeof serverMachine>;
  readonly #desk: AdmissionDesk;
  readonly #watch: { stop(): void };
  readonly #drains = new Drains();
  readonly instance: string;
  readonly cluster: Cluster;
  readonly #topics: TopicRouter;
  readonly #handover: Handover;
  readonly #report = Promise.withResolvers<ShutdownReport>();
  /** Of the shutdown under way. */
  #shutdown:
    | { promise: Promise<ShutdownReport>; reject: (error: Error) => void }
    | undefined;
  /** What clients are told when the server ends. */
  #goodbyeCode: number;
  /** What exchanges all shards, or the process, at the moment. */
  #exchange: string | undefined;
  #startedClosingAt = 0;
  /** Since when load balancers can take notice. */
  #withdrawnAt = 0;
  #deadline = Infinity;
  #reason = "";
  #failure: Error | undefined;
  /** For so long its clients are on their way to other instances, once it has drained. */
  #returningForMs = 0;

  constructor(
    config: Config,
    tls: TlsMaterial | undefined,
    whyNoMoves: string | undefined,
  ) {
    this.config = config;
    this.tls = tls;
    this.whyNoMoves = whyNoMoves;
    this.#desk = new AdmissionDesk(config.maxConnectionsPerAddress);
    this.#goodbyeCode = config.closeCode;
    this.fleet = new Fleet(config.workers);
    for (let count = 0; count < config.workers; count++)
      this.fleet.shards.push(new Shard(this.fleet.freeIndex(), this));
    this.instance = nameInstance();
    this.cluster = new Cluster(config, this.instance);
    this.#topics = new TopicRouter(config, this.fleet, this.cluster.engine);
    this.#handover = new Handover(this);
    this.#acceptor = new Acceptor(config, this.fleet);
    this.#listener = new Listener(
      config,
      (socket) => this.#acceptor.accept(socket),
      (error) => this.#publish("accept-failed", { error }),
    );
    this.#watch = watchShards(this.fleet, config.blockedAfterMs);
    this.#actor = createActor(this.#machine());
    let published: ServerState | undefined;
    this.#actor.subscribe(() => {
      if (this.state === published) return;
      published = this.state;
      this.#publish("state", { state: published });
    });
    // Whoever does not wait for the end is not asked to catch its failure.
    this.#report.promise.catch(() => {});
    this.#actor.start();
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.cluster.start(
        {
          deliver: (...message) => this.#topics.deliver(...message),
          count: (topic) => this.#topics.count(topic),
          describe: () => describeInstance(this),
        },
        () => this.#updateReadiness(),
      );
      const predecessor = Predecessor.isThere
        ? await Predecessor.greet(this, this.#handover)
        : undefined;
      const { shards } = this.fleet;
      const serving = shards.map((shard) => shard.nextServing());
      for (const shard of shards) shard.start();
      // First, so that a slow start can be watched; the process before has its
      // port for as long as it lives.
      if (predecessor === undefined) await this.#openAdmin();
      await orAborted(Promise.all(serving), signal);
      if (predecessor === undefined) await this.#listener.listen();
      else await this.#listenAfter(predecessor);
      signal?.throwIfAborted();
      this.#actor.send({ type: "server.listening" });
    } catch (error) {
      this.#failure ??= error as Error;
      this.#actor.send({ type: "server.failed" });
      this.#lookForEnd();
      await this.terminated.catch(() => {});
      throw error;
    }
    if (this.whyNoMoves !== undefined)
      this.#handover.announce("off", { why: this.whyNoMoves });
    notifySystemd((error) => this.#publish("notify-failed", { error }));
  }

  #beginEnd(reason: string, deadlineMs: number): void {
    this.#startedClosingAt = monotonicNow();
    this.#deadline = monotonicNow() + deadlineMs;
    this.#reason = reason;
  }

  async #openAdmin(): Promise<void> {
    if (this.config.admin) this.#admin = await Admin.open(this);
  }

  /** Listens with the socket of the process before, and takes its connections over. */
  async #listenAfter(predecessor: Predecessor): Promise<void> {
    const { firstNumber, handle, ...address } = predecessor.inheritance;
    this.#acceptor.numberFrom(firstNumber);
    await predecessor.prove(this.fleet.shards, this.tls !== undefined, () =>
      this.takeNumber(),
    );
    const { host, port } = this.config;
    const isSame =
      (port === 0 || port === address.port) && host === address.host;
    if (handle === undefined || !isSame) await this.#listener.listen();
    else await this.#listener.takeOver({ ...address, handle });
    this.#actor.send({ type: "server.listening" });
    try {
      await predecessor.takeOver();
    } catch (error) {
      this.#beginEnd("the upgrade failed", GIVE_UP_MS);
      throw error;
    }
    void predecessor.gone
      .then(() => this.#openAdmin())
      .catch((error: unknown) => this.#publish("admin-failed", { error }));
  }

  get state(): ServerState {
    const [state] = stateName(this.#actor.getSnapshot().value).split(".");
    return state as ServerState;
  }

  /** All that have, or may have, a thread; after a reload their indexes are not their places. */
  get shards(): readonly Shard[] {
    return this.fleet.all;
  }

  get pastCounters(): ReadonlyMap<number, ShardCounters> {
    return this.fleet.past;
  }

  get ready(): boolean {
    return this.#isServing && this.cluster.allowsReady;
  }

  get isReady(): boolean {
    return this.ready || this.state === "starting";
  }

  get isStopping(): boolean {
    const isGoing = !this.#isServing && this.state !== "starting";
    return this.#failure !== undefined || isGoing;
  }

  /** Also while it waits for its turn to drain. */
  get #isServing(): boolean {
    return this.state === "listening" || this.machineState === QUEUEING;
  }

  get topicTable(): SharedArrayBuffer {
    return this.#topics.table.buffer;
  }

  get address(): ServerAddress {
    return this.#listener.address;
  }

  get adminAddress(): AdminAddress | undefined {
    return this.#admin?.address;
  }

  get machineState(): string {
    return stateName(this.#actor.getSnapshot().value);
  }

  get shutdownReason(): string {
    return this.#reason;
  }

  get shutdownElapsedMs(): number {
    return monotonicNow() - this.#startedClosingAt;
  }

  get terminated(): Promise<ShutdownReport> {
    return this.#report.promise;
  }

  stats(): ServerStats {
    const shards = this.fleet.all.map(describeShard);
    const ledger = this.#ledger();
    return {
      state: this.state,
      ready: this.ready,
      connections: ledger.live,
      states: sumStates(shards),
      ledger,
      shards,
      handover: this.#handover.stats(),
      cluster: this.#describeCluster(),
      deadlineInMs: Number.isFinite(this.#deadline)
        ? Math.max(0, this.#deadline - monotonicNow())
        : undefined,
    };
  }

  shutdown({
    deadlineMs,
    reason = "shutdown()",
  }: ShutdownOptions = {}): Promise<ShutdownReport> {
    if (this.state === "terminated") return this.terminated;
    const deadline =
      monotonicNow() + (deadlineMs ?? this.config.shutdownDeadlineMs);
    if (this.#shutdown === undefined) {
      this.#reason = reason;
      this.#startedClosingAt = monotonicNow();
      // One that failed is closing already, by a deadline of its own.
      this.#deadline = Math.min(this.#deadline, deadline);
      const { promise, resolve, reject } =
        Promise.withResolvers<ShutdownReport>();
      // Those who only await `terminated` need not catch this one.
      promise.catch(() => {});
      this.terminated.then(resolve, reject);
      this.#shutdown = { promise, reject };
      const isQueued =
        this.cluster.engine.isClustered && this.state === "listening";
      this.#actor.send({
        type: isQueued ? "shutdown.queued" : "shutdown.requested",
      });
    } else if (deadlineMs !== undefined && deadline < this.#deadline) {
      this.#deadline = deadline;
      this.#actor.send({ type: "shutdown.requested" });
    }
    return this.#shutdown.promise;
  }

  force(): void {
    if (this.state === "terminated") return;
    if (this.#shutdown === undefined) void this.shutdown({ reason: "force()" });
    this.#deadline = Math.min(this.#deadline, monotonicNow());
    this.#actor.send({ type: "deadline.reached" });
  }

  callOff(): boolean {
    // What has failed cannot go on.
    if (this.state !== "closing" || this.#failure !== undefined) return false;
    this.#actor.send({ type: "shutdown.calledOff" });
    void this.cluster.endTurn(0);
    this.#deadline = Infinity;
    this.#shutdown?.reject(
      new SluiceError(
        "ERR_SLUICE_SHUTDOWN_CALLED_OFF",
        "the shutdown was called off; the server listens again",
      ),
    );
    this.#shutdown = undefined;
    for (const shard of this.fleet.shards)
      if (shard.state === "terminated") shard.startAgain();
    return true;
  }

  publish(
    topic: string,
    data: Sendable,
    options: PublishOptions = {},
  ): PublishStatus {
    return this.#topics.publish(topic, data, options);
  }

  published(): Promise<void> {
    return this.#topics.published();
  }

  subscribers(topic: string): Promise<SubscriberCount> {
    return this.#topics.subscribers(topic);
  }

  instances(): Promise<readonly InstanceEntry[]> {
    return this.cluster.engine.instances();
  }

  watch(topic: string, listener: PresenceListener): () => void {
    return this.#topics.watch(topic, listener);
  }

  drain({ shard, move, deadlineMs, ...filter }: DrainTarget = {}): Drain {
    this.#requireListening("drain()");
    if (move === true) {
      this.#requireStability("drain()");
      if (shard === undefined)
        throw new SluiceError(
          "ERR_SLUICE_STATE",
          "drain(): move takes a shard, whose connections go to the others",
        );
      if (filter.pathPrefix !== undefined || filter.olderThanMs !== undefined)
        throw new SluiceError(
          "ERR_SLUICE_STATE",
          "drain(): move takes all connections of a shard; got pathPrefix or olderThanMs",
        );
      return this.#handover.evacuate(
        this.#shardAt(shard),
        deadlineMs ?? this.config.shutdownDeadlineMs,
      );
    }
    const aimed = shard === undefined ? this.fleet.all : [this.#shardAt(shard)];
    const isWhole =
      filter.pathPrefix === undefined && filter.olderThanMs === undefined;
    const serving = aimed.filter(({ state }) => state.startsWith("serving"));
    if (isWhole)
      for (const each of aimed) each.tell({ type: "shard.suspended" });
    this.#updateListener();
    const deadline =
      monotonicNow() + (deadlineMs ?? this.config.shutdownDeadlineMs);
    return this.#drains.start(
      serving,
      filter,
      (turn) => this.farewell(deadline, serving.length, turn),
      () => {
        if (isWhole) for (const each of aimed) this.resume(each.index);
      },
    );
  }

  resume(shard?: number): void {
    const resumed =
      shard === undefined ? this.fleet.shards : [this.#shardAt(shard)];
    for (const each of resumed) each.tell({ type: "shard.resumed" });
    this.#updateListener();
  }

  async restartShard(index: number): Promise<void> {
    this.#requireStability("restartShard()");
    const deadline = monotonicNow() + this.config.shutdownDeadlineMs;
    await this.#shardAt(index).restart(this.farewell(deadline, 1, 0));
  }

  async reload(): Promise<ReloadReport> {
    this.#requireStability("reload()");
    this.#exchange = "a reload";
    try {
      return await reload(this, this.#handover);
    } finally {
      this.#exchange = undefined;
    }
  }

  async upgrade(): Promise<UpgradeReport> {
    this.#requireStability("upgrade()");
    this.#exchange = "an upgrade";
    try {
      const report = await upgrade(this, this.#handover);
      this.#goodbyeCode = SERVICE_RESTART;
      void this.shutdown({ reason: "upgrade" }).catch(() => {});
      return report;
    } finally {
      this.#exchange = undefined;
    }
  }

  get listeningHandle(): SocketHandle | undefined {
    return this.#listener.handle;
  }

  stopAccepting(): void {
    this.#listener.suspend();
  }

  acceptAgain(): void {
    this.#updateListener();
  }

  takeNumber(): number {
    return this.#acceptor.takeNumber();
  }

  rebalance(): Promise<MoveReport> {
    this.#requireStability("rebalance()");
    return this.#handover.rebalance(this.config.shutdownDeadlineMs);
  }

  async reloadTls(): Promise<void> {
    try {
      this.tls = await readTlsMaterial(this.config);
      if (this.tls === undefined) return;
      for (const shard of this.fleet.all)
        shard.post({ type: "tls", tls: this.tls });
      channel(channels.tls).publish({ event: "reloaded" });
    } catch (error) {
      channel(channels.tls).publish({ event: "reload-failed", error });
      throw error;
    }
  }

  // What the shards say.

  shardChanged(_shard: Shard): void {
    if (this.isStopping) this.#lookForEnd();
    else this.#updateListener();
  }

  #lookForEnd(): void {
    const states = this.fleet.all.map(({ state }) => state);
    const hasTold = (state: string): boolean =>
      state === "draining" || state === "ending" || state === "terminated";
    if (this.state === "terminated") return;
    if (states.every((state) => state === "terminated"))
      this.#actor.send({ type: "shards.terminated" });
    else if (states.every(hasTold)) this.#actor.send({ type: "shards.told" });
  }

  shardMessage(shard: Shard, message: ShardMessage): void {
    switch (message.type) {
      case "admit":
        return shard.post({
          type: "admission",
          id: message.id,
          isAdmitted: this.#desk.admit(shard.index, message.address),
        });
      case "released":
        return this.#desk.release(shard.index, message.address);
      case "diagnostic":
        return channel(message.channel).publish(message.message);
      case "told":
        return this.#drains.told(message.drain, message.told);
      case "drained":
        return this.#drains.drained(message.drain, shard.index);
      case "tls-reloaded":
        if (message.error !== undefined)
          channel(channels.tls).publish({
            event: "reload-failed",
            error: message.error,
          });
        return undefined;
      case "inspected":
        return this.#admin?.answered(message.id, message.findings);
      case "followed":
        return this.#admin?.followed(message.transition, shard.index);
      case "departure":
      case "arrived":
      case "moved":
        return this.#handover.relay.take(shard, message);
      case "ready":
      case "emptied":
        return this.#topics.connect(shard);
      case "interest":
      case "count-subscribers":
      case "subscribers":
      case "published":
      case "taken":
        return this.#topics.take(shard, message);
    }
  }

  transferAdmission(
    address: string,
    from: Shard | undefined,
    to: Shard | undefined,
  ): void {
    this.#desk.transfer(address, from?.index, to?.index);
  }

  shardLost(shard: Shard, _crashed: number): void {
    this.#desk.forget(shard.index);
    this.#drains.forget(shard.index);
    this.#admin?.shardLost(shard.index);
    this.#topics.forget(shard.index);
    this.#handover.relay.forget(shard);
  }

  shardFailed(_shard: Shard, cause: SluiceError): void {
    this.#failure ??= cause;
    if (this.state !== "listening") return;
    this.#startedClosingAt = monotonicNow();
    this.#deadline = monotonicNow() + this.config.shutdownDeadlineMs;
    this.#reason = cause.message;
    this.#actor.send({ type: "server.failed" });
  }

  // What the machine names.

  #machine(): typeof serverMachine {
    const delays: Record<ServerDelay, () => number> = {
      startDeadline: () => this.config.startDeadlineMs * 2,
      turnDeadline: () =>
        this.cluster.waitingMs(this.#startedClosingAt, this.#deadline),
      withdrawalDelay: () =>
        withdrawalDelay(
          {
            begunAt: this.#withdrawnAt,
            delayMs: this.config.shutdownDelayMs,
            deadline: this.#deadline,
          },
          monotonicNow(),
        ),
      shutdownDeadline: () => timeUntil(this.#deadline, monotonicNow()),
      reportDeadline: () => reportDelay(this.#deadline, monotonicNow()),
    };
    return serverMachine.provide({
      delays,
      actions: {
        announceReady: () => {
          this.#setReadiness(this.cluster.allowsReady);
          this.#publish("listening", {
            address: this.address,
            workers: this.fleet.shards.length,
          });
        },
        withdrawReadiness: () => {
          this.#withdrawnAt = monotonicNow();
          this.#setReadiness(false);
        },
        awaitTurn: () =>
          void this.cluster.takeTurn().then((isTurn) => {
            if (isTurn) this.#actor.send({ type: "turn.granted" });
          }),
        leaveQueue: () => this.cluster.leaveQueue(),
        suspendListener: () => this.#listener.suspend(),
        resumeListener: () => this.#updateListener(),
        broadcastShutdown: () => this.#broadcast(),
        broadcastCallOff: () => {
          for (const shard of this.fleet.all)
            shard.tell({ type: "shutdown.calledOff" });
        },
        broadcastForce: () => {
          const now = Math.min(this.#deadline, monotonicNow());
          const { all } = this.fleet;
          for (const [turn, shard] of all.entries())
            shard.force(this.farewell(now, all.length, turn));
        },
        killShards: () => {
          for (const shard of this.fleet.all)
            if (shard.state !== "terminated") shard.kill();
        },
        completeReport: () => this.#completeReport(),
      },
    });
  }

  #broadcast(): void {
    const { all } = this.fleet;
    for (const [turn, shard] of all.entries())
      shard.shutDown(this.farewell(this.#deadline, all.length, turn));
    // Where no thread runs, no shard has anything to say.
    this.#lookForEnd();
  }

  #setReadiness(isReady: boolean): void {
    for (const shard of this.fleet.all)
      shard.post({ type: "readiness", isReady });
  }

  /** The link to the other instances may say otherwise than the machine. */
  #updateReadiness(): void {
    if (this.#isServing) this.#setReadiness(this.ready);
  }

  #completeReport(): void {
    this.#listener.suspend();
    this.#watch.stop();
    this.#handover.stop();
    const failure = this.#failure;
    const report = failure === undefined ? this.#describeEnd() : undefined;
    const settle = (): void => {
      if (report === undefined) this.#report.reject(failure);
      else this.#report.resolve(report);
    };
    // Whoever watches gets the report, and the other instances hear of the end, before the process may end.
    const goodbyes: Promise<unknown>[] = [];
    if (this.#admin !== undefined) goodbyes.push(this.#admin.end(report));
    if (this.cluster.engine.isClustered)
      goodbyes.push(this.cluster.stop(this.#returningForMs));
    if (goodbyes.length === 0) settle();
    else void Promise.allSettled(goodbyes).then(settle);
  }

  #describeEnd(): ShutdownReport {
    const ledger = this.#ledger();
    const { counters, kills, crashes } = this.fleet;
    const durationMs = monotonicNow() - this.#startedClosingAt;
    const deadlineMs = Math.max(0, this.#deadline - this.#startedClosingAt);
    return {
      reason: this.#reason,
      accepted: ledger.accepted,
      rejected: ledger.outcomes.rejected,
      opened: ledger.opened,
      movedIn: ledger.movedIn,
      movedOut: ledger.movedOut,
      outcomes: ledger.outcomes,
      closeCodes: readCloseCodes(counters),
      durationMs: Math.round(durationMs),
      deadlineMs: Math.round(deadlineMs),
      deadlineHeld: durationMs <= deadlineMs + DEADLINE_GRACE_MS,
      balanced: isBalanced(ledger),
      shardsKilled: kills,
      shardsCrashed: crashes,
      states: readDurations(counters),
    };
  }

  /** Sockets are accepted only while a shard takes them. */
  #updateListener(): void {
    if (!this.ready && this.state !== "closing") return;
    const isWanted = this.fleet.shards.some(({ isAccepting }) => isAccepting);
    if (!isWanted) this.#listener.suspend();
    else if (!this.#listener.isListening)
      this.#listener.listen().catch((error: SluiceError) => {
        this.#failure = error;
        this.#actor.send({ type: "server.failed" });
      });
  }

  farewell(
    deadline: number,
    shards: number,
    turn: number,
    closeCode: number = this.#goodbyeCode,
  ): Farewell {
    const { closeRate, retryMinMs, retrySpreadMs } = this.config;
    const clusterSpreadMs = this.cluster.spreadMs(this.#ledger().live);
    if (clusterSpreadMs !== undefined)
      this.#returningForMs = retryMinMs + clusterSpreadMs;
    return {
      deadline,
      closeCode,
      rate: closeRate,
      retryMinMs,
      retrySpreadMs:
        retrySpreadMs === "auto" ? (clusterSpreadMs ?? "auto") : retrySpreadMs,
      shards,
      turn,
    };
  }

  #describeCluster(): LinkStats | undefined {
    if (!this.cluster.engine.isClustered) return undefined;
    const { undelivered } = this.#topics;
    return { ...this.cluster.engine.link(), undelivered };
  }

  #ledger(): Ledger {
    return readLedger(
      this.fleet.counters,
      this.#acceptor.refused,
      this.#handover.relay,
    );
  }

  #shardAt(index: number): Shard {
    const { shards } = this.fleet;
    const shard = shards.find((each) => each.index === index);
    if (shard === undefined)
      throw new SluiceError(
        "ERR_SLUICE_STATE",
        `there is no shard ${index}; there are ${shards.map((each) => each.index).join(", ")}`,
      );
    return shard;
  }

  #requireStability(method: string): void {
    this.#requireListening(method);
    if (this.#exchange === undefined) return;
    throw new SluiceError(
      "ERR_SLUICE_STATE",
      `${method}: ${this.#exchange} is under way`,
    );
  }

  #requireListening(method: string): void {
    if (this.ready) return;
    throw new SluiceError(
      "ERR_SLUICE_STATE",
      `${method}: the server is ${this.state}, it has to be listening`,
    );
  }

  #publish(event: string, details: Record<string, unknown>): void {
    channel(channels.server).publish({ event, ...details });
  }
}
