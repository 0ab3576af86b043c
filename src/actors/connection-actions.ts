import type { WhenCongested } from "../handlers.ts";

type Data = string | ArrayBuffer | ArrayBufferView;

/** What the action `send` is given: see `Connection.send`. */
export interface SendParams {
  readonly data: Data;
  readonly isBinary?: boolean;
}

/** What the action `publish` is given: see `Connection.publish`. */
export interface PublishParams {
  readonly topic: string;
  readonly data: Data;
  readonly isBinary?: boolean;
  readonly includeSelf?: boolean;
}

/** What the action `subscribe` is given: see `Connection.subscribe`. */
export interface SubscribeParams {
  readonly topic: string;
  readonly whenCongested?: WhenCongested;
}

/** What the action `unsubscribe` is given. */
export interface UnsubscribeParams {
  readonly topic: string;
}

/** What the action `close` is given: see `Connection.close`. */
export interface CloseParams {
  readonly code?: number;
  readonly reason?: string;
}

/** What each of the actions is given that machines have for their connection. */
export interface ActionParams {
  readonly send: SendParams;
  readonly publish: PublishParams;
  readonly subscribe: SubscribeParams;
  readonly unsubscribe: UnsubscribeParams;
  readonly close: CloseParams | undefined;
}

/**
 * The verbs of a machine that speaks for a connection, for the `actions` of
 * XState's `setup`. Here they do nothing, so that a machine can be drawn,
 * explored and tested by itself; {@link machineHandlers} gives them hands.
 *
 * @example
 * ```ts
 * import { connectionActions, type ConnectionFact } from "sluice";
 * import { setup } from "xstate";
 *
 * export const machine = setup({
 *   types: { events: {} as ConnectionFact | { type: "hello" } },
 *   actions: connectionActions,
 * }).createMachine({
 *   on: { hello: { actions: { type: "send", params: { data: "hi" } } } },
 * });
 * ```
 */
export const connectionActions: {
  readonly [Name in keyof ActionParams]: (
    _: unknown,
    params: ActionParams[Name],
  ) => void;
} = {
  send: () => {},
  publish: () => {},
  subscribe: () => {},
  unsubscribe: () => {},
  close: () => {},
};
