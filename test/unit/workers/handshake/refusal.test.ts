import { describe, expect, it } from "vitest";
import {
  refusal,
  refusalResponse,
} from "../../../../src/workers/handshake/refusal.ts";
import type { RefusalReason } from "../../../../src/workers/handshake/refusal.ts";

const UPGRADE = "Connection: close, Upgrade\r\nUpgrade: websocket\r\n";
const CLOSE = "Connection: close\r\n";

type Row = readonly [status: string, headers: string, body: string];

/** Every refusal as it goes over the wire: reason, status line, headers, body. */
const TABLE = {
  "handshake-deadline": [
    "408 Request Timeout",
    CLOSE,
    "The request was not complete in time.\n",
  ],
  "request-deadline": [
    "408 Request Timeout",
    CLOSE,
    "The body of the request was not complete in time.\n",
  ],
  "method-unknown": [
    "501 Not Implemented",
    CLOSE,
    "The method is not known.\n",
  ],
  "bad-request": ["400 Bad Request", CLOSE, "The request is malformed.\n"],
  "target-too-long": [
    "414 URI Too Long",
    CLOSE,
    "The request target is too long.\n",
  ],
  "header-too-large": [
    "431 Request Header Fields Too Large",
    CLOSE,
    "The request head is too large.\n",
  ],
  "http-version": [
    "505 HTTP Version Not Supported",
    CLOSE,
    "A WebSocket upgrade takes HTTP/1.1. If a proxy stands in between, let it speak HTTP/1.1 to this server.\n",
  ],
  method: [
    "405 Method Not Allowed",
    `${CLOSE}Allow: GET\r\n`,
    "The method must be GET.\n",
  ],
  "upgrade-required": [
    "426 Upgrade Required",
    UPGRADE,
    "This is a WebSocket endpoint: connect to it with a WebSocket client.\n",
  ],
  version: [
    "426 Upgrade Required",
    `${UPGRADE}Sec-WebSocket-Version: 13\r\n`,
    "The header Sec-WebSocket-Version must be 13.\n",
  ],
  key: [
    "400 Bad Request",
    CLOSE,
    "The header Sec-WebSocket-Key must be 16 bytes in base64.\n",
  ],
  origin: ["403 Forbidden", CLOSE, "This origin may not connect.\n"],
  unauthorized: [
    "401 Unauthorized",
    CLOSE,
    "Who is connecting is not known.\n",
  ],
  forbidden: ["403 Forbidden", CLOSE, "This client may not connect.\n"],
  "not-found": ["404 Not Found", CLOSE, "There is nothing at this path.\n"],
  "too-many-connections": [
    "503 Service Unavailable",
    CLOSE,
    "The server has as many connections as it takes. Try again later.\n",
  ],
  "too-many-from-address": [
    "503 Service Unavailable",
    CLOSE,
    "This address has as many connections as it may have. Try again later.\n",
  ],
  "shutting-down": [
    "503 Service Unavailable",
    CLOSE,
    "The server is shutting down. Try again later.\n",
  ],
  "handler-failed": [
    "500 Internal Server Error",
    CLOSE,
    "The server failed to decide about this connection.\n",
  ],
} satisfies Record<RefusalReason, Row>;

/** Narrows a key of the table, which is only a string to the compiler. */
function isReason(reason: string): reason is keyof typeof TABLE {
  return Object.hasOwn(TABLE, reason);
}

const REFUSED = expect.objectContaining({ code: "ERR_SLUICE_HANDLERS" });

describe("writing a refusal", () => {
  it.each(Object.keys(TABLE).filter(isReason))(
    "writes %s byte for byte",
    (reason) => {
      const [status, headers, body] = TABLE[reason];
      expect(refusalResponse(refusal(reason)).toString()).toBe(
        `HTTP/1.1 ${status}\r\n${headers}Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    },
  );

  it.each([
    "too-many-connections",
    "too-many-from-address",
    "shutting-down",
  ] as const)("writes after how many seconds to try again: %s", (reason) => {
    const write = (retryAfterSeconds: number): string =>
      refusalResponse(refusal(reason, { retryAfterSeconds })).toString();
    expect(write(2.1)).toContain("\r\nRetry-After: 3\r\n");
    expect(write(0)).toContain("\r\nRetry-After: 1\r\n");
  });

  it("leaves the body of an answer to a HEAD out and keeps its length", () => {
    const text = refusalResponse(
      refusal("forbidden", { isHead: true }),
    ).toString();
    expect(text).toMatch(/\r\nContent-Length: 29\r\n\r\n$/u);
  });

  it("writes what an authorization decided: status, headers and body", () => {
    const details = {
      status: 402,
      headers: { "Content-Type": "application/json", "X-Name": "caf\u00e9" },
      body: '{"owed":"5 \u20ac"}',
    };
    const bytes = refusalResponse(refusal("forbidden", details));
    const head =
      "HTTP/1.1 402 Payment Required\r\nConnection: close\r\nContent-Type: application/json\r\nX-Name: caf\u00e9\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 16\r\n\r\n";
    expect(bytes).toEqual(
      Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(details.body)]),
    );
  });

  it("writes a Date only when it is told the time", () => {
    expect(refusalResponse({ status: 404 }, 784_111_777_000).toString()).toBe(
      "HTTP/1.1 404 Not Found\r\nConnection: close\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 0\r\n\r\n",
    );
  });

  it("writes no Date, nosniff or type of its own beside a given one", () => {
    const headers = {
      date: "D",
      "content-type": "T",
      "X-CONTENT-TYPE-OPTIONS": "X",
    };
    expect(refusalResponse({ status: 404, headers }, 0).toString()).toBe(
      "HTTP/1.1 404 Not Found\r\nConnection: close\r\ndate: D\r\ncontent-type: T\r\nX-CONTENT-TYPE-OPTIONS: X\r\nContent-Length: 0\r\n\r\n",
    );
  });

  it("writes a status without a registered phrase", () => {
    expect(refusalResponse({ status: 499 }).toString()).toMatch(
      /^HTTP\/1\.1 499 Refused\r\n/u,
    );
  });

  it.each([0, 99, 101, 199, 204, 205, 304, 600, 403.5, Number.NaN])(
    "throws for the status %d",
    (status) => {
      expect(() => refusalResponse({ status })).toThrow(REFUSED);
    },
  );

  it.each([
    [{ "X-A": "a\r\n\r\n<html>" }],
    [{ "X-A:": "a" }],
    [{ Connection: "keep-alive" }],
    [{ "content-length": "0" }],
    [{ "Transfer-Encoding": "chunked" }],
  ])("throws for the headers %j", (headers) => {
    expect(() => refusalResponse({ status: 403, headers })).toThrow(REFUSED);
  });
});
