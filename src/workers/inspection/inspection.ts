import type {
  NamedAction,
  TableState,
} from "../../machines/transition-table.ts";
import type { Actors, ActorTransition } from "../../protocol/actor-host.ts";
import type {
  ActorsOverview,
  ConnectionPage,
  InspectResult,
  InspectRequest,
  TopicPage,
} from "../../protocol/inspection-messages.ts";
import type { ShardMessage } from "../../protocol/messages.ts";
import { listConnections } from "./connection-list.ts";
import { type InspectedTopics, listTopics } from "./topic-list.ts";
import { describeConnection } from "./connection-facts.ts";
import type { LiveConnection } from "../connection/connection.ts";
import { type Gauges, startGauges } from "./gauges.ts";
import type { ShardCounters } from "../../protocol/shard-counters.ts";
import type { Registry } from "../lifecycle/registry.ts";
import type { Clock } from "../lifecycle/timer-wheel.ts";

/** What an inspection asks of its shard. */
export interface InspectionHost {
  readonly registry: Registry<LiveConnection>;
  readonly counters: ShardCounters;
  readonly clock: Clock;
  readonly topics: InspectedTopics;
  /** Of handlers that run a machine for each connection. */
  readonly actors: Actors | undefined;
}

/** A transition as the lifecycle runner tells it. */
interface Observed {
  readonly event: string;
  readonly source: TableState | undefined;
  readonly target: TableState;
  readonly spentMs: number;
  readonly actions: readonly NamedAction[];
}

/**
 * Answers what the inspector asks of a shard: a page of its connections, one
 * connection, each transition of a followed one. Costs nothing until asked.
 */
export class Inspection {
  readonly #host: InspectionHost;
  readonly #shard: number;
  readonly #post: (message: ShardMessage) => void;
  /** By number: a connection may be followed before it arrives from another thread, and after it has left for one. */
  readonly #followed = new Set<number>();
  #gauges: Gauges | undefined;
  /** Whether any connection is followed: all that a transition pays for this. */
  isFollowing = false;

  constructor(
    host: InspectionHost,
    shard: number,
    post: (message: ShardMessage) => void,
  ) {
    this.#host = host;
    this.#shard = shard;
    this.#post = post;
  }

  /** Answers a request, at once or, for a page of very many, a little later. */
  take(id: number, request: InspectRequest): void {
    const answer = (findings: InspectResult[InspectRequest["type"]]): void =>
      this.#post({ type: "inspected", id, result: findings });
    const found = this.#find(request);
    if (found instanceof Promise) void found.then(answer);
    else answer(found);
  }

  /** A connection has taken a transition. */
  observe(connection: LiveConnection, observed: Observed): void {
    if (!this.#followed.has(connection.number)) return;
    const { event, source, target, spentMs, actions } = observed;
    this.#post({
      type: "followed",
      transition: {
        number: connection.number,
        machine: "connection",
        at: Date.now(),
        event,
        from: source?.name,
        to: target.name,
        isFinal: target.isFinal,
        actions: actions.map(nameAction),
        spentMs,
      },
    });
    if (target.isFinal) this.#follow(connection.number, false);
  }

  isFollowed({ number }: LiveConnection): boolean {
    return this.#followed.has(number);
  }

  /** The actor of a followed connection has taken a transition. */
  acted({ number }: LiveConnection, transition: ActorTransition): void {
    this.#post({
      type: "followed",
      transition: {
        number,
        machine: "actor",
        at: Date.now(),
        isFinal: false,
        ...transition,
      },
    });
  }

  /** The shard ends. */
  stop(): void {
    this.#gauges?.stop();
    this.#gauges = undefined;
  }

  #find(
    request: InspectRequest,
  ):
    | InspectResult[InspectRequest["type"]]
    | Promise<ConnectionPage | TopicPage> {
    const { registry, counters, clock, topics } = this.#host;
    if (request.type === "page") {
      const { topic } = request.query.filter;
      const looked =
        topic === undefined
          ? registry
          : (topics.find(topic)?.subscribers ?? []);
      return listConnections(looked, request.query, this.#shard, () =>
        clock.now(),
      );
    }
    if (request.type === "topics") return listTopics(topics, request.query);
    if (request.type === "watch") {
      if (!request.isWatched) this.stop();
      else this.#gauges ??= startGauges(counters);
      return undefined;
    }
    if (request.type === "actors") return this.#describeActors();
    if (request.type === "follow")
      this.#follow(request.number, request.isFollowed);
    const { actors } = this.#host;
    const connection = registry.get(request.number);
    if (connection === undefined) return undefined;
    switch (request.type) {
      case "connection":
        return describeConnection(
          connection,
          this.#shard,
          clock.now(),
          actors?.stateOf(connection),
        );
      case "close": {
        const isOpen = connection.has("open");
        if (isOpen) connection.close(request.code, request.reason);
        return isOpen;
      }
      case "follow":
        actors?.followingChanged(connection);
        return describeConnection(
          connection,
          this.#shard,
          clock.now(),
          actors?.stateOf(connection),
        );
    }
    return request satisfies never;
  }

  #describeActors(): ActorsOverview | undefined {
    const { actors } = this.#host;
    return actors && { chart: actors.chart, population: actors.population() };
  }

  #follow(number: number, isFollowed: boolean): void {
    if (isFollowed) this.#followed.add(number);
    else this.#followed.delete(number);
    this.isFollowing = this.#followed.size > 0;
  }
}

/** `settle(outcome: clean)` */
function nameAction({ type, params }: NamedAction): string {
  if (typeof params !== "object" || params === null) return type;
  const details = Object.entries(params).map(
    ([name, value]) => `${name}: ${String(value)}`,
  );
  return `${type}(${details.join(", ")})`;
}
