import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import {
  hearShard,
  readShardMessage,
} from "../../../../src/main/shards/read-shard-message.ts";
import { channels } from "../../../../src/protocol/channels.ts";
import type { ShardMessage } from "../../../../src/protocol/messages.ts";
import type { SocketHandle } from "../../../../src/protocol/socket-handle.ts";
import { weighBatches } from "../../../../src/topics/outbox.ts";
import { bytesOf, contentOf } from "../../../../src/topics/shared-frames.ts";
import { overhear } from "../../../support/diagnostics.ts";

const memory = new SharedArrayBuffer(64);
const row = {
  id: "c1",
  position: { value: 1, number: 1 },
  shard: 0,
  state: "open.healthy",
  path: "/",
  remoteAddress: "127.0.0.1",
  ageMs: 0.5,
  inStateMs: 0.5,
  messagesIn: 0,
  messagesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  bufferedBytes: 0,
  handlersInFlight: 0,
};

/** One of each, as shards say them. */
const honest: readonly ShardMessage[] = [
  { type: "ready", moveBlocker: undefined },
  { type: "ready", moveBlocker: "the option handover is off" },
  { type: "emptied" },
  { type: "tls-reloaded", error: undefined },
  { type: "hook-failed", cohort: "new", hook: "message", said: "Error: no" },
  {
    type: "diagnostic",
    channel: channels.handlerError,
    message: {
      shard: 0,
      hook: "message",
      error: {
        name: "Error",
        message: "no",
        stack: undefined,
        cause: { name: "Error", message: "", stack: "" },
        errors: [],
      },
    },
  },
  { type: "admit", id: 1, address: "::1" },
  { type: "released", address: "::1" },
  { type: "notified", drain: 7, notified: 3 },
  { type: "shutdown-notified" },
  { type: "drained", drain: 1 },
  { type: "inspected", id: 1, result: undefined },
  { type: "inspected", id: 1, result: { rows: [row], matching: 1 } },
  {
    type: "inspected",
    id: 1,
    result: { chart: "{}", population: [["open", 2]] },
  },
  {
    type: "followed",
    transition: {
      number: 1,
      machine: "connection",
      at: 1,
      event: "opened",
      from: undefined,
      to: "open.healthy",
      isFinal: false,
      actions: ["a"],
      spentMs: 0.1,
    },
  },
  { type: "interest", topic: "t", isWanted: true },
  { type: "count-subscribers", request: 1, topic: "t" },
  { type: "subscribers", request: 1, count: 0 },
  { type: "published", batches: [{ memory, entries: [["t", 0, 12]], at: 1 }] },
  { type: "taken", bytes: 100 },
  {
    type: "moved-out",
    order: 1,
    snapshot: {
      number: 1,
      head: "GET / HTTP/1.1\r\n\r\n",
      remoteAddress: "127.0.0.1",
      subprotocol: "",
      state: undefined,
      openedAt: 1.5,
      isSilent: false,
      isProbing: false,
      messagesIn: 0,
      messagesOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      allowance: { messages: -0.5, bytes: 0, filledAt: 2.5 },
      subscriptions: [["t", "close"]],
      heardUntil: 1,
      droppedMessages: 0,
      isAdmitted: false,
      frozenAt: 2.5,
    },
    handle: { close() {} } as unknown as SocketHandle,
  },
  { type: "moved-in", number: 1 },
  { type: "moved", order: 1, left: 1, refused: { tls: 1 } },
];

const scalar = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, memory, new ArrayBuffer(4)),
  fc.constantFrom<unknown>(Number.NaN, -1, 0.5, 2 ** 60, Infinity, 3, "t"),
);
const anything = fc.oneof(scalar, fc.anything({ maxDepth: 3 }));

/** Any value at all, and what is almost right: one field, at any depth, is something else. */
const almost = fc.oneof(
  anything,
  fc
    .tuple(fc.constantFrom(...honest), fc.array(fc.nat()), anything)
    .map(([message, path, value]) => bend(message, path, value)),
  fc
    .tuple(fc.constantFrom(...honest), fc.object({ maxDepth: 3 }))
    .map(([{ type }, fields]) => ({ ...fields, type })),
);

/** The same value with something else in one place. */
function bend(
  whole: unknown,
  path: readonly number[],
  value: unknown,
): unknown {
  const isLeaf =
    typeof whole !== "object" || whole === null || whole === memory;
  const keys = isLeaf ? [] : Object.keys(whole);
  const [at, ...rest] = path;
  if (at === undefined || keys.length === 0) return value;
  const key = keys[at % keys.length] as string;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(whole)
    ? [...(whole as unknown[])]
    : { ...(whole as object) };
  Reflect.set(copy, key, bend(Reflect.get(whole as object, key), rest, value));
  return copy;
}

describe("what a shard says", () => {
  it.each(honest)("is read as it was said: $type", (message) => {
    expect(readShardMessage(message)).toBe(message);
  });

  test.prop([almost], { numRuns: 2_000 })(
    "can be taken without a throw, or is none",
    (value) => {
      const message = readShardMessage(value);
      if (message?.type === "published") {
        expect(weighBatches(message.batches)).toBeGreaterThanOrEqual(0);
        for (const batch of message.batches)
          for (const [, start, end] of batch.entries) {
            const frame = bytesOf({ memory: batch.memory, start, end });
            expect(frame.length).toBe(end - start);
            contentOf(frame);
          }
      } else if (message?.type === "taken")
        expect(Number.isSafeInteger(message.bytes)).toBe(true);
      else if (message?.type === "diagnostic") {
        expect(message.channel).not.toBe(channels.server);
        for (const each of Object.values(message.message))
          expect(() => `${String(each)}${JSON.stringify(each)}`).not.toThrow();
      } else if (message?.type === "moved-out") {
        expect(Number.isSafeInteger(message.snapshot.number)).toBe(true);
        expect(message.handle).toHaveProperty("close");
      } else if (message?.type === "moved")
        for (const count of Object.values(message.refused))
          expect(Number.isSafeInteger(count)).toBe(true);
    },
  );

  it("ends nothing when taking it fails, and is read no further", async () => {
    const { messages } = overhear(channels.server);
    const { port1, port2 } = new MessageChannel();
    const dropped: string[] = [];
    const taken: string[] = [];
    hearShard(
      port1,
      ({ type }) => {
        taken.push(type);
        if (type === "emptied") throw new Error("a fault of ours");
      },
      (what) => dropped.push(what),
    );
    port2.postMessage({ type: "emptied" });
    port2.postMessage({ type: "emptie" });
    port1.emit("messageerror", new Error("too deep"));
    port2.postMessage({ type: "taken", bytes: 1 });
    const closed = once(port1, "close");
    port2.close();
    await closed;
    expect(taken).toEqual(["emptied", "taken"]);
    expect(dropped).toEqual([
      "that could not be deserialized",
      'of the type "unknown"',
    ]);
    expect(messages).toMatchObject([
      { event: "fault", what: 'taking "emptied" of a shard' },
    ]);
  });
});
