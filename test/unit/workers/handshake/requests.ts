import { HeadReader } from "../../../../src/workers/handshake/head-reader.ts";
import type {
  HeadLimits,
  HeadProgress,
} from "../../../../src/workers/handshake/head-reader.ts";
import type { HandshakeRequest } from "../../../../src/workers/handshake/handshake-fields.ts";

export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const LIMITS: HeadLimits = { maxHeaderBytes: 16_384 };

/** The headers of the upgrade in RFC 6455 section 1.3, less the subprotocols. */
export const UPGRADE: Readonly<Record<string, string>> = {
  Host: "server.example.com",
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Key": KEY,
  "Sec-WebSocket-Version": "13",
};

/** The text of a request; a header that is `undefined` is left out. */
export function request(
  requestLine: string,
  headers: Readonly<Record<string, string | undefined>> = UPGRADE,
): string {
  const lines = Object.entries(headers)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `${requestLine}\r\n${lines.join("")}\r\n`;
}

/** The upgrade request with some headers changed, added or (`undefined`) left out. */
export function upgrade(
  changed: Readonly<Record<string, string | undefined>> = {},
  requestLine = "GET /chat HTTP/1.1",
): string {
  return request(requestLine, { ...UPGRADE, ...changed });
}

/** Reads latin1 text in chunks that end at the given positions, until a verdict. */
export function read(
  text: string,
  limits: HeadLimits = LIMITS,
  cuts: readonly number[] = [],
): HeadProgress {
  const bytes = Buffer.from(text, "latin1");
  const reader = new HeadReader(limits);
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    const progress = reader.push(bytes.subarray(start, cut));
    if (progress.kind !== "need-more") return progress;
    start = cut;
  }
  return { kind: "need-more" };
}

/** Reads a request that must be well-formed. */
export function readWhole(text: string): HandshakeRequest {
  const progress = read(text);
  if (progress.kind !== "head") {
    throw new Error(`not a whole head: ${JSON.stringify(progress)}`);
  }
  return progress;
}

/** What a verdict of the reader says, without what depends on the last chunk. */
export function essence(progress: HeadProgress): unknown {
  if (progress.kind !== "head") return progress;
  return { raw: progress.head.raw, fields: progress.fields };
}
