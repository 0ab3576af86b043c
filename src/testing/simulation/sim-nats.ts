import type {
  NatsClient,
  NatsConnection,
} from "../../main/cluster/nats-client.ts";
import type { Draws } from "./draws.ts";
import type { PipeEnd } from "./pipe.ts";
import { SimBucket } from "./sim-bucket.ts";
import { type BucketServers, SimBuckets } from "./sim-buckets.ts";
import {
  LATENCY_MS,
  type NatsDelivery,
  type NatsOwner,
  type NatsServers,
  SimNatsConnection,
} from "./sim-nats-connection.ts";
import type { SimThread } from "./sim-thread.ts";

/** One that comes late. */
const LATE_MS = [20, 400] as const;

/**
 * NATS between the processes of a simulation: at most once, in the order of
 * each connection, with JetStream's key-value buckets. Links can be cut,
 * servers restarted, messages lost and delayed.
 */
export class SimNats implements NatsServers, BucketServers {
  readonly #network: SimThread;
  readonly #draws: Draws;
  readonly #connections = new Set<SimNatsConnection>();
  readonly #buckets = new Map<string, SimBucket>();
  readonly #cut = new Set<NatsOwner>();
  #isDown = false;
  #clients = 0;
  /** Of the messages to topics, so many are lost on the way to a subscriber. */
  lossShare = 0;
  /** And so many come late. */
  lateShare = 0;
  /** Messages that were dropped on the way. */
  lost = 0;
  /** Links that broke, and messages that were under way on them. */
  broken = 0;
  /** Whether anything has gone wrong so far. */
  wasDisturbed = false;
  /** When a fault last ended. */
  disturbedAt = -Infinity;
  readonly deliveries: NatsDelivery[] = [];
  readonly #interestsEnded = new Map<NatsOwner, number>();

  constructor(network: SimThread, draws: Draws) {
    this.#network = network;
    this.#draws = draws;
  }

  /** The client library, as a process has it. */
  clientOf(owner: NatsOwner): NatsClient {
    return {
      connect: () => this.#connect(owner),
      bucketsOn: (connection) =>
        new SimBuckets(this, connection as SimNatsConnection),
    };
  }

  /** Nothing passes between this process and the servers any more; what is under way waits. */
  cut(owner: NatsOwner): void {
    this.#disturb();
    this.#cut.add(owner);
    for (const connection of this.#connections)
      if (connection.owner === owner) connection.hold();
  }

  /** All links pass messages again. */
  heal(): void {
    this.#cut.clear();
    for (const connection of this.#connections) connection.release();
    this.lossShare = 0;
    this.lateShare = 0;
    if (this.wasDisturbed) this.disturbedAt = this.#network.now;
  }

  lose(share: number): void {
    this.#disturb();
    this.lossShare = share;
  }

  delay(share: number): void {
    this.lateShare = share;
  }

  /** The servers end, and come back after so long: links break, and what they kept is gone. */
  restart(downMs: number): void {
    this.#disturb();
    this.#isDown = true;
    this.#buckets.clear();
    for (const connection of [...this.#connections])
      connection.breakOff("the server has ended");
    this.#network.fromOutside(() => {
      this.#isDown = false;
      this.disturbedAt = this.#network.now;
    }, downMs);
  }

  /** How often it has unsubscribed: what it hears afterwards begins anew. */
  interestsEnded(owner: NatsOwner): number {
    return this.#interestsEnded.get(owner) ?? 0;
  }

  endInterest(owner: NatsOwner): void {
    this.#interestsEnded.set(owner, this.interestsEnded(owner) + 1);
  }

  /** Its links end with it. */
  processEnded(owner: NatsOwner): void {
    for (const connection of [...this.#connections])
      if (connection.owner === owner) connection.vanish();
  }

  bucket(name: string): SimBucket | undefined {
    return this.#buckets.get(name);
  }

  openBucket(name: string, ttlMs: number): SimBucket {
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    const made = new SimBucket(ttlMs, () => this.#network.now);
    this.#buckets.set(name, made);
    return made;
  }

  /** Where what is sent to the servers arrives. */
  get servers(): PipeEnd {
    return this.#network;
  }

  forget(connection: SimNatsConnection): void {
    this.#connections.delete(connection);
  }

  /** A message has come to the servers: everyone who subscribes gets it but the sender. */
  route(
    from: SimNatsConnection,
    subject: string,
    data: Buffer,
    reply: string,
  ): void {
    const isForTopic = subject.includes(".topic.");
    for (const connection of this.#connections)
      for (const sid of connection.subscribersOf(subject)) {
        if (connection === from) continue;
        if (isForTopic && this.#draws.chance(this.lossShare)) {
          this.lost++;
          continue;
        }
        const isLate = isForTopic && this.#draws.chance(this.lateShare);
        connection.bring(
          sid,
          { subject, data, reply },
          isLate ? this.#draws.between(...LATE_MS) : 0,
        );
      }
  }

  #connect(owner: NatsOwner): Promise<NatsConnection> {
    const { promise, resolve, reject } =
      Promise.withResolvers<NatsConnection>();
    const draws = this.#draws.of(`${owner.name}, link ${this.#clients++}`);
    this.#network.fromOutside(
      () => {
        const isReached = !this.#isDown && !this.#cut.has(owner);
        const connection = new SimNatsConnection(this, owner, draws);
        if (isReached) this.#connections.add(connection);
        owner.main.fromOutside(
          () => {
            if (isReached) resolve(connection);
            else reject(new Error("connect ECONNREFUSED"));
          },
          draws.between(...LATENCY_MS),
        );
      },
      draws.between(...LATENCY_MS),
    );
    return promise;
  }

  #disturb(): void {
    this.wasDisturbed = true;
    this.disturbedAt = this.#network.now;
  }
}
