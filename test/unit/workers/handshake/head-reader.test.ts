import { describe, expect, it } from "vitest";
import { HeadReader } from "../../../../src/workers/handshake/head-reader.ts";
import { essence, KEY, LIMITS, read, request, upgrade } from "./requests.ts";

const WELL_FORMED: readonly (readonly [string, string])[] = [
  ["an upgrade", upgrade()],
  ["a request with a Host only", request("GET / HTTP/1.1", { Host: "a" })],
  ["HTTP/1.0 without a Host", "GET /healthz HTTP/1.0\r\n\r\n"],
  ["HTTP/1.0 with a Host", "GET / HTTP/1.0\r\nHost: a\r\n\r\n"],
  ["an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"],
  ["an IPv6 Host with a port", upgrade({ Host: "[::1]:8080" })],
  ["a Content-Length of 0", upgrade({ "Content-Length": "0" })],
  ["a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"],
  ["a chunked body", upgrade({ "Transfer-Encoding": "chunked" })],
  ["values with tabs and latin1", upgrade({ "X-Name": "caf\u00e9\t\u00a0" })],
  ["whitespace around a value", upgrade({ Upgrade: " \t websocket \t " })],
  ["no whitespace before a value", "GET / HTTP/1.1\r\nHost:a\r\n\r\n"],
  ["an empty value", upgrade({ "X-Empty": "" })],
  [
    "a name longer than any of the handshake",
    upgrade({ ["X".repeat(60)]: "a" }),
  ],
  ["repeated lists", `${upgrade().slice(0, -2)}upgrade: h2c\r\n\r\n`],
  ["bytes after the head", `${upgrade()}\x81\x80\0\0\0\0\r\n\r\n`],
  [
    "an absolute target",
    upgrade({}, "GET http://server.example.com/ HTTP/1.1"),
  ],
  [
    "characters that browsers do not encode",
    upgrade({}, 'GET /?{|}^`"<> HTTP/1.1'),
  ],
];

const CONTROL =
  "A line must end with CR LF, and there must be no other control character.\n";
const REQUEST_LINE =
  "The request line must be a method, a target and HTTP/1.1, with one space between.\n";
const FIELD_NAME =
  "A header must begin with its name, directly followed by a colon.\n";
const REPEATED = "A header that can be sent only once was repeated.\n";
const HOST = "There must be exactly one valid Host header.\n";
const CONTENT_LENGTH = "The header Content-Length must be a number.\n";
const NO_HTTP = "What arrived is not HTTP.\n";

const line = (requestLine: string): string => upgrade({}, requestLine);
const header = (text: string): string =>
  `GET / HTTP/1.1\r\nHost: a\r\n${text}\r\n\r\n`;

const MALFORMED: readonly (readonly [string, string, string])[] = [
  [
    "a TLS ClientHello",
    "\x16\x03\x01\x02\0\x01",
    "This port speaks plain HTTP, and a TLS handshake arrived: connect with ws:// instead of wss://.\n",
  ],
  [
    "the HTTP/2 preface",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2 is not spoken here: a WebSocket connects with an HTTP/1.1 upgrade.\n",
  ],
  ["binary noise", "\0\x01\x02", NO_HTTP],
  ["an empty line first", `\r\n${upgrade()}`, NO_HTTP],
  ["a space first", ` ${upgrade()}`, NO_HTTP],
  ["HTTP/0.9", "GET /\r\n", REQUEST_LINE],
  ["two spaces after the method", line("GET  / HTTP/1.1"), REQUEST_LINE],
  ["two spaces after the target", line("GET /  HTTP/1.1"), REQUEST_LINE],
  ["a space after the version", line("GET / HTTP/1.1 "), REQUEST_LINE],
  ["a tab between", line("GET\t/ HTTP/1.1"), REQUEST_LINE],
  ["a method that is no token", line("GE(T / HTTP/1.1"), REQUEST_LINE],
  ["no target", line("GET HTTP/1.1"), REQUEST_LINE],
  ["a target with a space", line("GET /a b HTTP/1.1"), REQUEST_LINE],
  ["a target with a fragment", line("GET /#a HTTP/1.1"), REQUEST_LINE],
  ["a target beyond ASCII", line("GET /\u00e9 HTTP/1.1"), REQUEST_LINE],
  ["a lower-case protocol", line("GET / http/1.1"), REQUEST_LINE],
  ["another protocol", line("GET / RTSP/1.0"), REQUEST_LINE],
  ["a version of two digits", line("GET / HTTP/1.10"), REQUEST_LINE],
  [
    "a proxy protocol line",
    `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n${upgrade()}`,
    REQUEST_LINE,
  ],
  [
    "a bare LF after the request line",
    "GET / HTTP/1.1\nHost: a\r\n\r\n",
    CONTROL,
  ],
  [
    "a bare LF after a header",
    "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    CONTROL,
  ],
  ["a bare LF as the last line", "GET / HTTP/1.1\r\nHost: a\r\n\n", CONTROL],
  ["a bare CR in a value", header("X: a\rb"), CONTROL],
  ["two CRs before an LF", header("X: a\r"), CONTROL],
  ["a NUL in a value", header("X: a\0b"), CONTROL],
  ["an escape character in a value", header("X: a\x1bb"), CONTROL],
  ["a DEL in a value", header("X: a\x7fb"), CONTROL],
  ["a NUL in a name", header("X\0: a"), CONTROL],
  ["a header without a colon", header("X"), FIELD_NAME],
  ["a header without a name", header(": a"), FIELD_NAME],
  ["a space before the colon", header("X : a"), FIELD_NAME],
  ["a space in a name", header("X Y: a"), FIELD_NAME],
  ["a name that is no token", header("X(Y): a"), FIELD_NAME],
  ["a name beyond ASCII", header("X\u00e9: a"), FIELD_NAME],
  [
    "a folded value",
    header("X: a\r\n b"),
    "A header must not be continued on the next line.\n",
  ],
  [
    "a value folded by a tab",
    header("X: a\r\n\tb"),
    "A header must not be continued on the next line.\n",
  ],
  [
    "a fold before the first header",
    "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "A header must not be continued on the next line.\n",
  ],
  ["no Host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", HOST],
  ["no header at all", "GET / HTTP/1.1\r\n\r\n", HOST],
  ["two Hosts", header("host: a"), REPEATED],
  ["a Host with a path", upgrade({ Host: "a/b" }), HOST],
  ["a Host with user information", upgrade({ Host: "a@b" }), HOST],
  ["a Host with a space", upgrade({ Host: "a b" }), HOST],
  ["a Host that is a list", upgrade({ Host: "a, b" }), HOST],
  ["a Host with a port that is none", upgrade({ Host: "a:b" }), HOST],
  ["a Host with markup", upgrade({ Host: "<b>" }), HOST],
  [
    "two keys",
    header(`Sec-WebSocket-Key: ${KEY}\r\nsec-websocket-key: ${KEY}`),
    REPEATED,
  ],
  [
    "two versions",
    header("Sec-WebSocket-Version: 13\r\nSEC-WEBSOCKET-VERSION: 13"),
    REPEATED,
  ],
  ["two Origins", header("Origin: http://a\r\nOrigin: http://a"), REPEATED],
  [
    "two Content-Lengths",
    header("Content-Length: 0\r\nContent-Length: 0"),
    REPEATED,
  ],
  [
    "a repeated header that was empty",
    header("Origin:\r\nOrigin: http://a"),
    REPEATED,
  ],
  ["a negative Content-Length", header("Content-Length: -1"), CONTENT_LENGTH],
  [
    "a hexadecimal Content-Length",
    header("Content-Length: 0x0"),
    CONTENT_LENGTH,
  ],
  ["an empty Content-Length", header("Content-Length:"), CONTENT_LENGTH],
  [
    "a Content-Length that is a list",
    header("Content-Length: 0, 0"),
    CONTENT_LENGTH,
  ],
];

const more = (count: number): string => "X: 1\r\n".repeat(count).slice(0, -2);

/** Every request above, and the end of every byte of one. */
const REQUESTS = [...WELL_FORMED, ...MALFORMED].map(
  ([name, text]) => [name, text] as const,
);
function everyCut(text: string): number[] {
  return Array.from(text, (_, index) => index + 1);
}

describe("reading a request head", () => {
  it.each(WELL_FORMED)("accepts %s", (_, text) => {
    expect(read(text)).toMatchObject({ kind: "head" });
  });

  it.each(MALFORMED)("refuses %s with 400", (_, text, body) => {
    expect(read(text)).toEqual({
      kind: "refuse",
      reason: "bad-request",
      status: 400,
      headers: {},
      body,
      isHead: false,
    });
  });

  it.each(["HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/0.9"])(
    "refuses the version %s with 505",
    (version) => {
      const progress = read(line(`GET / ${version}`));
      expect(progress).toMatchObject({ reason: "http-version", status: 505 });
    },
  );

  it.each(REQUESTS)(
    "says the same about %s however it is cut in two",
    (_, text) => {
      const whole = essence(read(text));
      for (let cut = 0; cut <= text.length; cut++) {
        expect(essence(read(text, LIMITS, [cut]))).toEqual(whole);
      }
    },
  );

  it.each(REQUESTS)(
    "says the same about %s when every byte comes alone",
    (_, text) => {
      const cuts = everyCut(text);
      expect(essence(read(text, LIMITS, cuts))).toEqual(essence(read(text)));
    },
  );

  it("says the same under every limit, however it is cut", () => {
    for (const text of [
      upgrade(),
      header("X: a\rb"),
      line("GET /a b HTTP/1.1"),
    ]) {
      for (
        let maxHeaderBytes = 1;
        maxHeaderBytes <= text.length;
        maxHeaderBytes++
      ) {
        const whole = essence(read(text, { maxHeaderBytes }));
        const cuts = everyCut(text);
        expect(essence(read(text, { maxHeaderBytes }, cuts))).toEqual(whole);
        expect(essence(read(text, { maxHeaderBytes }, [7, 60]))).toEqual(whole);
      }
    }
  });

  it("needs more of every proper beginning of a head", () => {
    const text = upgrade();
    for (let length = 0; length < text.length; length++) {
      expect(read(text.slice(0, length))).toEqual({ kind: "need-more" });
    }
  });

  it("refuses a bare line feed at once, without waiting for the end", () => {
    expect(read("GET / HTTP/1.1\n")).toMatchObject({ reason: "bad-request" });
  });

  it("knows a TLS handshake by its first byte", () => {
    expect(read("\x16")).toMatchObject({ kind: "refuse", status: 400 });
  });

  it("accepts a head of exactly the limit and refuses one byte more with 431", () => {
    const text = upgrade();
    expect(read(text, { maxHeaderBytes: text.length })).toMatchObject({
      kind: "head",
    });
    expect(read(text, { maxHeaderBytes: text.length - 1 })).toEqual({
      kind: "refuse",
      reason: "header-too-large",
      status: 431,
      headers: {},
      body: "The request head is too large.\n",
      isHead: false,
    });
  });

  it("counts only the head against the limit, not what follows it", () => {
    const text = upgrade();
    const limits = { maxHeaderBytes: text.length };
    expect(read(text + "x".repeat(500), limits)).toMatchObject({
      kind: "head",
    });
  });

  it("refuses a request line that never ends with 414", () => {
    const progress = read(`GET /${"a".repeat(20_000)}`);
    expect(progress).toMatchObject({ reason: "target-too-long", status: 414 });
  });

  it("accepts a target of exactly its limit and refuses one byte more with 414", () => {
    const limits = { maxHeaderBytes: 1000, maxTargetBytes: 10 };
    expect(read(line(`GET /${"a".repeat(9)} HTTP/1.1`), limits)).toMatchObject({
      kind: "head",
    });
    expect(read(line(`GET /${"a".repeat(10)} HTTP/1.1`), limits)).toEqual({
      kind: "refuse",
      reason: "target-too-long",
      status: 414,
      headers: {},
      body: "The request target is too long.\n",
      isHead: false,
    });
  });

  it("accepts as many headers as the limit and refuses one more with 431", () => {
    const limits = { maxHeaderBytes: 1000, maxHeaderCount: 3 };
    expect(read(header("A: 1\r\nB: 2"), limits)).toMatchObject({
      kind: "head",
    });
    expect(read(header("A: 1\r\nB: 2\r\nC: 3"), limits)).toMatchObject({
      reason: "header-too-large",
      status: 431,
    });
  });

  it("takes 100 headers by default", () => {
    expect(read(header(more(99)))).toMatchObject({ kind: "head" });
    expect(read(header(more(100)))).toMatchObject({ status: 431 });
  });

  it("takes more headers and longer targets where the head may be larger", () => {
    const large = { maxHeaderBytes: 65_536 };
    expect(read(header(more(398)), large)).toMatchObject({ kind: "head" });
    expect(read(header(more(400)), large)).toMatchObject({ status: 431 });
    const long = (length: number): string =>
      line(`GET /${"a".repeat(length)} HTTP/1.1`);
    expect(read(long(32_767), large)).toMatchObject({ kind: "head" });
    expect(read(long(32_768), large)).toMatchObject({ status: 414 });
    const small = { maxHeaderBytes: 512 };
    expect(read(header(more(60)), small)).toMatchObject({ kind: "head" });
  });

  it("remembers a HEAD in a refusal, which then has no body to send", () => {
    expect(read("HEAD / HTTP/1.1\r\n\r\n")).toMatchObject({ isHead: true });
  });

  it("finds the fields of the handshake in any case and trims their values", () => {
    const progress = read(
      `GET / HTTP/1.1\r\nhOST:\t a:1 \r\nUPGRADE: websocket\t\r\nconnection: keep-alive, Upgrade\r\norigin: http://a:1\r\nsec-websocket-KEY: ${KEY}\r\nSec-Websocket-version:13\r\nsec-websocket-protocol: a, b\r\nSec-WebSocket-Protocol: c\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`,
    );
    expect(progress).toMatchObject({
      fields: {
        isHttp10: false,
        hasBody: false,
        host: "a:1",
        upgrade: "websocket",
        connection: "keep-alive, Upgrade",
        origin: "http://a:1",
        key: KEY,
        version: "13",
        protocols: "a, b, c",
        extensions: "permessage-deflate",
      },
    });
  });

  it("takes no header for one of the handshake that is only as long", () => {
    const names = ["hose", "origim", "upgrad\u0025", "sec-websocket\u005ekey"];
    const progress = read(
      header(names.map((name) => `${name}: x`).join("\r\n")),
    );
    expect(progress).toMatchObject({
      fields: {
        host: "a",
        origin: undefined,
        upgrade: undefined,
        key: undefined,
      },
    });
  });

  it.each([
    ["Content-Length: 0", false],
    ["Content-Length: 000", false],
    ["Content-Length: 5", true],
    ["Transfer-Encoding: chunked", true],
    ["Transfer-Encoding:", true],
    ["X-Length: 5", false],
  ])("knows whether a body follows: %s is %s", (text, hasBody) => {
    expect(read(header(text))).toMatchObject({ fields: { hasBody } });
  });

  it("gives what follows the head as a view of the last chunk", () => {
    const frames = Buffer.from([0x81, 0x80, 1, 2, 3, 4]);
    const chunk = Buffer.concat([Buffer.from(upgrade()), frames]);
    for (const cut of [0, 1, 20, upgrade().length - 1]) {
      const reader = new HeadReader(LIMITS);
      reader.push(chunk.subarray(0, cut));
      const progress = reader.push(chunk.subarray(cut));
      if (progress.kind !== "head") throw new Error(progress.kind);
      expect(progress.rest).toEqual(frames);
      expect(progress.rest.buffer).toBe(chunk.buffer);
    }
  });

  it("keeps nothing of a chunk, neither while it waits nor in the head", () => {
    const text = upgrade();
    const chunk = Buffer.from(text);
    const reader = new HeadReader(LIMITS);
    reader.push(chunk.subarray(0, 50));
    chunk.fill(0, 0, 50);
    const progress = reader.push(chunk.subarray(50));
    chunk.fill(0);
    if (progress.kind !== "head") throw new Error(progress.kind);
    expect(progress.head.raw).toBe(text);
    expect(progress.rest.length).toBe(0);
    expect(progress.rest.buffer).not.toBe(chunk.buffer);
  });

  it("reads a quarter of a megabyte that comes byte by byte, in linear time", () => {
    // Quadratic work on this would be minutes, and the test would time out.
    const text = header(`X: ${"a".repeat(262_144)}`);
    const cuts = everyCut(text);
    const limits = { maxHeaderBytes: 300_000 };
    expect(read(text, limits, cuts)).toMatchObject({ kind: "head" });
  });

  it("throws when it is given more after its verdict", () => {
    const reader = new HeadReader(LIMITS);
    reader.push(Buffer.from(upgrade()));
    expect(() => reader.push(Buffer.from("x"))).toThrow(
      expect.objectContaining({ code: "ERR_SLUICE_STATE" }),
    );
  });
});
