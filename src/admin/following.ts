import { aside } from "../main/aside.ts";
import type {
  ConnectionFacts,
  FollowedTransition,
} from "../protocol/inspection-messages.ts";
import type { ConnectionDetails, Transition } from "./api.ts";
import type { Call } from "./call.ts";
import { CallError } from "./call-error.ts";
import type { Feed } from "./feed.ts";
import { type InspectRequests, Unanswered } from "./inspect-requests.ts";
import type { Stream, Streams } from "./streams.ts";
import {
  type InspectedServer,
  type InspectedShard,
  shardAt,
} from "./inspected-server.ts";

const FACTS_EVERY_MS = 1_000;
/** The state of a connection that changes threads. */
const MOVING = "open.moving";

interface Followed {
  /** Where it was last seen: it may move. */
  shard: InspectedShard;
  readonly streams: Set<Stream>;
  readonly timer: NodeJS.Timeout;
}

/** Connections that are being looked at one by one. */
export class Following {
  readonly #server: InspectedServer;
  readonly #requests: InspectRequests;
  readonly #streams: Streams;
  readonly #feed: Feed | undefined;
  readonly #followed = new Map<number, Followed>();

  constructor(options: {
    server: InspectedServer;
    requests: InspectRequests;
    streams: Streams;
    feed: Feed | undefined;
  }) {
    this.#server = options.server;
    this.#requests = options.requests;
    this.#streams = options.streams;
    this.#feed = options.feed;
  }

  /** @throws CallError 404 when there is no such connection, 503 when a shard that may have it does not answer. */
  async find(number: number): Promise<ConnectionDetails> {
    const { facts } = await this.#ask("connection", number);
    return toDetails(facts);
  }

  /** @throws CallError 404, 409 when it is closing already, 503. */
  async close(number: number, code: number, reason: string): Promise<void> {
    const { shard } = await this.#ask("connection", number);
    const hasBegun = await this.#requests.ask<"close">(shard, {
      type: "close",
      number,
      code,
      reason,
    });
    if (hasBegun === undefined) throw notFound(number);
    if (!hasBegun)
      throw new CallError(409, `c${number} is not open: it cannot be closed`);
  }

  /** Tells a stream each transition of a connection until it ends. */
  async follow(number: number, call: Call): Promise<void> {
    const { shard, facts } = await this.#ask("follow", number);
    const stream = this.#streams.open(call, () => this.#leave(number, stream));
    const followed = this.#followed.get(number) ?? this.#begin(number, shard);
    followed.streams.add(stream);
    stream.send("facts", JSON.stringify(toDetails(facts)), true);
    this.#feed?.begin({ number, shard: shard.index, state: facts.state });
  }

  /** A shard tells a transition of a followed connection. */
  transition(
    { number, ...transition }: FollowedTransition,
    from: number,
  ): void {
    const followed = this.#followed.get(number);
    if (followed === undefined) return;
    const shard = shardAt(this.#server, from);
    if (shard !== undefined) followed.shard = shard;
    const told: Transition = transition;
    const isOwn = told.machine === "actor";
    for (const stream of followed.streams)
      stream.send(isOwn ? "actor" : "transition", JSON.stringify(told), true);
    // The rest is about the connection's life, which is not its actor's.
    if (isOwn) return;
    this.#feed?.transition({ number, ...transition });
    if (transition.isFinal) this.#end(number, followed);
    // It may land on any shard, also on one that did not exist when the following began.
    else if (transition.to === MOVING) this.#tellShards(number, true);
  }

  /** The shard's thread is gone, and all its connections. */
  forget(shard: number): void {
    for (const [number, followed] of this.#followed) {
      if (followed.shard.index !== shard) continue;
      for (const stream of followed.streams)
        stream.send("crashed", JSON.stringify({ at: Date.now() }), true);
      this.#end(number, followed);
    }
  }

  #begin(number: number, shard: InspectedShard): Followed {
    const timer = setInterval(
      () => aside(this.#tellFacts(number), "telling of a connection"),
      FACTS_EVERY_MS,
    );
    const followed = { shard, streams: new Set<Stream>(), timer };
    this.#followed.set(number, followed);
    return followed;
  }

  async #tellFacts(number: number): Promise<void> {
    const followed = this.#followed.get(number);
    if (followed === undefined) return;
    try {
      const facts = await this.#requests.ask<"connection">(followed.shard, {
        type: "connection",
        number,
      });
      // Between two threads it is nowhere for a moment.
      if (facts === undefined) return;
      for (const stream of followed.streams)
        stream.send("facts", JSON.stringify(toDetails(facts)));
    } catch (error) {
      // A blocked shard is asked again in a second.
      if (!(error instanceof Unanswered)) throw error;
    }
  }

  #leave(number: number, stream: Stream): void {
    const followed = this.#followed.get(number);
    if (followed === undefined) return;
    followed.streams.delete(stream);
    if (followed.streams.size > 0) return;
    this.#forgetOne(number, followed);
  }

  #end(number: number, followed: Followed): void {
    this.#forgetOne(number, followed);
    for (const stream of followed.streams) stream.end();
  }

  #forgetOne(number: number, { timer }: Followed): void {
    clearInterval(timer);
    this.#followed.delete(number);
    this.#feed?.end(number);
    this.#tellShards(number, false);
  }

  #tellShards(number: number, isFollowed: boolean): void {
    for (const shard of this.#server.shards)
      this.#requests
        .ask<"follow">(shard, { type: "follow", number, isFollowed })
        .catch(() => {
          // A shard that does not answer follows nobody.
        });
  }

  /** Only the shard itself knows that it has a connection, so all are asked. */
  async #ask(
    type: "connection" | "follow",
    number: number,
  ): Promise<{ shard: InspectedShard; facts: ConnectionFacts }> {
    const request =
      type === "follow" ? { type, number, isFollowed: true } : { type, number };
    const answers = await Promise.allSettled(
      this.#server.shards.map(async (shard) => ({
        shard,
        facts: await this.#requests.ask<"connection" | "follow">(
          shard,
          request,
        ),
      })),
    );
    let failure: Error | undefined;
    for (const answer of answers) {
      if (answer.status === "rejected") failure = answer.reason as Error;
      else if (answer.value.facts !== undefined)
        return { shard: answer.value.shard, facts: answer.value.facts };
    }
    // Who is not there is not waited for.
    if (type === "follow") this.#tellShards(number, false);
    if (failure === undefined) throw notFound(number);
    throw new CallError(
      503,
      `c${number} was not found, but ${failure.message}`,
    );
  }
}

function toDetails({
  position: _,
  ...details
}: ConnectionFacts): ConnectionDetails {
  return details;
}

function notFound(number: number): CallError {
  return new CallError(
    404,
    `there is no connection c${number}; it may have ended`,
  );
}
