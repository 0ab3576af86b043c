import { STATUS_CODES } from "node:http";
import { SluiceError } from "../../errors.ts";
import { headerLines } from "./response-headers.ts";
import type { ResponseHeaders } from "./response-headers.ts";

interface RefusalKind {
  readonly status: number;
  readonly text: string;
  readonly headers?: ResponseHeaders;
}

/** Every way in which an upgrade is refused: reason, status and what the client reads. */
const REFUSALS = {
  "handshake-deadline": {
    status: 408,
    text: "The request was not complete in time.",
  },
  "request-deadline": {
    status: 408,
    text: "The body of the request was not complete in time.",
  },
  "bad-request": { status: 400, text: "The request is malformed." },
  "target-too-long": { status: 414, text: "The request target is too long." },
  "header-too-large": { status: 431, text: "The request head is too large." },
  "http-version": {
    status: 505,
    text: "A WebSocket upgrade takes HTTP/1.1. If a proxy stands in between, let it speak HTTP/1.1 to this server.",
  },
  method: {
    status: 405,
    text: "The method must be GET.",
    headers: { Allow: "GET" },
  },
  "method-unknown": {
    status: 501,
    text: "The method is not known.",
  },
  "upgrade-required": {
    status: 426,
    text: "This is a WebSocket endpoint: connect to it with a WebSocket client.",
    headers: { Upgrade: "websocket" },
  },
  version: {
    status: 426,
    text: "The header Sec-WebSocket-Version must be 13.",
    headers: { Upgrade: "websocket", "Sec-WebSocket-Version": "13" },
  },
  key: {
    status: 400,
    text: "The header Sec-WebSocket-Key must be 16 bytes in base64.",
  },
  origin: { status: 403, text: "This origin may not connect." },
  unauthorized: { status: 401, text: "Who is connecting is not known." },
  forbidden: { status: 403, text: "This client may not connect." },
  "not-found": { status: 404, text: "There is nothing at this path." },
  "too-many-connections": {
    status: 503,
    text: "The server has as many connections as it takes. Try again later.",
  },
  "too-many-from-address": {
    status: 503,
    text: "This address has as many connections as it may have. Try again later.",
  },
  "shutting-down": {
    status: 503,
    text: "The server is shutting down. Try again later.",
  },
  "handler-failed": {
    status: 500,
    text: "The server failed to decide about this connection.",
  },
} as const satisfies Record<string, RefusalKind>;

/** Why an upgrade was refused: stable, for logs, counters and tests. */
export type RefusalReason = keyof typeof REFUSALS;

/** What is answered instead of an upgrade, before it is written as bytes. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers?: ResponseHeaders;
  readonly body?: string;
  /** Whether the request was a HEAD: the answer then says the body's length only. */
  readonly isHead?: boolean;
}

/** An answer that refuses, complete: its reason is known and nothing is left to default. */
export interface Refusal extends Required<HttpAnswer> {
  readonly reason: RefusalReason;
}

/** What one refusal says differently from its kind. */
export interface RefusalDetails extends Partial<HttpAnswer> {
  /** Seconds after which to try again, for Retry-After; rounded up, at least 1. */
  readonly retryAfterSeconds?: number;
}

/**
 * A refusal of a known kind, with what this one says differently.
 *
 * @param reason the row of the table.
 * @param details status and body replace those of the row; headers are added.
 */
export function refusal(
  reason: RefusalReason,
  details: RefusalDetails = {},
): Refusal {
  const kind: RefusalKind = REFUSALS[reason];
  const { retryAfterSeconds } = details;
  return {
    reason,
    status: details.status ?? kind.status,
    headers: {
      ...kind.headers,
      ...(retryAfterSeconds !== undefined && {
        "Retry-After": String(Math.max(1, Math.ceil(retryAfterSeconds))),
      }),
      ...details.headers,
    },
    body: details.body ?? `${kind.text}\n`,
    isHead: details.isHead ?? false,
  };
}

const FRAMING_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "transfer-encoding",
]);

/** 204, 205 and 304 have no body, and an answer here always says its length. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * Writes an answer as a complete HTTP/1.1 response, after which the connection
 * closes: Connection, Content-Length, nosniff, and `text/plain` in UTF-8 unless
 * the headers name another type.
 *
 * @param answer status, headers and body, for example a {@link Refusal}.
 * @param nowMs the time for the Date header, in ms since the epoch; none without.
 * @throws SluiceError `ERR_SLUICE_HANDLERS` for a status outside 200 to 599 or
 *   one that has no body, and for a header that could not be written safely.
 */
export function refusalResponse(answer: HttpAnswer, nowMs?: number): Buffer {
  const { status, headers = {}, body = "", isHead = false } = answer;
  if (
    !Number.isInteger(status) ||
    status < 200 ||
    status > 599 ||
    BODILESS.has(status)
  ) {
    throw new SluiceError(
      "ERR_SLUICE_HANDLERS",
      `an upgrade cannot be refused with the status ${status}: take one from 300 to 599 that has a body`,
    );
  }
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  // RFC 9110 section 7.8: who sends Upgrade names it in Connection as well.
  const connection = names.includes("upgrade") ? "close, Upgrade" : "close";
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}\r\n`;
  head += `Connection: ${connection}\r\n`;
  head += headerLines(headers, FRAMING_HEADERS);
  if (nowMs !== undefined && !names.includes("date")) {
    head += `Date: ${new Date(nowMs).toUTCString()}\r\n`;
  }
  if (!names.includes("content-type")) {
    head += "Content-Type: text/plain; charset=utf-8\r\n";
  }
  if (!names.includes("x-content-type-options")) {
    head += "X-Content-Type-Options: nosniff\r\n";
  }
  head += `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  if (isHead) return Buffer.from(head, "latin1");
  // Headers are latin1 and the body is UTF-8: two encodings in one buffer.
  const bytes = Buffer.allocUnsafe(head.length + Buffer.byteLength(body));
  bytes.write(head, "latin1");
  bytes.write(body, head.length, "utf8");
  return bytes;
}
