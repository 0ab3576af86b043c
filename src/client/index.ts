/**
 * The client: a WebSocket that comes back when its server has said, for
 * browsers, workers, Node, Deno and Bun. It needs nothing else and works with
 * any WebSocket server.
 *
 * @module sluice/client
 */
export type { Ended } from "./appointment.ts";
export { connect } from "./client.ts";
export type { Client } from "./client.ts";
export type { ClientEventMap } from "./client-events.ts";
export type {
  ClientOptions,
  Fate,
  Incoming,
  Outgoing,
  SendOptions,
} from "./client-options.ts";
export { PatientWebSocket } from "./patient-web-socket.ts";
