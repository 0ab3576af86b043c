import { fc } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { SluiceError } from "../../../../src/errors.ts";
import { acceptResponse } from "../../../../src/workers/handshake/accept.ts";
import { originRule } from "../../../../src/workers/handshake/origins.ts";
import {
  refusal,
  refusalResponse,
} from "../../../../src/workers/handshake/refusal.ts";
import { clientAddressBehind } from "../../../../src/workers/handshake/remote-address.ts";
import { judgeRequest } from "../../../../src/workers/handshake/judge-request.ts";
import { essence, KEY, LIMITS, read, upgrade } from "./requests.ts";

const POLICY = { allowsOrigin: originRule("same"), ready: true };

const latin1 = fc
  .uint8Array({ maxLength: 200 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));

/** Pieces of HTTP, whole and broken, in any order. */
const pieces = fc
  .array(
    fc.oneof(
      { arbitrary: latin1, weight: 1 },
      {
        weight: 6,
        arbitrary: fc.constantFrom(
          "GET /chat HTTP/1.1\r\n",
          "HEAD /healthz HTTP/1.0\r\n",
          "POST http://a/b?c HTTP/1.1\r\n",
          "PRI * HTTP/2.0\r\n",
          "Host: a\r\n",
          "Upgrade: websocket\r\n",
          "Connection: Upgrade\r\n",
          `Sec-WebSocket-Key: ${KEY}\r\n`,
          "Sec-WebSocket-Version: 13\r\n",
          "Origin: http://a\r\n",
          "Content-Length: 3\r\n",
          " folded\r\n",
          "\r\n",
          "\n",
          "\r",
        ),
      },
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

/** A good upgrade of which a few bytes were changed, removed or put in. */
const mutated = fc
  .array(
    fc.tuple(
      fc.nat(300),
      fc.nat(2),
      latin1.filter((text) => text.length < 4),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((changes) => {
    const origin = { Origin: "http://server.example.com" };
    return changes.reduce(
      (text, [at, removed, put]) =>
        text.slice(0, at) + put + text.slice(at + removed),
      upgrade(origin),
    );
  });

const anyRequest = fc.oneof(latin1, pieces, mutated);
const anyLimits = fc.record({
  maxHeaderBytes: fc.integer({ min: 1, max: 400 }),
  maxHeaderCount: fc.integer({ min: 1, max: 8 }),
  maxTargetBytes: fc.integer({ min: 1, max: 50 }),
});
const cutsOf = (text: string): fc.Arbitrary<number[]> =>
  fc
    .array(fc.nat(text.length), { maxLength: 10 })
    .map((cuts) => cuts.toSorted((a, b) => a - b));

const WRITERS: readonly ((headers: Record<string, string>) => string)[] = [
  (headers) => acceptResponse({ key: KEY, headers }),
  (headers) => refusalResponse({ status: 403, headers }).toString("latin1"),
];
const REFUSED: readonly string[] = ["ERR_SLUICE_HANDLERS"];

/** The sorted names of all lines that are written, or the code of the refusal to write. */
function namesOf(write: () => string): readonly string[] {
  try {
    const lines = write().split("\r\n").slice(1, -2);
    return lines.map((line) => line.slice(0, line.indexOf(":"))).toSorted();
  } catch (error) {
    if (error instanceof SluiceError) return [error.code];
    throw error;
  }
}

describe("the laws of the handshake", () => {
  it("every input needs more or gets a verdict that can be written", () => {
    fc.assert(
      fc.property(anyRequest, (text) => {
        const progress = read(text);
        if (progress.kind === "need-more") return;
        const verdict =
          progress.kind === "head" ? judgeRequest(progress, POLICY) : progress;
        if (verdict.kind === "request") throw new Error("nobody takes it");
        const response =
          verdict.kind === "upgrade"
            ? acceptResponse(verdict)
            : refusalResponse(verdict).toString("latin1");
        expect(response).toMatch(/^HTTP\/1\.1 [1-5]\d\d [^\r\n]+\r\n/u);
        expect(response.split("\r\n\r\n").length).toBe(2);
      }),
    );
  });

  it("the verdict does not depend on the chunks", () => {
    fc.assert(
      fc.property(
        anyRequest.chain((text) => fc.tuple(fc.constant(text), cutsOf(text))),
        fc.option(anyLimits, { nil: LIMITS }),
        ([text, cuts], limits) => {
          const whole = essence(read(text, limits));
          expect(essence(read(text, limits, cuts))).toEqual(whole);
        },
      ),
    );
  });

  it("a verdict stays as it is whatever follows", () => {
    fc.assert(
      fc.property(anyRequest, latin1, (text, more) => {
        const verdict = read(text);
        fc.pre(verdict.kind !== "need-more");
        expect(essence(read(text + more))).toEqual(essence(verdict));
      }),
    );
  });

  it("what an accepted head says of its headers agrees in every way of asking", () => {
    fc.assert(
      fc.property(anyRequest, (text) => {
        const progress = read(text);
        fc.pre(progress.kind === "head");
        const { head, fields } = progress;
        const { headers } = head;
        for (const [name, value] of Object.entries(headers)) {
          expect(head.header(name)).toBe(value);
        }
        expect(headers["host"] ?? "").toBe(fields.host);
        expect(headers["upgrade"]).toBe(fields.upgrade);
        expect(headers["sec-websocket-key"]).toBe(fields.key);
        expect(text.startsWith(head.raw)).toBe(true);
        expect(head.raw.indexOf("\r\n\r\n")).toBe(head.raw.length - 4);
      }),
    );
  });

  it("whoever is upgraded asks for one path, however it is read", () => {
    const target = fc
      .array(
        fc.constantFrom(
          ...["/", "//", "\\", ".", "..", "%2e", "%2E", "%2f", "%5c", "%", "?"],
          ...[
            "a",
            "room",
            ":",
            "@",
            "x.test",
            "http://a",
            ":80",
            "ws://a/",
            "*",
          ],
          ...['"', "[", "]", "|", "^", "{", "~", ";", "&", "=", "+", "'"],
        ),
        { minLength: 1, maxLength: 6 },
      )
      .map((parts) => parts.join(""));
    const hosts = fc.constantFrom("a", "a:80", "a:99999", "a%zz", "", "[::1]");
    fc.assert(
      fc.property(target, hosts, (text, Host) => {
        const progress = read(upgrade({ Host }, `GET ${text} HTTP/1.1`));
        fc.pre(progress.kind === "head");
        if (judgeRequest(progress, POLICY).kind !== "upgrade") return;
        const { head } = progress;
        const base = "ws://localhost";
        // Escapes mean what they stand for.
        const plain = (path: string): string =>
          path.replaceAll(/%([0-9a-f]{2})/giu, (_, hex: string) =>
            String.fromCharCode(Number.parseInt(hex, 16)),
          );
        const path = plain(head.path);
        expect(plain(new URL(head.target, base).pathname)).toBe(path);
        expect(plain(new URL(head.path, base).pathname)).toBe(path);
      }),
      { numRuns: 5_000 },
    );
  });

  it("no header of a user writes another line", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.oneof(fc.string(), fc.constantFrom("X-A", "X\r\nY", "Set-Cookie")),
          fc.oneof(
            latin1,
            fc.string({ unit: "binary" }),
            fc.constantFrom("a", "a\r\nX-Evil: 1", "\r\n\r\n"),
          ),
          { maxKeys: 4 },
        ),
        (headers) => {
          for (const write of WRITERS) {
            const own = namesOf(() => write({}));
            const all = [...own, ...Object.keys(headers)].toSorted();
            expect([REFUSED, all]).toContainEqual(
              namesOf(() => write(headers)),
            );
          }
        },
      ),
    );
  });

  it("the length of a refusal is the length of its body", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.boolean(),
        (body, isHead) => {
          const bytes = refusalResponse(refusal("forbidden", { body, isHead }));
          const end = bytes.indexOf("\r\n\r\n") + 4;
          const length = Buffer.byteLength(body);
          expect(bytes.toString("latin1", 0, end)).toContain(
            `\r\nContent-Length: ${length}\r\n`,
          );
          expect(bytes.length - end).toBe(isHead ? 0 : length);
        },
      ),
    );
  });

  it("a client is never the address that it claims through a peer nobody trusts", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()),
        fc.array(
          fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constant("10.1.1.1")),
        ),
        (peer, hops) => {
          fc.pre(!peer.startsWith("10."));
          const behind = clientAddressBehind(["10.0.0.0/8"]);
          const alone = behind(peer, undefined);
          fc.pre(!alone.startsWith("10."));
          expect(behind(peer, hops.join(", "))).toBe(alone);
        },
      ),
    );
  });

  it("what a client claims about itself does not change its address", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("10.1.1.1", "10.2.2.2")),
        fc.string(),
        (proxies, claim) => {
          const behind = clientAddressBehind(["10.0.0.0/8"]);
          const header = [claim, "1.2.3.4", ...proxies].join(", ");
          expect(behind("10.0.0.1", header)).toBe("1.2.3.4");
        },
      ),
    );
  });
});
