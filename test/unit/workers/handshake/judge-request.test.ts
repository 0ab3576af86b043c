import { describe, expect, it } from "vitest";
import { originRule } from "../../../../src/workers/handshake/origins.ts";
import { refusalResponse } from "../../../../src/workers/handshake/refusal.ts";
import { judgeRequest } from "../../../../src/workers/handshake/judge-request.ts";
import type {
  HandshakePolicy,
  Verdict,
} from "../../../../src/workers/handshake/judge-request.ts";
import { KEY, readWhole, request, upgrade } from "./requests.ts";

const POLICY: HandshakePolicy = {
  allowsOrigin: originRule("same"),
  ready: true,
};

function examine(
  text: string,
  changed: Partial<HandshakePolicy> = {},
): Verdict {
  return judgeRequest(readWhole(text), { ...POLICY, ...changed });
}

/** The bytes that answer a request which is not upgraded. */
function answer(text: string, changed: Partial<HandshakePolicy> = {}): string {
  const verdict = examine(text, changed);
  if (verdict.kind === "upgrade" || verdict.kind === "request")
    throw new Error(`it is for the handlers: ${verdict.kind}`);
  return refusalResponse(verdict).toString();
}

function response(statusLine: string, headers: string[], body: string): string {
  return [
    `HTTP/1.1 ${statusLine}`,
    ...headers,
    "Content-Type: text/plain; charset=utf-8",
    "X-Content-Type-Options: nosniff",
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}

function get(path: string, method = "GET"): string {
  return request(`${method} ${path} HTTP/1.1`, { Host: "localhost:8080" });
}
function hint(url: string): string {
  return `This is a WebSocket endpoint. Connect to it with a WebSocket client:\n\n  new WebSocket("${url}")\n`;
}

describe("examining an upgrade", () => {
  it("accepts the request of RFC 6455 section 1.3", () => {
    const text = upgrade({
      Origin: "http://server.example.com",
      "Sec-WebSocket-Protocol": "chat, superchat",
    });
    expect(examine(text)).toEqual({
      kind: "upgrade",
      key: KEY,
      protocols: ["chat", "superchat"],
      extensions: "",
    });
  });

  it.each([
    ["Firefox's Connection", { Connection: "keep-alive, Upgrade" }],
    ["other cases", { Connection: "UPGRADE", Upgrade: "WebSocket" }],
    ["more protocols", { Upgrade: "h2c,websocket" }],
    ["an empty body", { "Content-Length": "0" }],
    ["no Origin", { Origin: undefined }],
  ])("accepts %s", (_, headers) => {
    expect(examine(upgrade(headers))).toMatchObject({ kind: "upgrade" });
  });

  it("accepts an absolute target of the same host", () => {
    const line = "GET HTTP://Server.Example.com/chat HTTP/1.1";
    expect(examine(upgrade({}, line))).toMatchObject({ kind: "upgrade" });
  });

  it("passes the extensions on as they were offered", () => {
    const offered = "permessage-deflate; client_max_window_bits, x";
    const text = upgrade({ "Sec-WebSocket-Extensions": offered });
    expect(examine(text)).toMatchObject({ extensions: offered });
  });

  const closing = ["Connection: close"];
  const badBody =
    "The header Connection must have Upgrade. If a proxy stands in between, let it pass on the headers Connection and Upgrade.\n";
  const target =
    "The request target must be a path, or a URL of the host that the Host header names.\n";
  const key = "The header Sec-WebSocket-Key must be 16 bytes in base64.\n";
  const names =
    "The header Sec-WebSocket-Protocol must be a list of different names.\n";
  const bodiless = "An upgrade must not have a body.\n";

  it.each<[string, string, string, string[], string]>([
    [
      "no Connection",
      upgrade({ Connection: undefined }),
      "400 Bad Request",
      closing,
      badBody,
    ],
    [
      "a Connection without Upgrade",
      upgrade({ Connection: "keep-alive" }),
      "400 Bad Request",
      closing,
      badBody,
    ],
    [
      "a Connection that only contains Upgrade",
      upgrade({ Connection: "upgrades" }),
      "400 Bad Request",
      closing,
      badBody,
    ],
    [
      "a body",
      upgrade({ "Content-Length": "5" }),
      "400 Bad Request",
      closing,
      bodiless,
    ],
    [
      "a chunked body",
      upgrade({ "Transfer-Encoding": "chunked" }),
      "400 Bad Request",
      closing,
      bodiless,
    ],
    [
      "an asterisk target",
      upgrade({}, "GET * HTTP/1.1"),
      "400 Bad Request",
      closing,
      target,
    ],
    [
      "an absolute target of another host",
      upgrade({}, "GET http://evil.example/ HTTP/1.1"),
      "400 Bad Request",
      closing,
      target,
    ],
    [
      "an absolute target with user information",
      upgrade({}, "GET http://a@server.example.com/ HTTP/1.1"),
      "400 Bad Request",
      closing,
      target,
    ],
    [
      "a target of another scheme",
      upgrade({}, "GET ftp://server.example.com/ HTTP/1.1"),
      "400 Bad Request",
      closing,
      target,
    ],
    [
      "no key",
      upgrade({ "Sec-WebSocket-Key": undefined }),
      "400 Bad Request",
      closing,
      key,
    ],
    [
      "an empty key",
      upgrade({ "Sec-WebSocket-Key": "" }),
      "400 Bad Request",
      closing,
      key,
    ],
    [
      "a key of 15 bytes",
      upgrade({ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j" }),
      "400 Bad Request",
      closing,
      key,
    ],
    [
      "a key of 17 bytes",
      upgrade({ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQE=" }),
      "400 Bad Request",
      closing,
      key,
    ],
    [
      "a key that is not base64",
      upgrade({ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j-Q==" }),
      "400 Bad Request",
      closing,
      key,
    ],
    [
      "an empty list of subprotocols",
      upgrade({ "Sec-WebSocket-Protocol": "" }),
      "400 Bad Request",
      closing,
      names,
    ],
    [
      "a subprotocol named twice",
      upgrade({ "Sec-WebSocket-Protocol": "a, b, a" }),
      "400 Bad Request",
      closing,
      names,
    ],
    [
      "a foreign Origin",
      upgrade({ Origin: "http://evil.example" }),
      "403 Forbidden",
      closing,
      "This origin may not connect.\n",
    ],
    [
      "an opaque Origin",
      upgrade({ Origin: "null" }),
      "403 Forbidden",
      closing,
      "This origin may not connect.\n",
    ],
    [
      "another version",
      upgrade({ "Sec-WebSocket-Version": "8" }),
      "426 Upgrade Required",
      [
        "Connection: close, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
      ],
      "The header Sec-WebSocket-Version must be 13.\n",
    ],
    [
      "no version",
      upgrade({ "Sec-WebSocket-Version": undefined }),
      "426 Upgrade Required",
      [
        "Connection: close, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
      ],
      "The header Sec-WebSocket-Version must be 13.\n",
    ],
    [
      "the method POST",
      upgrade({}, "POST / HTTP/1.1"),
      "405 Method Not Allowed",
      [...closing, "Allow: GET"],
      "The method must be GET.\n",
    ],
    [
      "HTTP/1.0",
      upgrade({}, "GET / HTTP/1.0"),
      "505 HTTP Version Not Supported",
      closing,
      "A WebSocket upgrade takes HTTP/1.1. If a proxy stands in between, let it speak HTTP/1.1 to this server.\n",
    ],
  ])("refuses %s", (_, text, statusLine, headers, body) => {
    expect(examine(text)).toMatchObject({ kind: "refuse" });
    expect(answer(text)).toBe(response(statusLine, headers, body));
  });

  it("refuses a HEAD without a body in the answer", () => {
    const text = upgrade({}, "HEAD / HTTP/1.1");
    expect(answer(text)).toMatch(
      /^HTTP\/1\.1 405 [^]*\r\nAllow: GET\r\n[^]*\r\n\r\n$/u,
    );
  });
});

describe("examining plain HTTP", () => {
  const cached = ["Connection: close", "Cache-Control: no-store"];

  it("answers /healthz with 200, also while the server is not ready", () => {
    const ok = response("200 OK", cached, "ok\n");
    expect(answer(get("/healthz"))).toBe(ok);
    expect(answer(get("/healthz?verbose"), { ready: false })).toBe(ok);
  });

  it("answers /readyz with 200 while the server is ready, and 503 after", () => {
    expect(answer(get("/readyz"))).toBe(response("200 OK", cached, "ok\n"));
    expect(answer(get("/readyz"), { ready: false })).toBe(
      response("503 Service Unavailable", cached, "not ready\n"),
    );
  });

  it("calls a probe that it answers plain and its reason health", () => {
    expect(examine(get("/readyz"), { ready: false })).toMatchObject({
      kind: "plain",
      reason: "health",
    });
  });

  it("answers a HEAD with the length of the body it leaves out", () => {
    expect(answer(get("/healthz", "HEAD"))).toBe(
      response("200 OK", cached, "ok\n").slice(0, -3),
    );
  });

  it("answers the probes of HTTP/1.0, which load balancers send", () => {
    expect(answer("GET /readyz HTTP/1.0\r\n\r\n")).toBe(
      response("200 OK", cached, "ok\n"),
    );
  });

  it("answers other HTTP/1.0 with 505", () => {
    expect(examine("GET / HTTP/1.0\r\n\r\n")).toMatchObject({
      kind: "plain",
      reason: "http-version",
    });
  });

  it("answers everything else with 426 and how to connect", () => {
    const headers = ["Connection: close, Upgrade", "Upgrade: websocket"];
    expect(answer(get("/chat?room=1"))).toBe(
      response(
        "426 Upgrade Required",
        headers,
        hint("ws://localhost:8080/chat"),
      ),
    );
    expect(answer(get("/"), { secure: true })).toBe(
      response("426 Upgrade Required", headers, hint("wss://localhost:8080/")),
    );
  });

  it("repeats no path in the hint that would need escaping", () => {
    for (const path of [
      '/"><script>',
      "/a%0d%0ab",
      `/${"a".repeat(300)}`,
      "*",
    ]) {
      expect(answer(get(path))).toContain('("ws://localhost:8080/")');
    }
  });

  it("takes an Upgrade to another protocol for plain HTTP", () => {
    const headers = { Host: "a", Upgrade: "h2c", Connection: "Upgrade" };
    expect(examine(request("GET / HTTP/1.1", headers))).toMatchObject({
      kind: "plain",
      reason: "upgrade-required",
    });
  });

  it("answers other methods with 405 and those that are allowed", () => {
    expect(answer(get("/", "POST"))).toBe(
      response(
        "405 Method Not Allowed",
        ["Connection: close", "Allow: GET"],
        "The method must be GET.\n",
      ),
    );
    expect(answer(get("/readyz", "DELETE"))).toContain(
      "\r\nAllow: GET, HEAD\r\n",
    );
    expect(answer(get("a:1", "CONNECT"))).toContain(" 405 ");
    expect(answer(get("*", "OPTIONS"))).toContain(" 405 ");
  });
});
