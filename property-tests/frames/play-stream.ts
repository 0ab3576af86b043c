import {
  type Frame,
  OPCODE,
  readClose,
} from "../../src/testing/frame-codec.ts";
import { RawClient } from "../../test/support/raw-client.ts";
import { within } from "../../test/support/within.ts";
import type { Stream } from "./frame-streams.ts";

/** Fewer writes than this for one stream, however small they were meant to be. */
const MOST_WRITES = 400;

/** What came back, to the end of TCP. */
export interface Played {
  readonly frames: readonly Frame[];
  /** Of the close frame, when one came. */
  readonly closeCode: number | undefined;
  /** Whether anything came behind the close frame, or broke a rule. */
  readonly fault: string | undefined;
}

/**
 * How long one waits who may have stopped in the middle of a frame: the server
 * waits for the rest of it then, as it should.
 */
export const UNSURE_PATIENCE_MS = 1_000;

/**
 * Plays a stream over a connection of its own.
 *
 * @param patienceMs - After so long without a word of the server the client
 *   resets; without it, that is an error.
 */
export async function playStream(
  port: number,
  stream: Stream,
  patienceMs?: number,
): Promise<Played> {
  const client = await RawClient.open(port, "/echo", undefined, {
    isCleanedUp: false,
  });
  try {
    const bytes = Buffer.concat(stream.pieces.map((piece) => piece.bytes));
    const step = Math.max(
      stream.writeBytes,
      Math.ceil(bytes.length / MOST_WRITES),
    );
    for (let at = 0; at < bytes.length; at += step) {
      client.write(bytes.subarray(at, at + step));
      if (stream.writeBytes < 10_000) await new Promise(setImmediate);
    }
    switch (stream.ending) {
      case "close":
        client.sendClose(1000);
        break;
      case "half-close":
        client.socket.end();
        break;
      case "reset":
        client.reset();
        break;
    }
    return await listen(client, patienceMs);
  } finally {
    client.destroy();
    await client.ended;
  }
}

async function listen(
  client: RawClient,
  patienceMs: number | undefined,
): Promise<Played> {
  const frames: Frame[] = [];
  let closeCode: number | undefined;
  let fault: string | undefined;
  for (;;) {
    const next = await client.next(patienceMs).catch((error: unknown) => {
      if (patienceMs === undefined) throw error;
      client.reset();
      return undefined;
    });
    if (next === undefined) break;
    if (closeCode !== undefined) fault ??= "a frame behind the close frame";
    if (next.isMasked || next.reserved !== 0 || !next.isFinal)
      fault ??= `the server sent ${JSON.stringify(next)}`;
    if (next.opcode === OPCODE.close) closeCode = readClose(next).code;
    else frames.push(next);
  }
  await within("the end of TCP", client.ended);
  return { frames, closeCode, fault };
}
