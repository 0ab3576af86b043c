import type { Msg, NatsConnection } from "../../main/cluster/nats-client.ts";
import type { Draws } from "./draws.ts";
import type { SimEvent } from "./event-heap.ts";
import { Pipe, type PipeEnd } from "./pipe.ts";
import type { SimThread } from "./sim-thread.ts";

/** What a message takes to the servers, and from them. */
export const LATENCY_MS = [0.1, 3] as const;
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

/** What a link asks of the servers. */
export interface NatsServers {
  /** Where what is sent to them arrives. */
  readonly servers: PipeEnd;
  /** Links that broke. */
  broken: number;
  readonly deliveries: NatsDelivery[];
  route(
    from: SimNatsConnection,
    subject: string,
    data: Buffer,
    reply: string,
  ): void;
  endInterest(owner: NatsOwner): void;
  forget(connection: SimNatsConnection): void;
}

interface Brought {
  readonly subject: string;
  readonly data: Buffer;
  readonly reply: string;
}

type Callback = (error: Error | null, message: Msg) => void;

/** A link of one process to the servers, as its client sees it. */
export class SimNatsConnection implements NatsConnection {
  readonly owner: NatsOwner;
  readonly #nats: NatsServers;
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

  constructor(nats: NatsServers, owner: NatsOwner, draws: Draws) {
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
