import { describe, expect, it } from "vitest";
import {
  authorityOf,
  RequestHead,
} from "../../../../src/workers/handshake/request-head.ts";
import { readWhole, request } from "./requests.ts";

const RAW =
  "GET /chat/a%20b?room=1 HTTP/1.1\r\nHost: a\r\nX-Url: http://b\r\nX-Tag: one\r\nCookie: a=1\r\nx-tag:\t two \r\nConstructor: c\r\n__proto__: p\r\nEmpty:\r\ncookie: b=2\r\nX-Pad: \u00a0caf\u00e9\u00a0\r\n\r\n";

describe("a request head", () => {
  const head = new RequestHead(RAW);

  it("gives method, target and path as they were sent", () => {
    expect(head.method).toBe("GET");
    expect(head.target).toBe("/chat/a%20b?room=1");
    expect(head.path).toBe("/chat/a%20b");
  });

  it("gives all headers, repeated ones joined", () => {
    expect(Object.entries(head.headers)).toEqual([
      ["host", "a"],
      ["x-url", "http://b"],
      ["x-tag", "one, two"],
      ["cookie", "a=1; b=2"],
      ["constructor", "c"],
      ["__proto__", "p"],
      ["empty", ""],
      ["x-pad", "\u00a0caf\u00e9\u00a0"],
    ]);
  });

  it("has no headers but those that were sent", () => {
    expect(head.headers["toString"]).toBeUndefined();
    expect(readWhole(RAW).head.headers["hasOwnProperty"]).toBeUndefined();
  });

  it("gives one header by name in any case, as in all headers", () => {
    for (const [name, value] of Object.entries(head.headers)) {
      expect(head.header(name)).toBe(value);
      expect(head.header(name.toUpperCase())).toBe(value);
    }
    expect(head.header("x-ta")).toBeUndefined();
    expect(head.header("x-tagg")).toBeUndefined();
    expect(head.header("")).toBeUndefined();
    expect(head.header("x-url: http")).toBeUndefined();
    expect(head.header("host: a\r\nx-tag")).toBeUndefined();
  });

  it("has no headers when only the request line was sent", () => {
    const bare = new RequestHead("GET / HTTP/1.0\r\n\r\n");
    expect(Object.keys(bare.headers)).toEqual([]);
    expect(bare.header("host")).toBeUndefined();
  });

  it("is made again from its text alone", () => {
    expect(new RequestHead(head.raw)).toEqual(head);
  });

  it.each([
    ["/", "/", undefined],
    ["/?a", "/", undefined],
    ["//a/b?c", "//a/b", undefined],
    ["/http://x/y", "/http://x/y", undefined],
    ["http://a:1/b?c", "/b", "a:1"],
    ["WSS://[::1]:1/b", "/b", "[::1]:1"],
    ["http://a", "/", "a"],
    ["http://a?b", "/", "a"],
    ["*", "/", undefined],
    ["ftp://a/b", "/b", undefined],
  ])("splits the target %s", (target, path, authority) => {
    const asked = readWhole(request(`GET ${target} HTTP/1.1`));
    expect(asked.head.path).toBe(path);
    expect(authorityOf(target)).toBe(authority);
  });
});
