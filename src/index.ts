/**
 * Sluice: a multi-core WebSocket server that knows how to stop.
 *
 * @module sluice
 */
export { serve } from "./serve.ts";
export type {
  ServeControl,
  ServerState,
  ServerStats,
  ShardStats,
  SluiceServer,
} from "./main/server-types.ts";
export type { Border } from "./main/malformed.ts";
export type { ShutdownOptions } from "./main/shutdown-options.ts";
export type { InstanceEntry, LinkStats } from "./main/cluster/engine.ts";
export type { Drain, DrainReport, DrainTarget } from "./main/drain.ts";
export type { AdminAddress } from "./main/inspector.ts";
export type { Movability } from "./main/handover/movability.ts";
export type { HandoverStats } from "./main/handover/handover.ts";
export type { MoveReport } from "./main/handover/relay.ts";
export type { ReloadReport } from "./main/handover/reload.ts";
export type {
  Successor,
  UpgradeReport,
} from "./main/handover/process-upgrade.ts";
export type { ServerAddress } from "./main/main-surroundings.ts";
export type { Ledger, ShutdownPart, ShutdownReport } from "./main/report.ts";
export { resolveConfig } from "./config.ts";
export type { Config, ServerOptions } from "./config.ts";
export { SluiceError } from "./errors.ts";
export type { SluiceErrorCode } from "./errors.ts";
export { defineHandlers } from "./handlers.ts";
export type {
  Authorization,
  Connection,
  ConnectionEnd,
  ConnectionRequest,
  DroppedMessages,
  Handlers,
  HandlerShard,
  PresenceEvent,
  PresenceListener,
  PublishOptions,
  PublishStatus,
  SendStatus,
  SubscriberCount,
  SubscribeOptions,
  WhenCongested,
} from "./handlers.ts";
export { connectionActions } from "./actors/connection-actions.ts";
export type {
  ActionParams,
  CloseParams,
  PublishParams,
  SendParams,
  SubscribeParams,
  UnsubscribeParams,
} from "./actors/connection-actions.ts";
export type { ConnectionFact } from "./actors/facts.ts";
export { machineHandlers } from "./actors/machine-handlers.ts";
export type {
  ClientEvent,
  ConnectionMachine,
  MachineHandlersOptions,
} from "./actors/machine-handlers.ts";
export { outcomes } from "./machines/connection-machine.ts";
export type { Outcome } from "./machines/connection-machine.ts";
export { channels } from "./protocol/channels.ts";
export type { ChannelName } from "./protocol/channels.ts";
export type { DurationSummary } from "./protocol/histogram.ts";
export type {
  MoveObstacle,
  MoveObstacles,
} from "./protocol/handover-messages.ts";
