import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BodyReader } from "../../../../src/workers/plain/body-reader.ts";
import type { Framing } from "../../../../src/workers/handshake/framing.ts";

/** How many bytes are the body's, when they come in these pieces; `malformed`, or `more` when it has not ended. */
function lengthOf(
  framing: Framing,
  pieces: readonly string[],
  maxTrailerBytes = 100,
): number | "malformed" | "more" {
  const reader = new BodyReader(framing, maxTrailerBytes);
  let total = 0;
  for (const piece of pieces) {
    const used = reader.take(Buffer.from(piece, "latin1"));
    if (used === undefined) return "malformed";
    total += used;
  }
  return reader.isOver ? total : "more";
}

describe("the end of a body", () => {
  it.each<[string, Framing, string, number | string]>([
    ["none is there", 0, "GET / HTTP/1.1", 0],
    ["a length", 5, "helloGET /", 5],
    ["a length that is not all there", 5, "hell", "more"],
    ["one chunk", "chunked", "5\r\nhello\r\n0\r\n\r\nGET", 15],
    ["no chunk but the last", "chunked", "0\r\n\r\n", 5],
    ["hexadecimal sizes", "chunked", "A\r\n0123456789\r\n000\r\n\r\n", 22],
    ["trailers", "chunked", "0\r\nA: b\r\nC:\td\r\n\r\nGET", 17],
    ["chunks that go on", "chunked", "1\r\na\r\n", "more"],
    ["no empty line yet", "chunked", "0\r\n\r", "more"],
  ])("is found: %s", (_, framing, text, expected) => {
    expect(lengthOf(framing, [text])).toBe(expected);
    expect(lengthOf(framing, text.split(""))).toBe(expected);
  });

  it.each([
    ["a size that is no number", "x\r\n"],
    ["no size", "\r\n"],
    ["a size with a sign", "+1\r\na\r\n"],
    ["a size with 0x", "0x1\r\na\r\n"],
    ["a size of more than 4 GiB", "100000000\r\n"],
    ["a space behind the size", "1 \r\na\r\n"],
    ["an extension", "1;a=b\r\na\r\n"],
    ["a line that ends with LF alone", "1\na\r\n"],
    ["a line that ends with CR alone", "1\ra"],
    ["more data than the size says", "1\r\nab\r\n"],
    ["data that ends with LF alone", "1\r\na\n"],
    ["a trailer without a name", "0\r\n: a\r\n\r\n"],
    ["a trailer that goes on in the next line", "0\r\nA: b\r\n c\r\n\r\n"],
    ["a trailer with a space before its colon", "0\r\nA : b\r\n\r\n"],
    ["a trailer without a colon", "0\r\nA\r\n\r\n"],
    ["a control character in a trailer", "0\r\nA: \0\r\n\r\n"],
    ["a last line that ends with CR alone", "0\r\n\rG"],
  ])("is malformed: %s", (_, text) => {
    expect(lengthOf("chunked", [text])).toBe("malformed");
    expect(lengthOf("chunked", text.split(""))).toBe("malformed");
  });

  it("is malformed when trailers are too long, all together", () => {
    const trailers = `0\r\n${"A: bcd\r\n".repeat(4)}\r\n`;
    expect(lengthOf("chunked", [trailers], 24)).toBe(trailers.length);
    expect(lengthOf("chunked", [trailers], 23)).toBe("malformed");
  });

  it("is where the writer has put it, however it is cut", () => {
    const chunks = fc.array(
      fc.string({ minLength: 1, maxLength: 40, unit: "binary-ascii" }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(
        chunks,
        fc.array(fc.nat(200), { maxLength: 6 }),
        (written, cuts) => {
          const body = `${written.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join("")}0\r\n\r\n`;
          const text = `${body}GET / HTTP/1.1\r\n`;
          const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
          const pieces = at
            .slice(1)
            .map((end, index) => text.slice(at[index], end));
          const reader = new BodyReader("chunked", 100);
          let total = 0;
          for (const piece of pieces)
            total += reader.take(Buffer.from(piece, "latin1")) ?? Number.NaN;
          expect(total).toBe(body.length);
        },
      ),
    );
  });
});
