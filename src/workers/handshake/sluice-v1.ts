import { FIN, headerBytes, OPCODE, writeHeader } from "../../rfc6455.ts";
import { acceptKey } from "./accept.ts";
import type { RequestHead } from "./request-head.ts";

/**
 * The subprotocol `sluice.v1`: the application's messages as they are, and of
 * ours
 *
 * - `^ 30000 …`, the server's first message, with the interval of its heartbeat;
 * - `~…`, the tick: beside each ping, since a browser shows no ping to a page,
 *   and in answer to
 * - `?…`, the client's probe.
 *
 * Each has the connection's token in it, which nobody else can know: no text of
 * an application, and none that others make it relay, is taken for one. Nothing
 * is kept for it: the token comes of the client's key, which moves along with
 * the request's head.
 */
export const SLUICE_V1 = "sluice.v1";

const TOKEN_CHARACTERS = 8;
const PROBE_CHARACTERS = 1 + TOKEN_CHARACTERS;
const QUESTION_MARK = 0x3f;

/** What is asked of a connection. */
export interface Speaker {
  readonly subprotocol: string;
  readonly head: RequestHead | null;
}

function tokenOf(key: string): string {
  return acceptKey(key).slice(0, TOKEN_CHARACTERS);
}

function tokenOfSpeaker({ head }: Speaker): string {
  return tokenOf(head?.header("sec-websocket-key") ?? "");
}

/**
 * The server's first message, a whole frame, to be written behind the 101.
 *
 * @param heartbeatMs - The longest time between two ticks to a client that only listens; 0 where there are none.
 */
export function greetingFrame(key: string, heartbeatMs: number): Buffer {
  const text = `^ ${heartbeatMs} ${tokenOf(key)}`;
  const frame = Buffer.alloc(headerBytes(text.length) + text.length);
  const at = writeHeader(frame, 0, FIN | OPCODE.text, text.length);
  frame.write(text, at, "latin1");
  return frame;
}

/** What is sent beside a ping, and in answer to a probe. */
export function tickText(speaker: Speaker): string {
  return `~${tokenOfSpeaker(speaker)}`;
}

/** Whether a message is the client's question if we are there, and not for the application. */
export function isProbe(
  speaker: Speaker,
  data: Buffer,
  isBinary: boolean,
): boolean {
  return (
    data[0] === QUESTION_MARK &&
    data.length === PROBE_CHARACTERS &&
    !isBinary &&
    speaker.subprotocol === SLUICE_V1 &&
    data.toString("latin1", 1) === tokenOfSpeaker(speaker)
  );
}
