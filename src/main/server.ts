import { aside } from "./aside.ts";
import { channel } from "node:diagnostics_channel";
import { setTimeout as after } from "node:timers/promises";
import type { Config } from "../config.ts";
import type { SluiceError } from "../errors.ts";
import type {
  PresenceListener,
  PublishOptions,
  PublishStatus,
  SubscriberCount,
} from "../handlers.ts";
import { channels } from "../protocol/channels.ts";
import type {
  DrainPlan,
  ShardMessage,
  TlsMaterial,
} from "../protocol/messages.ts";
import { monotonicNow } from "../protocol/clock.ts";
import type { ShardCounters } from "../protocol/shard-counters.ts";
import type { SocketHandle } from "../protocol/socket-handle.ts";
import type { Sendable } from "../topics/payload.ts";
import { checkPublishing } from "../topics/rules.ts";
import { shutDownWith } from "./abort.ts";
import { orAborted } from "./or-aborted.ts";
import { Acceptor } from "./accept/acceptor.ts";
import { AddressLimits } from "./accept/address-limits.ts";
import { Comeback } from "./accept/comeback.ts";
import { Cluster } from "./cluster/cluster.ts";
import type { InstanceEntry, LinkStats } from "./cluster/engine.ts";
import { describeInstance, nameInstance } from "./cluster/instance.ts";
import type { Drain, DrainTarget } from "./drain.ts";
import { Descriptors } from "./descriptors.ts";
import { POLL_MS } from "./deadlines.ts";
import { DrainPlanner } from "./drain-planner.ts";
import { Fleet } from "./shards/fleet.ts";
import { Lifecycle, type LifecycleHost } from "./lifecycle.ts";
import type {
  Listener,
  MainSurroundings,
  ServerAddress,
} from "./surroundings.ts";
import { Malformed } from "./malformed.ts";
import { Handover } from "./handover/handover.ts";
import { Predecessor } from "./handover/predecessor.ts";
import type { MoveReport } from "./handover/relay.ts";
import {
  type AdminAddress,
  type Inspector,
  isSameAdmin,
  type ListeningAdmin,
  type PassedAdmin,
} from "./inspector.ts";
import { Operations, type OperationsHost } from "./operations.ts";
import type { ReloadReport } from "./handover/reload.ts";
import {
  type Ledger,
  readLedger,
  type ShutdownPart,
  type ShutdownReport,
} from "./report.ts";
import type { ServerState, ServerStats, SluiceServer } from "./server-types.ts";
import { forwardable } from "./shards/read-shard-message.ts";
import { Shard } from "./shards/shard.ts";
import { describeShard, sumStates } from "./stats.ts";
import {
  narrowShutdown,
  type ShutdownOptions,
  type ShutdownOrder,
} from "./shutdown-options.ts";
import { Stoppage } from "./stoppage.ts";
import { TopicRouter } from "./topics/topic-router.ts";
import type { Successor, UpgradeReport } from "./handover/process-upgrade.ts";
import { watchShards } from "./shards/watchdog.ts";

/** A process that could not take over has given back what it can. */
const GIVE_UP_MS = 1_000;
/** The process before may take so long to let go of the inspector's port. */
const ADMIN_PAUSE_MS = 1_000;
/** Of a process that was killed, its sockets are gone by then. */
const ADMIN_PATIENCE_MS = 10_000;

/** Opens the inspector of a server; with the listening socket of the process before, where there is one. */
export type OpenInspector = (
  server: Server,
  inherited: ListeningAdmin | undefined,
) => Promise<Inspector>;

/** Where all parts meet: each is made here, and here they are told of each other. */
export class Server implements SluiceServer, LifecycleHost, OperationsHost {
  readonly surroundings: MainSurroundings;
  readonly config: Config;
  readonly forwarded = forwardable.filter(
    (name) => channel(name).hasSubscribers,
  );
  readonly fleet: Fleet;
  readonly moveBlocker: string | undefined;
  readonly instance = nameInstance();
  readonly cluster: Cluster;
  readonly malformed = new Malformed();
  readonly stoppage = new Stoppage();
  tls: TlsMaterial | undefined;
  #inspector: Inspector | undefined;
  readonly #openInspector: OpenInspector | undefined;
  /** Where the connections of the processes before were accepted. */
  #inheritedPorts: readonly number[] = [];
  /** From which this process takes over, or has. */
  #predecessor: Predecessor | undefined;
  readonly #lifecycle: Lifecycle;
  readonly #operations: Operations;
  readonly #acceptor: Acceptor;
  readonly #listener: Listener;
  readonly #comeback: Comeback;
  readonly #desk: AddressLimits;
  readonly #descriptors: Descriptors;
  readonly #watch: { stop(): void };
  readonly #topics: TopicRouter;
  readonly #handover: Handover;
  readonly #drainPlanner: DrainPlanner;

  constructor(
    config: Config,
    tls: TlsMaterial | undefined,
    moveBlocker: string | undefined,
    openInspector: OpenInspector | undefined,
    surroundings: MainSurroundings,
  ) {
    this.surroundings = surroundings;
    this.config = config;
    this.#openInspector = openInspector;
    this.tls = tls;
    this.moveBlocker = moveBlocker;
    this.#desk = new AddressLimits(config);
    this.fleet = new Fleet(config.workers);
    for (let count = 0; count < config.workers; count++)
      this.fleet.shards.push(new Shard(this.fleet.freeIndex(), this));
    this.cluster = new Cluster(config, this.instance, (name) =>
      surroundings.loadNatsClient(config, name),
    );
    this.#drainPlanner = new DrainPlanner(config, this.cluster);
    this.#topics = new TopicRouter(
      config,
      this.fleet,
      this.cluster.engine,
      () => surroundings.createChannel(),
    );
    this.#handover = new Handover(this);
    this.#operations = new Operations(this, this.#handover);
    this.#descriptors = new Descriptors(
      config.workers,
      () => this.#publish("descriptors-scarce", this.#describeDescriptors()),
      surroundings.descriptorLimit(),
    );
    this.#acceptor = new Acceptor(
      config,
      this.fleet,
      this.#desk,
      this.#descriptors,
    );
    this.#listener = surroundings.createListener(
      config,
      (socket) => this.#acceptor.accept(socket),
      (error) => this.#publish("accept-failed", { error }),
    );
    this.#comeback = new Comeback(
      this.#listener,
      () => this.#isListenerWanted,
      () => this.#updateReadiness(),
    );
    this.#watch = watchShards(this.fleet, config.blockedAfterMs);
    this.#lifecycle = new Lifecycle(this);
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    try {
      const cluster = this.cluster.start(
        {
          deliver: (...message) => this.#topics.deliver(...message),
          malformed: (what) => this.malformed.dropped("instance", what),
          count: (topic) => this.#topics.count(topic),
          describe: () => describeInstance(this),
        },
        () => this.#updateReadiness(),
      );
      await orAborted(cluster, signal);
      const before = this.surroundings.predecessor();
      const predecessor =
        before && (await Predecessor.greet(before, this, this.#handover));
      const { shards } = this.fleet;
      const serving = shards.map((shard) => shard.nextServing());
      for (const shard of shards) shard.start();
      // First, so that a slow start can be watched; the process before has its
      // port for as long as it lives.
      if (predecessor === undefined) await this.#openAdmin();
      await orAborted(Promise.all(serving), signal);
      if (predecessor === undefined) {
        await this.#listener.listen();
        this.#listens(signal);
      } else await this.#listenAfter(predecessor, signal);
    } catch (error) {
      this.#lifecycle.fail(error as Error);
      await this.terminated.catch(() => {});
      throw error;
    }
    if (this.isStopping) return;
    if (this.moveBlocker !== undefined)
      this.#handover.announce("off", { why: this.moveBlocker });
    this.surroundings.notifySupervisor((error) =>
      this.#publish("notify-failed", { error }),
    );
  }

  async #openAdmin(inherited?: ListeningAdmin): Promise<void> {
    if (this.#openInspector === undefined || this.isStopping)
      aside(inherited?.handle.close(), "closing a socket");
    else this.#inspector = await this.#openInspector(this, inherited);
  }

  /** Listens with the socket of the process before, and takes its connections over. */
  async #listenAfter(
    predecessor: Predecessor,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { firstNumber, handle, ports, ...address } = predecessor.inheritance;
    this.#inheritedPorts = ports;
    this.#acceptor.numberFrom(firstNumber);
    await predecessor.prove(this.fleet.shards, this.tls !== undefined, () =>
      this.takeNumber(),
    );
    const { host, port } = this.config;
    const isSame =
      (port === 0 || port === address.port) && host === address.host;
    if (handle === undefined || !isSame) await this.#listener.listen();
    else await this.#listener.takeOver({ ...address, handle });
    this.#listens(signal);
    try {
      this.#predecessor = predecessor;
      const admin = await predecessor.takeOver();
      aside(this.#openAdminAfter(predecessor, admin), "opening the inspector");
    } catch (error) {
      this.#lifecycle.beginEnd("the upgrade failed", GIVE_UP_MS);
      throw error;
    }
  }

  /** Asked to stop from here on, it may have connections to tell. */
  #listens(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    this.#lifecycle.listening();
    if (signal !== undefined) shutDownWith(this, signal);
  }

  /** Where the inspector is to listen elsewhere than before, the port may be taken for a moment. */
  async #openAdminAfter(
    predecessor: Predecessor,
    inherited: ListeningAdmin | undefined,
  ): Promise<void> {
    try {
      if (inherited !== undefined && !isSameAdmin(this.config, inherited)) {
        aside(inherited.handle.close(), "closing a socket");
        await Promise.race([predecessor.gone, after(ADMIN_PAUSE_MS)]);
        await this.#openAdmin();
      } else if (inherited !== undefined) await this.#openAdmin(inherited);
      else await this.#openAdminOnceFree();
    } catch (error) {
      this.#publish("admin-absent", { error });
    }
  }

  /** The process before was killed: the system takes a moment to clear its port. */
  async #openAdminOnceFree(): Promise<void> {
    const until = monotonicNow() + ADMIN_PATIENCE_MS;
    for (;;) {
      try {
        return await this.#openAdmin();
      } catch (error) {
        if (monotonicNow() > until) throw error;
        await after(POLL_MS);
      }
    }
  }

  // How it is.

  get state(): ServerState {
    return this.#lifecycle.state;
  }

  get machineState(): string {
    return this.#lifecycle.machineState;
  }

  get isServing(): boolean {
    return this.#lifecycle.isServing;
  }

  get ready(): boolean {
    if (!this.isServing || this.#comeback.isFailing) return false;
    return this.cluster.allowsReady && this.#hasShardsEnough;
  }

  get #hasShardsEnough(): boolean {
    const serving = this.fleet.shards.filter(({ state }) =>
      state.startsWith("serving"),
    );
    return serving.length >= this.config.minReadyShards;
  }

  get isReady(): boolean {
    return this.ready || this.state === "starting";
  }

  get isStopping(): boolean {
    return this.#lifecycle.isStopping;
  }

  /** All that have, or may have, a thread; after a reload their indexes are not their places. */
  get shards(): readonly Shard[] {
    return this.fleet.all;
  }

  get pastCounters(): ReadonlyMap<number, ShardCounters> {
    return this.fleet.past;
  }

  get topicTable(): SharedArrayBuffer {
    return this.#topics.table.buffer;
  }

  get address(): ServerAddress {
    return this.#listener.address;
  }

  get ports(): readonly number[] {
    return [...new Set([...this.#inheritedPorts, this.address.port])];
  }

  get adminAddress(): AdminAddress | undefined {
    return this.#inspector?.address;
  }

  get successor(): Successor | undefined {
    const { succession } = this.#operations;
    return succession?.isCommitted === true ? succession : undefined;
  }

  get deadlineInMs(): number | undefined {
    return this.#lifecycle.deadlineInMs;
  }

  get shutdownReason(): string {
    return this.#lifecycle.shutdownReason;
  }

  get shutdownElapsedMs(): number {
    return this.#lifecycle.shutdownElapsedMs;
  }

  get shutdownPart(): ShutdownPart {
    return this.#lifecycle.shutdownPart;
  }

  get terminated(): Promise<ShutdownReport> {
    return this.#lifecycle.terminated;
  }

  get ledger(): Ledger {
    return readLedger(
      this.fleet.counters,
      this.#acceptor.refused,
      this.#handover.relay,
    );
  }

  stats(): ServerStats {
    const shards = this.fleet.all.map(describeShard);
    const { ledger } = this;
    return {
      state: this.state,
      ready: this.ready,
      connections: ledger.live,
      states: sumStates(shards),
      ledger,
      shards,
      handover: this.#handover.stats(),
      cluster: this.#describeCluster(),
      malformed: this.malformed.counts,
      refusedForDescriptors: this.#descriptors.refused,
      deadlineInMs: this.#lifecycle.deadlineInMs,
    };
  }

  #describeCluster(): LinkStats | undefined {
    if (!this.cluster.engine.isClustered) return undefined;
    const { undelivered } = this.#topics;
    return { ...this.cluster.engine.link(), undelivered };
  }

  // What it can be asked for.

  shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    try {
      return this.#shutDown(narrowShutdown(options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #shutDown(order: ShutdownOrder): Promise<ShutdownReport> {
    const { deadlineMs = this.config.shutdownDeadlineMs } = order;
    const leaving = this.#predecessor?.leave(deadlineMs);
    if (leaving === undefined) return this.#shutDownAlone(order);
    const report = leaving.then(() => this.#shutDownAlone(order));
    // Those who only await `terminated` need not catch this one.
    report.catch(() => {});
    return report;
  }

  #shutDownAlone(order: ShutdownOrder): Promise<ShutdownReport> {
    const report = this.#lifecycle.shutdown(order);
    this.#operations.succession?.stop(order);
    return report;
  }

  force(): void {
    this.#lifecycle.force();
    this.#operations.succession?.force();
  }

  callOff(): boolean {
    // Its place is taken.
    if (this.successor !== undefined) return false;
    return this.#lifecycle.callOff();
  }

  publish(
    topic: string,
    data: Sendable,
    options?: PublishOptions,
  ): PublishStatus {
    return this.#topics.publish(topic, data, checkPublishing(options));
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

  drain(target?: DrainTarget): Drain {
    return this.#operations.drain(target);
  }

  resume(shard?: number): void {
    this.#operations.resume(shard);
  }

  restartShard(index: number): Promise<void> {
    return this.#operations.restartShard(index);
  }

  rebalance(): Promise<MoveReport> {
    return this.#operations.rebalance();
  }

  reload(): Promise<ReloadReport> {
    return this.#operations.reload();
  }

  upgrade(): Promise<UpgradeReport> {
    return this.#operations.upgrade();
  }

  reloadTls(): Promise<void> {
    return this.#operations.reloadTls();
  }

  // What the shards say.

  shardChanged(_shard: Shard): void {
    if (this.isStopping) return this.#lifecycle.lookForEnd();
    this.updateListener();
    if (this.config.minReadyShards > 0) this.#updateReadiness();
  }

  shardMessage(shard: Shard, message: ShardMessage): void {
    // Each part takes the messages of its own type: one that is put to another
    // part's does not compile.
    switch (message.type) {
      case "admit":
      case "released":
        return this.#desk.take(shard, message);
      case "diagnostic":
        return channel(message.channel).publish(message.message);
      case "notified":
      case "drained":
        return this.#operations.drains.take(shard.index, message);
      case "tls-reloaded":
        return this.#operations.tlsReloaded(message);
      case "hook-failed":
        // The shard keeps it, for whoever judges its version.
        return undefined;
      case "inspected":
      case "followed":
        return this.#inspector?.take(shard.index, message);
      case "moved-out":
      case "moved-in":
      case "moved":
        return this.#handover.relay.take(shard, message);
      case "emptied":
        // Its shard has let the thread end; nobody else is told before it has.
        return undefined;
      case "ready":
      case "interest":
      case "count-subscribers":
      case "subscribers":
      case "published":
      case "taken":
        return this.#topics.take(shard, message);
    }
  }

  shardLost(shard: Shard, _crashed: number): void {
    this.#desk.forget(shard.index);
    this.#operations.drains.forget(shard.index);
    this.#inspector?.shardLost(shard.index);
    this.#topics.forget(shard.index);
    this.#handover.relay.forget(shard);
  }

  /** One of its parts does not end it, while another serves or may yet. */
  shardFailed(shard: Shard, cause: SluiceError): boolean {
    const { shards } = this.fleet;
    const isLast = shards.every((each) => each === shard || each.isFailing);
    if (this.isServing && !isLast) return true;
    this.#lifecycle.failGently(cause);
    return false;
  }

  transferAdmission(
    address: string,
    from: Shard | undefined,
    to: Shard | undefined,
  ): void {
    this.#desk.transfer(address, from?.index, to?.index);
  }

  // What its parts ask of it.

  plan(
    deadline: number,
    shards: number,
    turn: number,
    closeCode?: number,
  ): DrainPlan {
    const { live } = this.ledger;
    // What was published before the words of parting reaches those whom they send away.
    this.#topics.flush();
    return this.#drainPlanner.plan(deadline, shards, turn, live, closeCode);
  }

  leave(closeCode: number): void {
    this.#drainPlanner.closeCode = closeCode;
    this.#lifecycle.leave();
  }

  get listeningHandle(): SocketHandle | undefined {
    return this.#listener.handle;
  }

  suspendListener(): void {
    this.#comeback.stop();
    this.#listener.suspend();
  }

  /** Sockets are accepted only while a shard takes them. */
  updateListener(): void {
    if (!this.isServing && this.state !== "closing") return;
    if (this.#isListenerWanted) this.#comeback.begin();
    else this.suspendListener();
  }

  get #isListenerWanted(): boolean {
    return this.fleet.shards.some(({ isAccepting }) => isAccepting);
  }

  passAdminOn(): PassedAdmin | undefined {
    return this.#inspector?.passOn();
  }

  takeNumber(): number {
    return this.#acceptor.takeNumber();
  }

  setReadiness(isReady: boolean): void {
    for (const shard of this.fleet.all)
      shard.post({ type: "readiness", isReady });
  }

  /** The link to the other instances, and how many shards serve, may say otherwise than the machine. */
  #updateReadiness(): void {
    if (this.isServing) this.setReadiness(this.ready);
  }

  announceState(state: ServerState): void {
    this.#publish("state", { state });
  }

  announceListening(): void {
    const { address, fleet, config } = this;
    this.#publish("listening", { address, workers: fleet.shards.length });
    if (config.maxConnections > this.#descriptors.forClients)
      this.#publish("descriptors-few", {
        maxConnections: config.maxConnections,
        ...this.#describeDescriptors(),
      });
  }

  conclude(report: ShutdownReport | undefined): Promise<unknown>[] {
    this.suspendListener();
    this.#watch.stop();
    // Whoever waits for something that cannot come any more is told.
    for (const shard of this.fleet.all) shard.giveUp();
    this.#operations.stop();
    this.#handover.stop();
    this.stoppage.decide();
    // Whoever watches gets the report, and the other instances hear of the end, before the process may end.
    const goodbyes: Promise<unknown>[] = [];
    const { succession } = this.#operations;
    if (succession !== undefined) goodbyes.push(succession.settled);
    if (this.#inspector !== undefined)
      goodbyes.push(this.#inspector.end(report));
    if (this.cluster.engine.isClustered)
      goodbyes.push(this.cluster.stop(this.#drainPlanner.returningForMs));
    return goodbyes;
  }

  #describeDescriptors(): Record<string, unknown> {
    const { limit, forClients, refused } = this.#descriptors;
    return { limit, forClients, refused };
  }

  #publish(event: string, details: Record<string, unknown>): void {
    channel(channels.server).publish({ event, ...details });
  }
}
