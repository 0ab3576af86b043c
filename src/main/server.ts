import { channel } from "node:diagnostics_channel";
import type { Config } from "../config.ts";
import { MemoryBudget } from "../protocol/memory-budget.ts";
import type { TlsMaterial } from "../protocol/messages.ts";
import { Ingress } from "./accept/ingress.ts";
import { Cluster } from "./cluster/cluster.ts";
import { nameInstance } from "./cluster/instance.ts";
import { DrainPlanner } from "./drain-planner.ts";
import { Handover } from "./handover/handover.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import { InspectorLifetime } from "./inspector-lifetime.ts";
import type { Inspector, ListeningAdmin } from "./inspector.ts";
import { Lifecycle } from "./lifecycle.ts";
import { Malformed } from "./malformed.ts";
import { Operations } from "./operations.ts";
import { PatientClock } from "./patient-clock.ts";
import { PublicServer } from "./public-server.ts";
import { Readiness } from "./readiness.ts";
import { type Ledger, readLedger, type ShutdownReport } from "./report.ts";
import { Fleet } from "./shards/fleet.ts";
import { forwardable, inspected } from "./shards/read-shard-message.ts";
import { Shard } from "./shards/shard.ts";
import type { ShardEnvironment } from "./shards/shard-environment.ts";
import { watchShards } from "./shards/watchdog.ts";
import { ShutdownRequests } from "./shutdown-requests.ts";
import { Stoppage } from "./stoppage.ts";
import { Supervisor } from "./supervisor.ts";
import type { MainSurroundings } from "./main-surroundings.ts";
import { TopicRouter } from "./topics/topic-router.ts";

/** What a server is made of, and where. */
export interface ServerParts {
  readonly config: Config;
  readonly tls: TlsMaterial | undefined;
  /** Handover is off, and why. */
  readonly moveBlocker: string | undefined;
  /** Why connections are not read and written by their handles, if they are not. */
  readonly handleFault: string | undefined;
  readonly surroundings: MainSurroundings;
  /** Opens the inspector, with the listening socket of the process before where there is one; `undefined` when it is off. */
  readonly openInspector:
    | ((
        server: PublicServer,
        inherited: ListeningAdmin | undefined,
      ) => Promise<Inspector>)
    | undefined;
}

/** Where all parts meet: each is made here, and finds the others here. */
export class Server {
  readonly config: Config;
  readonly surroundings: MainSurroundings;
  /** Of its machines. */
  readonly patientClock: PatientClock;
  readonly moveBlocker: string | undefined;
  readonly malformed = new Malformed();
  readonly stoppage = new Stoppage();
  readonly fleet: Fleet;
  readonly cluster: Cluster;
  readonly topics: TopicRouter;
  readonly planner: DrainPlanner;
  readonly supervisor: Supervisor;
  readonly readiness: Readiness;
  readonly ingress: Ingress;
  readonly handover: Handover;
  readonly operations: Operations;
  readonly inspector: InspectorLifetime;
  readonly requests: ShutdownRequests;
  readonly lifecycle: Lifecycle;
  /** What its shards are started with. */
  readonly environment: ShardEnvironment & { tls: TlsMaterial | undefined };
  /** The process from which this one takes over, or has. */
  predecessor: Predecessor | undefined;
  /** What others are given of it. */
  readonly face = new PublicServer(this);
  readonly #watchdog: { stop(): void };

  constructor(parts: ServerParts) {
    const { config, surroundings, openInspector, tls } = parts;
    const { moveBlocker, handleFault } = parts;
    const instance = nameInstance();
    this.patientClock = new PatientClock(surroundings.clock);
    this.config = config;
    this.surroundings = surroundings;
    this.moveBlocker = moveBlocker;
    this.fleet = new Fleet(config.workers);
    this.cluster = new Cluster(config, instance, (name) =>
      surroundings.loadNatsClient(config, name),
    );
    const { engine } = this.cluster;
    this.topics = new TopicRouter(config, this.fleet, engine, () =>
      surroundings.createChannel(),
    );
    this.planner = new DrainPlanner(this);
    this.supervisor = new Supervisor(this);
    this.readiness = new Readiness(this);
    this.ingress = new Ingress(this);
    this.handover = new Handover(this);
    this.operations = new Operations(this);
    this.inspector = new InspectorLifetime(
      this,
      openInspector && ((inherited) => openInspector(this.face, inherited)),
    );
    this.requests = new ShutdownRequests(this);
    const { readiness } = this;
    this.environment = {
      surroundings,
      patientClock: this.patientClock,
      config,
      tls,
      instance,
      moveBlocker,
      handleFault,
      malformed: this.malformed,
      topicTable: this.topics.table.buffer,
      memory: MemoryBudget.create(this.fleet.capacity).buffer,
      forwarded: forwardable.filter(
        (name) =>
          channel(name).hasSubscribers ||
          (config.admin && inspected.includes(name)),
      ),
      get isReady() {
        return readiness.atStart;
      },
    };
    for (let count = 0; count < config.workers; count++)
      this.fleet.shards.push(
        new Shard(this.fleet.freeIndex(), this.supervisor),
      );
    this.#watchdog = watchShards(this.fleet, config.blockedAfterMs);
    this.lifecycle = new Lifecycle(this);
  }

  get ledger(): Ledger {
    return readLedger(
      this.fleet.counters,
      this.ingress.refused.all,
      this.handover.relay,
    );
  }

  /**
   * Nothing runs any more: whoever waits for something that cannot come is told.
   *
   * @param report - Absent when the server has failed.
   * @returns what has to be over before the process may end
   */
  conclude(report: ShutdownReport | undefined): Promise<unknown>[] {
    this.ingress.suspend();
    this.#watchdog.stop();
    for (const shard of this.fleet.all) shard.giveUp();
    this.operations.stop();
    this.handover.stop();
    this.stoppage.decide();
    // Whoever watches gets the report, and the other instances hear of the end.
    return [
      this.operations.upgradeUnderWay?.settled,
      this.inspector.end(report),
      this.cluster.stop(this.planner.returningForMs),
    ].filter((work) => work !== undefined);
  }
}
