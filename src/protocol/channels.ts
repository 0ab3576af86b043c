/**
 * Names of the `node:diagnostics_channel` channels that Sluice publishes to.
 * The library never prints: subscribe to these in the main thread, before
 * `serve`, and what happens in the shards is published there too. In a shard's
 * thread they can be subscribed to at any time.
 *
 * @example
 * ```ts
 * import { subscribe } from "node:diagnostics_channel";
 * import { channels } from "sluice";
 *
 * subscribe(channels.handlerError, (message) => {
 *   const { hook, error } = message as { hook: string; error: unknown };
 *   console.error(`${hook} failed`, error);
 * });
 * ```
 */
export const channels = {
  /** The server's own life: `{ event, ... }`. */
  server: "sluice:server",
  /** Shards that start, die, are replaced, block: `{ event, shard, ... }`. */
  shard: "sluice:shard",
  /** Connections that open, congest and end: `{ event, shard, connection, ... }`. */
  connection: "sluice:connection",
  /** Upgrades refused: `{ shard, connection, remoteAddress, status, reason }`. */
  rejected: "sluice:rejected",
  /** An upgrade of a page that may not connect, besides `rejected`: `{ shard, connection, remoteAddress, origin, host }`. */
  originRefused: "sluice:origin-refused",
  /** Connections that are not read from, or are closed, for want of memory (`maxMemoryBytes`): `{ event, shard, connection, heldBytes }`. */
  memory: "sluice:memory",
  /** A hook that threw or rejected: `{ shard, connection, hook, error }`. */
  handlerError: "sluice:handler-error",
  /** A socket whose peer was gone before it could be handed over: `{ code }`. */
  handoffFailed: "sluice:handoff-failed",
  /** The link to other instances, by the state it enters, and turns to drain: `{ event, error? }`. */
  cluster: "sluice:cluster",
  /** Certificates reloaded, or not: `{ event, error? }`. */
  tls: "sluice:tls",
  /** Moves, reloads and upgrades: `{ event, ... }`. */
  handover: "sluice:handover",
} as const;
export type ChannelName = (typeof channels)[keyof typeof channels];
