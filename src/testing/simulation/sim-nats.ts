import type {
  Buckets,
  KV,
  Msg,
  NatsClient,
  NatsConnection,
} from "../../main/cluster/nats-client.ts";
import type { Draws } from "./draws.ts";
import type { SimEvent } from "./event-heap.ts";
import { SimBucket } from "./sim-bucket.ts";
import { Pipe, type PipeEnd } from "./pipe.ts";
import type { SimThread } from "./sim-thread.ts";

/** What a message takes to the servers, and from them. */
const LATENCY_MS = [0.1, 3] as const;
/** One that comes late. */
const LATE_MS = [20, 400] as const;
/** A link that is cut is given up by its client after so long: two pings. */
const STALE_MS = [10_000, 15_000] as const;
/** The client's own, for JetStream. */
const REQUEST_DEADLINE_MS = 5_000;
/** `max_payload` of the servers. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;

/** Who has a connection: a process. */
export interface NatsOwner {
  readonly name: string;
  readonly main: SimThread;
}

/** A message of one process to a topic, as another received it, or did not. */
export interface NatsDelivery {
  readonly to: NatsOwner;
  readonly subject: string;
  readonly data: Buffer;
}

/**
 * NATS between the processes of a simulation: at most once, in the order of
 * each connection, with JetStream's key-value buckets. Links can be cut,
 * servers restarted, messages lost and delayed.
 */
export class SimNats {
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
  route(from: SimNatsConnection, subject: string, data: Buffer, reply: string) {
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

interface Brought {
  readonly subject: string;
  readonly data: Buffer;
  readonly reply: string;
}

type Callback = (error: Error | null, message: Msg) => void;

/** A link of one process to the servers, as its client sees it. */
class SimNatsConnection implements NatsConnection {
  readonly owner: NatsOwner;
  readonly #nats: SimNats;
  readonly #draws: Draws;
  readonly #closed = Promise.withResolvers<void | Error>();
  readonly #callbacks = new Map<number, { subject: string; take: Callback }>();
  /** As the servers know them: a moment later. */
  readonly #known = new Map<number, string>();
  readonly #requests = new Set<(error: Error) => void>();
  #sids = 0;
  /** To the servers, and from them. */
  readonly #there: Pipe;
  readonly #here: Pipe;
  #isOpen = true;
  #stale: SimEvent | undefined;

  constructor(nats: SimNats, owner: NatsOwner, draws: Draws) {
    this.#nats = nats;
    this.owner = owner;
    this.#draws = draws;
    this.#there = new Pipe(nats.servers);
    this.#here = new Pipe(owner.main);
  }

  subscribe(
    subject: string,
    { callback }: { callback: Callback },
  ): { unsubscribe(): void } {
    this.#requireOpen();
    const sid = ++this.#sids;
    this.#callbacks.set(sid, { subject, take: callback });
    this.#toServers(() => this.#known.set(sid, subject));
    return {
      unsubscribe: () => {
        this.#callbacks.delete(sid);
        if (subject.includes(".topic.")) this.#nats.endInterest(this.owner);
        if (this.#isOpen) this.#toServers(() => this.#known.delete(sid));
      },
    };
  }

  publish(
    subject: string,
    data: Uint8Array | string = "",
    options?: { reply?: string },
  ): void {
    this.#requireOpen();
    const bytes = Buffer.from(data as Uint8Array);
    if (bytes.length > MAX_PAYLOAD_BYTES)
      throw new RangeError("'payload' max_payload size exceeded");
    const { reply = "" } = options ?? {};
    this.#toServers(() => this.#nats.route(this, subject, bytes, reply));
  }

  flush(): Promise<void> {
    return this.request(() => {});
  }

  closed(): Promise<void | Error> {
    return this.#closed.promise;
  }

  close(): Promise<void> {
    // What was sent before goes out before the end.
    if (this.#isOpen) this.#toServers(() => this.#nats.forget(this));
    this.#end(undefined);
    return Promise.resolve();
  }

  /** Asks the servers for something, and waits for the answer. */
  request<Value>(work: () => Value): Promise<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    if (!this.#isOpen) {
      reject(new Error("connection closed"));
      return promise;
    }
    const timer = this.owner.main.setTimer(
      () => fail(new Error("timeout")),
      REQUEST_DEADLINE_MS,
    );
    const settled = (): void => {
      timer.isCancelled = true;
      this.#requests.delete(fail);
    };
    const fail = (error: Error): void => {
      settled();
      reject(error);
    };
    this.#requests.add(fail);
    this.#toServers(() => {
      let answer: () => void;
      try {
        const value = work();
        answer = () => resolve(value);
      } catch (error) {
        answer = () => reject(error);
      }
      this.#toClient(() => {
        settled();
        answer();
      }, 0);
    });
    return promise;
  }

  *subscribersOf(subject: string): Iterable<number> {
    for (const [sid, known] of this.#known) if (known === subject) yield sid;
  }

  /** A message for one of its subscriptions. */
  bring(sid: number, { subject, data, reply }: Brought, lateMs: number): void {
    this.#toClient(() => {
      const subscription = this.#callbacks.get(sid);
      if (subscription === undefined) return;
      this.#nats.deliveries.push({ to: this.owner, subject, data });
      subscription.take(null, {
        data,
        respond: (answer) => {
          if (reply === "" || !this.#isOpen) return false;
          this.publish(reply, answer);
          return true;
        },
      });
    }, lateMs);
  }

  hold(): void {
    if (!this.#isOpen || this.#here.isHeld) return;
    this.#there.hold();
    this.#here.hold();
    this.#stale = this.owner.main.setTimer(
      () => this.breakOff("stale connection"),
      this.#draws.between(...STALE_MS),
    );
  }

  release(): void {
    if (!this.#here.isHeld) return;
    this.#there.release();
    this.#here.release();
    if (this.#stale !== undefined) this.#stale.isCancelled = true;
  }

  /** It breaks, and its client hears of it: what was under way is lost. */
  breakOff(why: string): void {
    this.#nats.broken++;
    this.vanish();
    this.owner.main.fromOutside(
      () => this.#end(new Error(why)),
      this.#draws.between(...LATENCY_MS),
    );
  }

  /** The servers know it no more. */
  vanish(): void {
    this.#nats.forget(this);
    this.#known.clear();
    this.#there.drop();
    this.#here.drop();
    if (this.#stale !== undefined) this.#stale.isCancelled = true;
  }

  #end(error: Error | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#stale !== undefined) this.#stale.isCancelled = true;
    this.#callbacks.clear();
    for (const fail of [...this.#requests])
      fail(error ?? new Error("connection closed"));
    this.#closed.resolve(error);
  }

  #requireOpen(): void {
    if (!this.#isOpen) throw new Error("closed connection");
  }

  #toServers(arrive: () => void): void {
    this.#there.send(arrive, this.#draws.between(...LATENCY_MS));
  }

  #toClient(arrive: () => void, lateMs: number): void {
    this.#here.send(
      () => {
        if (this.#isOpen) arrive();
      },
      this.#draws.between(...LATENCY_MS) + lateMs,
    );
  }
}

/** JetStream's buckets, on one link. */
class SimBuckets implements Buckets {
  readonly #nats: SimNats;
  readonly #connection: SimNatsConnection;

  constructor(nats: SimNats, connection: SimNatsConnection) {
    this.#nats = nats;
    this.#connection = connection;
  }

  async create(name: string, { ttl }: { ttl: number }): Promise<KV> {
    await this.#connection.request(() => this.#nats.openBucket(name, ttl));
    return this.#on(name);
  }

  async open(name: string): Promise<KV> {
    await this.#connection.request(() => this.#bucket(name));
    return this.#on(name);
  }

  #bucket(name: string): SimBucket {
    const bucket = this.#nats.bucket(name);
    // The servers have lost it.
    if (bucket === undefined) throw new Error("stream not found");
    return bucket;
  }

  #on(name: string): KV {
    const ask = <Value>(work: (bucket: SimBucket) => Value): Promise<Value> =>
      this.#connection.request(() => work(this.#bucket(name)));
    const kv = {
      get: (key: string) => ask((bucket) => bucket.get(key)),
      put: (key: string, value: string) =>
        ask((bucket) => bucket.put(key, value)),
      create: (key: string, value: string) =>
        ask((bucket) => bucket.create(key, value)),
      update: (key: string, value: string, revision: number) =>
        ask((bucket) => bucket.update(key, value, revision)),
      purge: (key: string) => ask((bucket) => bucket.purge(key)),
      keys: (filter: string) => ask((bucket) => each(bucket.keys(filter))),
    };
    return kv;
  }
}

async function* each<Value>(values: readonly Value[]): AsyncGenerator<Value> {
  yield* values;
}
