import type { Writable } from "node:stream";
import * as ws from "ws";

/**
 * The receiver of `ws`, which has read frames for ten years: what it makes of
 * bytes is the measure. `ws` exports it and leaves it out of its types.
 */
export interface WsReceiver extends Writable {
  on(
    event: "message",
    listener: (data: Buffer, isBinary: boolean) => void,
  ): this;
  on(event: "ping", listener: (data: Buffer) => void): this;
  on(event: "conclude", listener: (code: number, reason: Buffer) => void): this;
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): this;
}

const { Receiver } = ws as unknown as {
  Receiver: new (options: object) => WsReceiver;
};

/** One that reads what a client sends. */
export function wsReceiver(maxPayload: number): WsReceiver {
  return new Receiver({ isServer: true, maxPayload });
}
