import type { Connection, Handlers } from "../handlers.ts";
import type { HookName } from "./hook-names.ts";

/**
 * Where handlers that run a machine for each connection keep what a shard asks
 * of it. From the registry of all symbols: handlers may bring another copy of
 * this module than the shard has.
 */
const ACTORS = Symbol.for("sluice.actors");

/** One transition of a connection's own actor. */
export interface ActorTransition {
  readonly event: string;
  readonly from: string;
  readonly to: string;
  readonly actions: readonly string[];
  /** In the state that was left, milliseconds. */
  readonly spentMs: number;
}

/** What the actors of a shard ask of it. */
export interface ActorHost {
  /** Something of the machine has failed while none of the hooks ran. */
  fail(connection: Connection, hook: HookName, error: unknown): void;
  /** The connection cannot go on here: it is told when to come back. */
  sendBack(connection: Connection): void;
  /** Somebody follows this connection: each transition is told. */
  isFollowed(connection: Connection): boolean;
  followed(connection: Connection, transition: ActorTransition): void;
}

/** The actors of a shard: one for each connection. */
export interface Actors {
  attach(host: ActorHost): void;
  /** The machine's drawing, a packed chart as JSON. */
  readonly chart: string;
  /** How many are in each state; whoever is in a state is in its parents too. */
  population(): readonly (readonly [state: string, count: number])[];
  /** The state of a connection's actor, such as `bidding.leading`. */
  stateOf(connection: Connection): string | undefined;
  /** The host's answer to `isFollowed` has changed. */
  followingChanged(connection: Connection): void;
}

/** Handlers that run these actors. */
export function withActors<Data>(
  handlers: Handlers<Data>,
  actors: Actors,
): Handlers<Data> {
  return Object.assign(handlers, { [ACTORS]: actors });
}

/** The actors that handlers run, if they run any. */
export function actorsOf(handlers: Handlers): Actors | undefined {
  return (handlers as { [ACTORS]?: Actors })[ACTORS];
}
