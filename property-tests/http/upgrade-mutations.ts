import * as fc from "fast-check";
import { KEY } from "../../test/support/raw-client.ts";

/** A request in parts, so that each can be spoiled by itself. */
export interface RequestParts {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly lineEnd: string;
  /** Behind the head: nothing, as a rule. */
  readonly rest: string;
}

export const VALID: RequestParts = {
  method: "GET",
  target: "/echo",
  version: "HTTP/1.1",
  headers: [
    ["Host", "sluice.test"],
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Key", KEY],
    ["Sec-WebSocket-Version", "13"],
  ],
  lineEnd: "\r\n",
  rest: "",
};

/** The bytes of a request; one character is one byte. */
export function write(parts: RequestParts): string {
  const { method, target, version, headers, lineEnd, rest } = parts;
  const lines = headers.map(([name, value]) => `${name}: ${value}${lineEnd}`);
  return `${method} ${target} ${version}${lineEnd}${lines.join("")}${lineEnd}${rest}`;
}

type Mutation = (parts: RequestParts) => RequestParts;

/** Any byte, as a character. */
const byte = fc
  .integer({ min: 0, max: 255 })
  .map((code) => String.fromCharCode(code));
const bytes = fc.array(byte, { maxLength: 12 }).map((list) => list.join(""));

const oneOfLine = fc.oneof(
  fc
    .constantFrom(
      "",
      "get",
      "POST",
      "HEAD",
      "OPTIONS",
      "PRI",
      "G T",
      "\x16\x03\x01",
      "GET\t",
    )
    .map((method): Mutation => (parts) => ({ ...parts, method })),
  fc
    .oneof(
      fc.constantFrom(
        "",
        "*",
        "echo",
        "/a b",
        "http://sluice.test/echo",
        "http://other/",
        "/%",
        "/\x80",
        "//",
        "/?",
      ),
      fc.nat(20_000).map((length) => `/${"a".repeat(length)}`),
      bytes,
    )
    .map((target): Mutation => (parts) => ({ ...parts, target })),
  fc
    .constantFrom(
      "",
      "HTTP/1.0",
      "HTTP/0.9",
      "HTTP/2.0",
      "HTTP/1.10",
      "http/1.1",
      "HTTP/1.1 ",
      "HTTP/1",
    )
    .map((version): Mutation => (parts) => ({ ...parts, version })),
);

const ofHeaders = fc.oneof(
  // One is missing.
  fc.nat(4).map((at): Mutation => (parts) => ({
    ...parts,
    headers: parts.headers.filter((_, index) => index !== at),
  })),
  // One is there twice.
  fc.nat(4).map((at): Mutation => (parts) => ({
    ...parts,
    headers: [
      ...parts.headers,
      parts.headers[at % parts.headers.length] ?? ["X", ""],
    ],
  })),
  // One has another value.
  fc
    .tuple(
      fc.nat(4),
      fc.oneof(
        fc.constantFrom(
          "",
          " ",
          "13, 13",
          "12",
          "websocket, h2c",
          "keep-alive",
          "keep-alive, Upgrade",
          "sluice.test, other",
          "a@b",
          "[::1]:8080",
          `${KEY}=`,
          KEY.toLowerCase(),
        ),
        bytes,
      ),
    )
    .map(([at, value]): Mutation => (parts) => ({
      ...parts,
      headers: parts.headers.map(([name, old], index) => [
        name,
        index === at ? value : old,
      ]),
    })),
  // There is one more.
  fc
    .tuple(
      fc.constantFrom(
        "Content-Length",
        "Transfer-Encoding",
        "Expect",
        "Origin",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Cookie",
        "",
        "X Y",
        " Folded",
        "X-\x00",
        "Upgrade ",
      ),
      fc.oneof(
        fc.constantFrom(
          "0",
          "5",
          "-1",
          "99999999999999999999",
          "chunked",
          "100-continue",
          "http://evil.test",
          "null",
          "a, a",
          "permessage-deflate; client_max_window_bits=99",
          ";;;",
          "x".repeat(5_000),
        ),
        bytes,
      ),
    )
    .map(([name, value]): Mutation => (parts) => ({
      ...parts,
      headers: [...parts.headers, [name, value]],
    })),
  // There are many more.
  fc
    .tuple(fc.nat(300), fc.nat(200))
    .map(([count, length]): Mutation => (parts) => ({
      ...parts,
      headers: [
        ...parts.headers,
        ...Array.from(
          { length: count },
          (_, i) => [`X-${i}`, "v".repeat(length)] as const,
        ),
      ],
    })),
);

const ofTheWhole = fc.oneof(
  fc
    .constantFrom("\n", "\r", "\r\n\t", "\n\r")
    .map((lineEnd): Mutation => (parts) => ({ ...parts, lineEnd })),
  // Another request behind it, before the first is answered.
  fc
    .constantFrom(
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      write(VALID),
      "GET /second",
      "\r\n\r\n",
      "\x81\x80\0\0\0\0",
    )
    .map((rest): Mutation => (parts) => ({
      ...parts,
      rest: parts.rest + rest,
    })),
);

/** What is spoiled after it is written: bytes changed, put in, or left out. */
const ofBytes = fc.array(
  fc.record({
    at: fc.nat(400),
    removed: fc.nat(3),
    inserted: bytes,
  }),
  { maxLength: 2 },
);

function spoil(
  request: string,
  edits: readonly { at: number; removed: number; inserted: string }[],
): string {
  return edits.reduce((text, { at, removed, inserted }) => {
    const start = at % (text.length + 1);
    return text.slice(0, start) + inserted + text.slice(start + removed);
  }, request);
}

/** An upgrade request with a few faults, or none. */
export const upgradeRequests: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.oneof(oneOfLine, ofHeaders, ofHeaders, ofTheWhole), {
      maxLength: 3,
    }),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: ofBytes },
    ),
  )
  .map(([mutations, edits]) => {
    const parts = mutations.reduce((sofar, mutate) => mutate(sofar), VALID);
    return spoil(write(parts), edits);
  });

/** Where a request is cut into writes, as shares of its length. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.array(
  fc.double({ min: 0, max: 1, noNaN: true }),
  { maxLength: 5 },
);

/** Cuts a text there. */
export function cutAt(text: string, shares: readonly number[]): string[] {
  const places = [...shares, 1]
    .map((share) => Math.floor(share * text.length))
    .toSorted((a, b) => a - b);
  let from = 0;
  return places.map((to) => {
    const piece = text.slice(from, to);
    from = to;
    return piece;
  });
}
