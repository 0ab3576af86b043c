import { randomBytes } from "node:crypto";
import type { Config } from "../../config.ts";
import { SluiceError } from "../../errors.ts";
import { aside, guarded } from "../aside.ts";
import type { SubscriberTally } from "./engine.ts";
import { Bucket } from "./bucket.ts";
import { DrainLease } from "./drain-lease.ts";
import type {
  ClusterEngine,
  EngineHost,
  InstanceEntry,
  LinkStats,
} from "./engine.ts";
import { HeldMessages } from "./held-messages.ts";
import { Link } from "./link.ts";
import type { Msg, NatsClient, NatsConnection } from "./nats-client.ts";
import { readTally, readTopic } from "./read-instances.ts";
import { InstanceRegistry } from "./instance-registry.ts";
import { IncomingSequences, OutgoingSequences } from "./sequences.ts";
import { decodeMessage, encodeMessage, Subjects } from "./instance-messages.ts";

/** Another instance that has not answered by then is not counted. */
const COUNT_DEADLINE_MS = 500;
/** Given to the client and not confirmed by the servers; beyond, messages are held here, where there is a bound. */
const MAX_IN_FLIGHT_BYTES = 1024 * 1024;
/** What the last words to the registry may take. */
const STOP_DEADLINE_MS = 500;

type Subscription = ReturnType<NatsConnection["subscribe"]>;

/** What the engine has once it has started. */
interface Parts {
  readonly host: EngineHost;
  readonly client: NatsClient;
  readonly link: Link;
  readonly registry: InstanceRegistry;
  readonly lease: DrainLease;
}

/** Topics across machines, on NATS. */
export class NatsEngine implements ClusterEngine {
  readonly isClustered = true;
  readonly #config: Config;
  readonly #id: string;
  readonly #loadClient: (name: string) => Promise<NatsClient>;
  /** Of this process, on the wire. */
  readonly #tag = randomBytes(8).toString("hex");
  readonly #startedAt = Date.now();
  readonly #subjects: Subjects;
  /** What somebody here subscribes to, and how on the link, while there is one. */
  readonly #topics = new Map<string, Subscription | undefined>();
  readonly #held: HeldMessages;
  readonly #outgoing = new OutgoingSequences();
  readonly #incoming = new IncomingSequences();
  #parts: Parts | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #inFlightBytes = 0;
  #isConfirming = false;
  #sent = 0;
  #received = 0;
  #missed = 0;
  #tooLarge = 0;

  /** @param id - Of this instance, unique in its cluster. */
  constructor(
    config: Config,
    id: string,
    loadClient: (name: string) => Promise<NatsClient>,
  ) {
    this.#config = config;
    this.#loadClient = loadClient;
    this.#id = id;
    this.#subjects = new Subjects(config.clusterName);
    this.#held = new HeldMessages(config.maxClusterBufferBytes);
  }

  async start(host: EngineHost): Promise<void> {
    const { clusterName, clusterHeartbeatMs, maxDraining } = this.#config;
    const client = await this.#loadClient(this.#id);
    const bucket = new Bucket(
      client.bucketsOn,
      clusterName,
      clusterHeartbeatMs,
    );
    const link = new Link({
      connect: () => client.connect(),
      subscribeAll: (connection) => {
        bucket.use(connection);
        this.#subscribeAll(connection);
      },
      sendHeld: () => this.#sendHeld(),
      changed: (state) => {
        if (link.connection === undefined) {
          bucket.use(undefined);
          this.#inFlightBytes = 0;
        }
        host.linkChanged(state);
      },
    });
    this.#parts = {
      host,
      client,
      link,
      registry: new InstanceRegistry(bucket, this.#id, (what) =>
        host.malformed(what),
      ),
      lease: new DrainLease(bucket, maxDraining, this.#id, (what) =>
        host.malformed(what),
      ),
    };
    link.start();
  }

  setInterest(topic: string, isWanted: boolean): void {
    if (isWanted) {
      const connection = this.#parts?.link.connection;
      this.#topics.set(topic, connection && this.#subscribe(connection, topic));
      return;
    }
    guarded("unsubscribing at NATS", () =>
      this.#topics.get(topic)?.unsubscribe(),
    );
    this.#topics.delete(topic);
    this.#incoming.forget(topic);
  }

  publish(topic: string, payload: Buffer, isBinary: boolean): void {
    const sequence = this.#outgoing.next(topic);
    const tag = this.#tag;
    const message = encodeMessage({ tag, sequence, isBinary, payload });
    this.#held.add(this.#subjects.topic(topic), message);
    if (this.#parts?.link.isConnected) this.#sendHeld();
  }

  async countElsewhere(topic: string): Promise<SubscriberTally> {
    const connection = this.#parts?.link.connection;
    if (connection === undefined) return { count: 0, isComplete: false };
    const others = await this.#countOthers();
    if (others === 0) return { count: 0, isComplete: true };
    try {
      return await this.#ask(connection, topic, others);
    } catch {
      // The link broke before anyone could be asked.
      return { count: 0, isComplete: false };
    }
  }

  /** @throws what the client throws when its connection has broken. */
  async #ask(
    connection: NatsConnection,
    topic: string,
    others: number,
  ): Promise<SubscriberTally> {
    const tally: SubscriberTally = { count: 0, isComplete: false };
    let areAllComplete = true;
    const inbox = `_INBOX.${randomBytes(12).toString("hex")}`;
    const { promise: answered, resolve } = Promise.withResolvers<void>();
    let answers = 0;
    const subscription = this.#listen(connection, inbox, ({ data }) => {
      const answer = readTally(data);
      if (answer === undefined)
        this.#parts?.host.malformed("an answer to a count");
      tally.count += answer?.count ?? 0;
      areAllComplete &&= answer?.isComplete ?? false;
      answers++;
      tally.isComplete = answers === others && areAllComplete;
      return answers === others ? resolve() : undefined;
    });
    connection.publish(this.#subjects.count, topic, { reply: inbox });
    const timer = setTimeout(resolve, COUNT_DEADLINE_MS);
    await answered;
    clearTimeout(timer);
    subscription.unsubscribe();
    return tally;
  }

  link(): LinkStats {
    const link = this.#parts?.link;
    return {
      state: link?.state ?? "connecting",
      reconnects: link?.reconnects ?? 0,
      lastError: link?.lastError,
      sent: this.#sent,
      received: this.#received,
      heldMessages: this.#held.size,
      heldBytes: this.#held.bytes,
      unsent: this.#held.givenUp + this.#tooLarge,
      missed: this.#missed,
      undelivered: 0,
    };
  }

  async instances(): Promise<readonly InstanceEntry[]> {
    if (this.#parts === undefined)
      throw new SluiceError("ERR_SLUICE_CLUSTER", "the cluster has not begun");
    return await this.#parts.registry.list();
  }

  async takeTurn(signal: AbortSignal): Promise<boolean> {
    return (await this.#parts?.lease.acquire(signal)) ?? false;
  }

  async endTurn(returningForMs: number): Promise<void> {
    await this.#parts?.lease.release(returningForMs);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#heartbeat);
    this.#heartbeat = undefined;
    if (this.#parts === undefined) return;
    const { registry, link } = this.#parts;
    const { promise: tooLate, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, STOP_DEADLINE_MS);
    // Where it cannot be removed, it expires.
    await Promise.race([registry.remove().catch(() => {}), tooLate]);
    clearTimeout(timer);
    await link.stop();
  }

  /** A new connection: everything that is wanted here is subscribed to again. */
  #subscribeAll(connection: NatsConnection): void {
    for (const topic of this.#topics.keys())
      this.#topics.set(topic, this.#subscribe(connection, topic));
    guarded("subscribing at NATS", () =>
      this.#listen(connection, this.#subjects.count, (question) =>
        aside(this.#answerCount(question), "answering another instance"),
      ),
    );
    clearTimeout(this.#heartbeat);
    aside(this.#beat(), "renewing the registry's entry");
  }

  /**
   * Subscribes. The client stops reading for good when a callback throws, so
   * none does.
   *
   * @throws what the client throws when its connection has broken.
   */
  #listen(
    connection: NatsConnection,
    subject: string,
    take: (message: Msg) => void,
  ): Subscription {
    return connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        guarded("taking a message from NATS", () => take(message));
      },
    });
  }

  async #answerCount(question: Msg): Promise<void> {
    const topic = readTopic(question.data, this.#config);
    if (topic === undefined)
      return this.#parts?.host.malformed("a topic to be counted");
    const tally = await this.#parts?.host.count(topic);
    // A link that has broken meanwhile takes no answer.
    if (tally !== undefined && this.#parts?.link.connection !== undefined)
      question.respond(JSON.stringify(tally));
    return undefined;
  }

  /** @returns undefined when the connection has broken: on the next one it is subscribed to again */
  #subscribe(
    connection: NatsConnection,
    topic: string,
  ): Subscription | undefined {
    try {
      return this.#listen(connection, this.#subjects.topic(topic), ({ data }) =>
        this.#arrived(topic, data),
      );
    } catch {
      return undefined;
    }
  }

  #arrived(topic: string, data: Uint8Array): void {
    const { host } = this.#parts as Parts;
    const message = decodeMessage(data);
    if (message === undefined) return host.malformed("a message to a topic");
    const { tag, sequence, payload, isBinary } = message;
    this.#received++;
    if (!host.deliver(topic, payload, isBinary))
      return host.malformed("a message to a topic");
    this.#missed += this.#incoming.arrived(topic, tag, sequence);
    return undefined;
  }

  /** Sends what is held, as far as what is on its way leaves room. */
  #sendHeld(): void {
    const connection = this.#parts?.link.connection;
    if (connection === undefined) return;
    while (this.#inFlightBytes < MAX_IN_FLIGHT_BYTES) {
      const next = this.#held.take();
      if (next === undefined) break;
      try {
        connection.publish(next.subject, next.message);
        this.#inFlightBytes += next.message.length;
        this.#sent++;
      } catch {
        // Over the max_payload of the servers.
        this.#tooLarge++;
      }
    }
    if (!this.#isConfirming && this.#inFlightBytes > 0)
      aside(this.#confirm(connection), "sending what was held");
  }

  /** Finds out when what is on its way has reached the servers, and sends on. */
  async #confirm(connection: NatsConnection): Promise<void> {
    this.#isConfirming = true;
    const bytes = this.#inFlightBytes;
    try {
      await connection.flush();
    } catch {
      // The link is broken: the machine will hear of it.
    }
    this.#isConfirming = false;
    if (this.#parts?.link.connection !== connection) return;
    this.#inFlightBytes -= bytes;
    if (this.#parts.link.isConnected) this.#sendHeld();
  }

  async #beat(): Promise<void> {
    const { clusterHeartbeatMs } = this.#config;
    this.#heartbeat = setTimeout(
      () => aside(this.#beat(), "renewing the registry's entry"),
      clusterHeartbeatMs,
    );
    if (this.#parts === undefined) return;
    const { host, registry, lease } = this.#parts;
    try {
      await registry.renew({
        id: this.#id,
        startedAt: this.#startedAt,
        ...host.describe(),
      });
      await lease.renew();
    } catch {
      // Away, or without JetStream: whoever asks for the registry is told why.
    }
  }

  /** As the registry knows them; any number where it cannot be asked. */
  async #countOthers(): Promise<number> {
    try {
      const all = await this.instances();
      return all.filter(({ id }) => id !== this.#id).length;
    } catch {
      return Infinity;
    }
  }
}
