import { isSendableCloseCode } from "../../../src/rfc6455.ts";
import { frame, OPCODE, readClose } from "../../../src/testing/frame-codec.ts";
import { RawClient } from "../../support/raw-client.ts";
import type { SharedServer } from "../../support/shared-server.ts";
import { within } from "../../support/within.ts";
import type {
  ConformanceCase,
  Ending,
  Heard,
  Reply,
} from "./conformance-case.ts";

/** How the bytes of a case reach the server. */
export const deliveries = [
  "at once",
  "frame by frame",
  "byte by byte",
] as const;
export type Delivery = (typeof deliveries)[number];

/** Longer pieces are long for their payload: only their edges travel byte by byte. */
const LONG_BYTES = 400;
const EDGE_BYTES = 20;
const END_MARK = "is it still open?";

/**
 * Plays a case against the server.
 *
 * @returns what came back, to the end of TCP
 * @throws Error when a frame of the server's own breaks a rule, or follows its
 *   close frame.
 */
export async function play(
  shared: SharedServer,
  { sent, ending }: ConformanceCase,
  delivery: Delivery,
): Promise<Heard> {
  // Half-open: the server is the one that ends TCP (RFC 6455, 7.1.1).
  const client = await RawClient.open(shared.port, "/echo", undefined, {
    isCleanedUp: false,
    allowHalfOpen: true,
  });
  try {
    await deliver(shared, client, cut(sent, delivery));
    if (ending.kind === "open") client.write(frame(OPCODE.ping, END_MARK));
    return await hear(client, ending);
  } finally {
    client.socket.end();
    await within("the end of TCP", client.ended);
  }
}

/** Everything that the server says; one that stays open is closed at its end mark. */
async function hear(client: RawClient, ending: Ending): Promise<Heard> {
  const replies: Reply[] = [];
  let closeCode: number | undefined;
  for (;;) {
    const next = await client.next();
    if (next === undefined) return { replies, closeCode };
    const { isFinal, reserved, isMasked, isShortest, opcode, payload } = next;
    // RFC 6455, 5.1, 5.2: and nothing here needs a fragment.
    if (!isFinal || reserved !== 0 || isMasked || !isShortest)
      throw new Error(`the server may not send ${JSON.stringify(next)}`);
    if (closeCode !== undefined)
      throw new Error(`behind its close frame came ${JSON.stringify(next)}`);
    // RFC 6455, 7.4.1: 1005 and its like are never written.
    if (
      opcode === OPCODE.close &&
      payload.length > 0 &&
      !isSendableCloseCode(payload.readUInt16BE(0))
    )
      throw new Error(`no close frame may say ${payload.toString("hex")}`);
    if (opcode === OPCODE.close) closeCode = readClose(next).code;
    else if (ending.kind === "open" && payload.toString() === END_MARK)
      client.sendClose(1000);
    else replies.push({ opcode, payload });
  }
}

function cut(sent: readonly Buffer[], delivery: Delivery): Buffer[] {
  if (delivery === "at once") return [Buffer.concat(sent)];
  return delivery === "frame by frame" ? [...sent] : sent.flatMap(cutToBytes);
}

function cutToBytes(piece: Buffer): Buffer[] {
  if (piece.length <= LONG_BYTES) return each(piece);
  return [
    ...each(piece.subarray(0, EDGE_BYTES)),
    piece.subarray(EDGE_BYTES, -EDGE_BYTES),
    ...each(piece.subarray(-EDGE_BYTES)),
  ];
}

function each(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte));
}

/** Writes each piece once the server has read the one before, so that no two arrive together. */
async function deliver(
  shared: SharedServer,
  client: RawClient,
  pieces: readonly Buffer[],
): Promise<void> {
  const { socket } = client;
  let expected = bytesRead(shared);
  for (const piece of pieces) {
    client.write(piece);
    expected += piece.length;
    // Once the server has ended TCP, or reset it, it need not read any more.
    while (
      !socket.readableEnded &&
      !socket.destroyed &&
      bytesRead(shared) < expected
    )
      await new Promise(setImmediate);
  }
}

function bytesRead({ server }: SharedServer): number {
  return server.stats().shards.reduce((sum, { bytesIn }) => sum + bytesIn, 0);
}
