/**
 * The lifecycle machines of Sluice, and the client's, as XState 5 machines: draw them,
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
} from "./connection-machine.ts";
export type {
  CloseCause,
  ConnectionActionType,
  ConnectionDelay,
  ConnectionEventType,
  ConnectionTag,
  FailureCause,
  Outcome,
  RefusalCause,
  SettledOutcome,
} from "./connection-machine.ts";
export { clientDelays, clientEvents, clientMachine } from "./client-machine.ts";
export type {
  ClientActionType,
  ClientDelay,
  ClientEventType,
} from "./client-machine.ts";
export { shardDelays, shardMachine } from "./shard-machine.ts";
export type { ShardDelay, ShardEvent } from "./shard-machine.ts";
export { linkDelays, linkMachine } from "./link-machine.ts";
export type { LinkDelay, LinkEvent } from "./link-machine.ts";
export { serverDelays, serverMachine } from "./server-machine.ts";
export type { ServerDelay, ServerEvent } from "./server-machine.ts";
