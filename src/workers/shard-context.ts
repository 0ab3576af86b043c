import { channel } from "node:diagnostics_channel";
import type { SecureContext } from "node:tls";
import type { Config } from "../config.ts";
import { describeForeign } from "../foreign-value.ts";
import type { Connection, ConnectionEnd, Handlers } from "../handlers.ts";
import { connectionTable } from "../machines/connection-table.ts";
import type { ConnectionEventType } from "../machines/connection-machine.ts";
import {
  type ActorHost,
  type Actors,
  type ActorTransition,
  actorsOf,
} from "../protocol/actor-host.ts";
import { channels, type ChannelName } from "../protocol/channels.ts";
import type { HookName } from "../protocol/hook-names.ts";
import type {
  Arrival,
  ShardMessage,
  ShardTask,
  TlsMaterial,
} from "../protocol/messages.ts";
import type { SocketHandle } from "../protocol/socket-handle.ts";
import { MemoryBudget } from "../protocol/memory-budget.ts";
import { ShardCounters } from "../protocol/shard-counters.ts";
import { CLOSE_CODE } from "../rfc6455.ts";
import { AddressLimit } from "./handshake/address-limit.ts";
import { connectionDelays } from "./connection/machine-actions.ts";
import { connectionActions } from "./connection/socket-actions.ts";
import { LiveConnection } from "./connection/connection.ts";
import {
  type DrainId,
  type DrainsHost,
  DrainsUnderWay,
} from "./lifecycle/drains-under-way.ts";
import { originRule } from "./handshake/origins.ts";
import {
  type ClientAddress,
  clientAddressBehind,
} from "./handshake/remote-address.ts";
import type { HandshakePolicy } from "./handshake/judge-request.ts";
import { Hooks } from "./hooks.ts";
import { Inspection, type InspectionHost } from "./inspection/inspection.ts";
import { LifecycleRunner } from "./lifecycle/runner.ts";
import { Mover, type MoverHost, type PostHandle } from "./handover/mover.ts";
import type { AssemblyLimits } from "./websocket/message-assembly.ts";
import { DeflatePool } from "./websocket/deflate-pool.ts";
import { WriteBatcher } from "./websocket/frame-writer.ts";
import { attachTransport } from "./connection/receive.ts";
import { Rationing } from "./connection/rationing.ts";
import { Holdings } from "./connection/holdings.ts";
import { Turns } from "./connection/turns.ts";
import { paceOf } from "./lifecycle/pacer.ts";
import { Registry } from "./lifecycle/registry.ts";
import { secureContextOf } from "./transport/secure-socket.ts";
import { openSecure, openTcp } from "./transport/open.ts";
import type { Transport } from "./transport/transport.ts";
import type { Clock } from "./lifecycle/timer-wheel.ts";
import type { ShardSurroundings } from "./shard-surroundings.ts";
import type { PlainStream } from "./plain/plain-stream.ts";
import { PlainServer } from "./plain/plain-server.ts";
import { ShardTopics } from "./topics/shard-topics.ts";
import {
  Handshake,
  type HandshakeHost,
  type HandshakeOwner,
} from "./handshake/handshake.ts";

/** Of a client's own words in a report. */
const MAX_REPORTED = 200;

/** What the connections of one shard share. */
export class ShardContext
  implements
    MoverHost,
    HandshakeHost,
    InspectionHost,
    ActorHost,
    DrainsHost<LiveConnection>
{
  readonly config: Config;
  readonly clock: Clock;
  /** Begins to read a plain connection that has come to this thread. */
  readonly open: (handle: SocketHandle) => Transport;
  readonly counters: ShardCounters;
  readonly hooks: Hooks;
  /** Of handlers that run a machine for each connection. */
  readonly actors: Actors | undefined;
  /** Answers what the inspector asks; idle while nobody looks. */
  readonly inspection: Inspection;
  readonly batcher = new WriteBatcher();
  readonly deflatePool: DeflatePool;
  readonly turns: Turns<LiveConnection>;
  readonly holdings: Holdings<LiveConnection>;
  readonly plainLimits: AssemblyLimits;
  readonly compressedLimits: AssemblyLimits;
  readonly registry = new Registry<LiveConnection>();
  readonly topics: ShardTopics;
  readonly runner: LifecycleRunner<ConnectionEventType, LiveConnection>;
  readonly clientAddress: ClientAddress;
  /** Null unless connections are limited by address. */
  readonly addressLimit: AddressLimit | null;
  readonly mover: Mover;
  /** Why connections cannot move here, in one sentence, or `undefined`. */
  readonly moveBlocker: string | undefined;
  handshakePolicy: HandshakePolicy;
  readonly drains: DrainsUnderWay<LiveConnection>;
  /** Null unless the handlers answer plain HTTP. */
  readonly #plain: PlainServer | null;
  readonly #shard: number;
  readonly #post: (message: ShardMessage) => void;
  readonly #forwarded: ReadonlySet<string>;
  #secureContext: SecureContext | undefined;
  /** Handlers that run, of whatever connection, also of one that has ended. */
  #underWay = 0;
  #onQuiet: (() => void) | undefined;

  constructor(
    task: ShardTask,
    handlers: Handlers,
    surroundings: ShardSurroundings,
    post: (message: ShardMessage) => void,
    moving: { post: PostHandle; whyNot: string | undefined },
  ) {
    this.config = task.config;
    const { clock } = surroundings;
    this.clock = clock;
    this.turns = new Turns(clock);
    this.holdings = new Holdings(this.config, clock, {
      rationing: new Rationing(
        this.config.maxMemoryBytes,
        new MemoryBudget(task.memory),
        task.shard,
      ),
      pins: this.batcher.pins,
      onTotal: (total) => this.counters.set("heldBytes", total),
    });
    const { maxPayloadBytes } = this.config;
    this.deflatePool = new DeflatePool(maxPayloadBytes);
    this.plainLimits = { maxPayloadBytes, isCompressible: false };
    this.compressedLimits = { maxPayloadBytes, isCompressible: true };
    this.open = openTcp(task.handleFault, surroundings.adopt);
    this.counters = new ShardCounters(task.counters);
    this.#shard = task.shard;
    this.#post = post;
    this.#forwarded = new Set(task.forwarded);
    this.drains = new DrainsUnderWay(this);
    this.inspection = new Inspection(this, task.shard, post);
    this.topics = new ShardTopics(task, this, post);
    this.hooks = new Hooks(handlers, (connection, hook, error) =>
      this.fail(connection, hook, error),
    );
    this.actors = actorsOf(handlers);
    this.actors?.attach(this);
    this.runner = new LifecycleRunner({
      table: connectionTable,
      actions: connectionActions,
      delays: connectionDelays,
      clock,
      observe: (connection, event, source, target, edge, spentMs, actions) => {
        const { states, edges } = this.counters;
        if (source !== undefined) {
          (states[source.index] as number) -= 1;
          this.counters.addVisit(source.index, spentMs);
        }
        if (!target.isFinal) (states[target.index] as number) += 1;
        (edges[edge] as number) += 1;
        if (this.inspection.isFollowing)
          this.inspection.observe(connection, {
            event,
            source,
            target,
            spentMs,
            actions,
          });
      },
    });
    const { origins, trustedProxies, maxConnectionsPerAddress } = this.config;
    this.clientAddress = clientAddressBehind(trustedProxies);
    this.addressLimit =
      maxConnectionsPerAddress > 0 ? new AddressLimit(post) : null;
    this.mover = new Mover(this, moving.post);
    this.mover.onLanded = () => this.#checkQuiet();
    this.moveBlocker = moving.whyNot;
    this.#plain = this.hooks.takesRequests ? new PlainServer(this) : null;
    this.handshakePolicy = {
      takesRequests: this.hooks.takesRequests,
      allowsOrigin: originRule(origins),
      ready: task.isReady,
      secure: task.tls !== undefined,
    };
    if (task.tls !== undefined) this.useTls(task.tls);
  }

  /** Takes a socket that main has handed over: the life of a connection begins. */
  adopt(arrival: Arrival): LiveConnection {
    const { handle, id, address } = arrival;
    this.counters.add("received");
    const secureContext = this.#secureContext;
    const isSecure = secureContext !== undefined;
    const transport = isSecure
      ? openSecure(handle, secureContext)
      : this.open(handle);
    const connection = new LiveConnection(this, id, transport, isSecure);
    connection.handshake = new Handshake(connection, this, arrival);
    if (address !== undefined) this.addressLimit?.count(connection, address);
    this.registry.add(connection);
    this.runner.start(connection);
    attachTransport(connection);
    return connection;
  }

  /** From now on new connections are encrypted with this; open ones go on as they are. */
  useTls(tls: TlsMaterial): void {
    this.#secureContext = secureContextOf(tls);
  }

  setReadiness(isReady: boolean): void {
    this.handshakePolicy = { ...this.handshakePolicy, ready: isReady };
    // Who asks by HTTP asks elsewhere next time.
    if (!isReady && this.#plain !== null)
      for (const { plain } of this.registry) plain?.announceLast();
  }

  get isLeaving(): boolean {
    return !this.handshakePolicy.ready;
  }

  openPlain(connection: LiveConnection): PlainStream {
    return (this.#plain as PlainServer).open(connection);
  }

  beginHandshake(connection: LiveConnection): Handshake {
    return new Handshake(connection, this, {});
  }

  /** Resolves when nothing of any connection is left: no machine, and no handler that runs. */
  quiet(): Promise<void> {
    return new Promise((resolve) => {
      this.#onQuiet = resolve;
      this.#checkQuiet();
    });
  }

  /** The last step of a connection's life. */
  forget(connection: LiveConnection): void {
    this.registry.delete(connection);
    this.holdings.release(connection);
    this.topics.forget(connection);
    this.addressLimit?.release(connection);
    this.drains.ended(connection);
    this.#checkQuiet();
  }

  drainNotified(drain: DrainId, count: number): void {
    this.#post(
      drain === "shutdown"
        ? { type: "shutdown-notified" }
        : { type: "notified", drain, notified: count },
    );
  }

  drained(drain: number): void {
    this.#post({ type: "drained", drain });
  }

  reportOpened(connection: LiveConnection): void {
    this.#publish(channels.connection, () => ({
      event: "opened",
      connection: connection.id,
      path: connection.request.path,
      remoteAddress: connection.remoteAddress,
    }));
  }

  reportRejection(
    connection: LiveConnection,
    status: number,
    reason: string,
  ): void {
    this.#publish(channels.rejected, () => ({
      connection: connection.id,
      remoteAddress: connection.remoteAddress,
      status,
      reason,
    }));
  }

  /** @param origin - As the client sent it, and so is the host. */
  reportForeignOrigin(
    connection: HandshakeOwner,
    origin: string,
    host: string,
  ): void {
    this.#publish(channels.originRefused, () => ({
      connection: connection.id,
      remoteAddress: connection.remoteAddress,
      origin: origin.slice(0, MAX_REPORTED),
      host: host.slice(0, MAX_REPORTED),
    }));
  }

  reportCongestion(connection: LiveConnection): void {
    this.#publish(channels.connection, () => ({
      event: "congested",
      connection: connection.id,
      bufferedBytes: connection.bufferedBytes,
    }));
  }

  reportRation(connection: LiveConnection): void {
    this.#publish(channels.memory, () => ({
      event: "rationed",
      connection: connection.id,
      heldBytes: connection.weight,
    }));
  }

  reportShed(connection: LiveConnection): void {
    this.counters.add("shed");
    this.#publish(channels.memory, () => ({
      event: "shed",
      connection: connection.id,
      heldBytes: connection.weight,
    }));
  }

  reportEnded(connection: LiveConnection, end: ConnectionEnd): void {
    this.#publish(channels.connection, () => ({
      event: "terminated",
      connection: connection.id,
      outcome: end.outcome,
      code: end.code,
    }));
    const work = this.hooks.run("closed", connection, end);
    if (work !== undefined) this.track(work);
  }

  /** A handler runs until this settles: the thread does not end before it. */
  track(work: PromiseLike<void>): void {
    this.#underWay++;
    this.counters.add("handlers");
    void work.then(() => {
      this.#underWay--;
      this.counters.add("handlers", -1);
      this.#checkQuiet();
    });
  }

  reportHookFailure(
    connection: { readonly id: string },
    hook: HookName,
    error: unknown,
  ): void {
    this.#countHookFailure(connection, hook, error);
    this.#publish(channels.handlerError, () => ({
      connection: connection.id,
      hook,
      error: describeForeign(error),
    }));
  }

  /** A hook has failed, or what it has begun: its connection ends. */
  fail(
    connection: { readonly id: string },
    hook: HookName,
    error: unknown,
  ): void {
    this.reportHookFailure(connection, hook, error);
    if (hook !== "closed" && connection instanceof LiveConnection)
      connection.dismiss(CLOSE_CODE.internalError);
  }

  /** As who cannot move is told: when to come back, spread over the time that the others need to take them. */
  sendBack(connection: Connection): void {
    const { registry, config, clock } = this;
    const pace = paceOf(
      registry.size,
      {
        deadline: clock.now(),
        closeCode: CLOSE_CODE.serviceRestart,
        rate: config.closeRate,
        retryMinMs: config.retryMinMs,
        retrySpreadMs: config.retrySpreadMs,
        shards: 1,
        turn: 0,
      },
      clock.now(),
    );
    connection.close(
      CLOSE_CODE.serviceRestart,
      `retry-after-ms=${pace.retryAfterMsAt(Math.random())}`,
    );
  }

  isFollowed(connection: Connection): boolean {
    return (
      connection instanceof LiveConnection &&
      this.inspection.isFollowed(connection)
    );
  }

  followed(connection: Connection, transition: ActorTransition): void {
    if (connection instanceof LiveConnection)
      this.inspection.acted(connection, transition);
  }

  /** A listener for joins and leaves is of no connection. */
  reportWatchFailure(error: unknown): void {
    this.#publish(channels.handlerError, () => ({
      hook: "watch",
      error: describeForeign(error),
    }));
  }

  /** Once for each connection: one that says much makes no more of it. Main is told of the first error of a kind. */
  #countHookFailure(
    connection: { readonly id: string },
    hook: HookName,
    error: unknown,
  ): void {
    if (!(connection instanceof LiveConnection) || connection.hasFailed) return;
    connection.hasFailed = true;
    const cohort = connection.hasMoved ? "moved" : "new";
    if (this.counters.hookFailures(cohort, hook) === 0) {
      const { name, message } = describeForeign(error);
      const said = `${name}: ${message}`;
      this.#post({ type: "hook-failed", cohort, hook, said });
    }
    this.counters.addHookFailure(cohort, hook);
  }

  #checkQuiet(): void {
    const isQuiet =
      this.registry.size === 0 &&
      this.#underWay === 0 &&
      this.mover.inFlight === 0;
    if (isQuiet) this.#onQuiet?.();
  }

  /** To who listens in this thread, and to main where someone listens there. */
  #publish(name: ChannelName, describe: () => Record<string, unknown>): void {
    const local = channel(name);
    const isForwarded = this.#forwarded.has(name);
    if (!isForwarded && !local.hasSubscribers) return;
    const message = { shard: this.#shard, ...describe() };
    local.publish(message);
    if (isForwarded) this.#post({ type: "diagnostic", channel: name, message });
  }
}
