import { MessagePort, threadId } from "node:worker_threads";
import type { Handlers } from "../../src/index.ts";

/**
 * Handlers that have found the port on which their shard speaks to main, and
 * say there whatever a client has sent: JSON, or the name of what JSON cannot say.
 */
const ports: MessagePort[] = [];
// oxlint-disable-next-line typescript/unbound-method
const post = MessagePort.prototype.postMessage;
MessagePort.prototype.postMessage = function (message, ...rest): void {
  if ((message as { type?: unknown } | null)?.type === "ready")
    ports.push(this);
  Reflect.apply(post, this, [message, ...rest]);
};

const unspeakable: Readonly<Record<string, () => unknown>> = {
  "no memory": () => ({
    type: "published",
    batches: [{ memory: new ArrayBuffer(8), entries: [["t", 0, 8]], at: 1 }],
  }),
  "beyond the memory": () => ({
    type: "published",
    batches: [
      { memory: new SharedArrayBuffer(8), entries: [["t", 4, 12]], at: 1 },
    ],
  }),
  "not a number": () => ({ type: "taken", bytes: Number.NaN }),
  "text that is none": () => ({
    type: "diagnostic",
    channel: "sluice:handler-error",
    message: { hook: "message", error: { stack: { toString: 1 } } },
  }),
  "too deep": () => {
    let message = {};
    for (let depth = 0; depth < 6_000; depth++) message = { message };
    return message;
  },
};

export default {
  message(connection, data) {
    const said = String(data);
    if (said === "who") connection.send(`thread ${threadId}`);
    else {
      const message = unspeakable[said]?.() ?? (JSON.parse(said) as unknown);
      ports[0]?.postMessage(message);
      connection.send("said");
    }
  },
} satisfies Handlers;
