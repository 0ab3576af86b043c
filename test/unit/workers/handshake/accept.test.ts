import { describe, expect, it } from "vitest";
import {
  acceptKey,
  acceptResponse,
} from "../../../../src/workers/handshake/accept.ts";
import { KEY } from "./requests.ts";

const START =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

const REFUSED = expect.objectContaining({ code: "ERR_SLUICE_HANDLERS" });

describe("accepting an upgrade", () => {
  it("derives the accept value of RFC 6455 section 1.3", () => {
    expect(acceptKey(KEY)).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  });

  it("answers with 101 and nothing more than is needed", () => {
    expect(acceptResponse({ key: KEY })).toBe(`${START}\r\n`);
    expect(acceptResponse({ key: KEY, extensions: "" })).toBe(`${START}\r\n`);
  });

  it("names subprotocol, extensions and the user's headers", () => {
    const response = acceptResponse({
      key: KEY,
      protocol: "chat.v2",
      extensions: "permessage-deflate; server_no_context_takeover",
      headers: { "Set-Cookie": ["a=1", "b=2"], "X-Name": "caf\u00e9" },
    });
    expect(response).toBe(
      `${START}Sec-WebSocket-Protocol: chat.v2\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Name: caf\u00e9\r\n\r\n`,
    );
  });

  it.each(["", "a b", "a\r\nX: y", "a,b"])(
    "throws for the subprotocol %j",
    (protocol) => {
      expect(() => acceptResponse({ key: KEY, protocol })).toThrow(REFUSED);
    },
  );

  it("throws for extensions with a line break", () => {
    const extensions = "x\r\nX: y";
    expect(() => acceptResponse({ key: KEY, extensions })).toThrow(REFUSED);
  });

  it.each([
    [{ "X-A": "a\r\nX-B: b" }],
    [{ "X-A": "a\nb" }],
    [{ "X-A": "a\0" }],
    [{ "X-A": "\u4f60" }],
    [{ "X-A": ["a", "b\r"] }],
    [{ "X-A\r\nX-B": "b" }],
    [{ "X A": "b" }],
    [{ "": "b" }],
    [{ connection: "close" }],
    [{ Upgrade: "h2c" }],
    [{ "sec-websocket-ACCEPT": "x" }],
    [{ "Sec-WebSocket-Protocol": "x" }],
    [{ "Sec-WebSocket-Extensions": "x" }],
    [{ "Content-Length": "1" }],
    [{ "Transfer-Encoding": "chunked" }],
  ])("throws for the headers %j", (headers) => {
    expect(() => acceptResponse({ key: KEY, headers })).toThrow(REFUSED);
  });

  it("throws for a value that is no string, as JavaScript could give it", () => {
    const headers = JSON.parse('{"X-A":[1]}');
    expect(() => acceptResponse({ key: KEY, headers })).toThrow(REFUSED);
  });
});
