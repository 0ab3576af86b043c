/**
 * The three lifecycle machines of Sluice, as XState 5 machines: draw them,
 * explore them with `xstate/graph`, or run them under `createActor`. They know
 * no I/O; each names what must happen and has it provided.
 *
 * @module sluice/machines
 */
export {
  connectionDelays,
  connectionEvents,
  connectionMachine,
  outcomes,
} from "./connection.ts";
export type {
  CloseCause,
  ConnectionActionType,
  ConnectionDelay,
  ConnectionEventType,
  ConnectionTag,
  Outcome,
  RefusalCause,
  SettledOutcome,
} from "./connection.ts";
export { shardDelays, shardMachine } from "./shard.ts";
export type { ShardDelay, ShardEvent } from "./shard.ts";
export { linkDelays, linkMachine } from "./link.ts";
export type { LinkDelay, LinkEvent } from "./link.ts";
export { serverDelays, serverMachine } from "./server.ts";
export type { ServerDelay, ServerEvent } from "./server.ts";
