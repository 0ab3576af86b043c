import { describe, expect, it } from "vitest";
import { isTooDeep } from "../../../../src/workers/handover/nesting.ts";

const MOST_LEVELS = 1_000;

const kinds: Record<string, (inner: unknown) => unknown> = {
  objects: (inner) => ({ first: 1, inner }),
  arrays: (inner) => ["first", inner],
  "values of maps": (inner) => new Map([["key", inner]]),
  "keys of maps": (inner) => new Map([[inner, "value"]]),
  sets: (inner) => new Set([inner]),
  "causes of errors": (cause) => new Error("outer", { cause }),
};

function nest(kind: string, levels: number): unknown {
  let whole: unknown = "innermost";
  for (let level = 0; level < levels; level++) whole = kinds[kind]?.(whole);
  return whole;
}

describe("user data that is to travel", () => {
  it.each(Object.keys(kinds))("is too deep beyond 1,000 %s", (kind) => {
    expect(isTooDeep(nest(kind, MOST_LEVELS))).toBe(false);
    expect(isTooDeep(nest(kind, MOST_LEVELS + 1))).toBe(true);
  });

  it("is as deep as the longest way that cloning takes through it", () => {
    const nodes: { next?: object }[] = Array.from(
      { length: 2 * MOST_LEVELS },
      () => ({}),
    );
    for (const [index, node] of nodes.entries()) {
      const next = nodes[index + 1];
      if (next !== undefined) node.next = next;
    }
    expect(isTooDeep(nodes)).toBe(true);
    // From its end, each is known before the one that leads to it.
    expect(isTooDeep(nodes.toReversed())).toBe(false);
  });

  it("may lead back to itself", () => {
    const ring: { self?: unknown } = {};
    ring.self = ring;
    expect(isTooDeep(ring)).toBe(false);
  });

  it.each([undefined, null, "text", 1n, new Uint8Array(4_096), new Date(0)])(
    "is not deep where it is %o",
    (data) => {
      expect(isTooDeep(data)).toBe(false);
    },
  );
});
