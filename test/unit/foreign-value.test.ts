import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  describeForeign,
  type ForeignValue,
  reviveForeign,
  sayForeign,
} from "../../src/foreign-value.ts";
import { law } from "../../property-tests/support/laws.ts";

function refuse(): never {
  throw Object.create(null);
}

class RawFailure {
  readonly why = "unknown";
}

const revoked = Proxy.revocable({}, {});
revoked.revoke();

const trap = new Proxy(
  new Error("behind a trap"),
  Object.fromEntries(
    Object.getOwnPropertyNames(Reflect).map((name) => [name, refuse]),
  ),
);

const unclonable = Object.assign(new Error("not to be cloned"), {
  message: (): void => {},
});

function withGetter(key: string): Error {
  return Object.defineProperty(new Error("has a getter"), key, {
    get: refuse,
    enumerable: true,
  });
}

/** What its own text would throw for, or what no thread could be sent. */
const hostile: readonly (readonly [string, unknown])[] = [
  ["an object without a prototype", Object.create(null)],
  ["the groups of a match", /(?<word>\w+)/.exec("said")?.groups],
  ["an object whose toString throws", { toString: refuse }],
  ["an object that converts itself", { [Symbol.toPrimitive]: refuse }],
  ["an error whose message is a function", unclonable],
  ["an error whose message throws", withGetter("message")],
  ["an error whose stack throws", withGetter("stack")],
  ["an error whose cause throws", withGetter("cause")],
  ["a proxy whose every trap throws", trap],
  ["a proxy that was revoked", revoked.proxy],
  ["a symbol", Symbol("why")],
  ["a function", refuse],
  ["a class", RawFailure],
  ["a promise", Promise.resolve()],
];

function isPlain(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

/** Strings all the way down, and not without an end. */
function expectPlain(described: ForeignValue): void {
  const { cause, errors = [], ...texts } = described;
  expect(Object.values(texts).every(isPlain)).toBe(true);
  expect(described.name).not.toBe("");
  expect(structuredClone(described)).toEqual(described);
  if (cause !== undefined) expectPlain(cause);
  for (const error of errors) expectPlain(error);
}

describe("the description of what foreign code has thrown", () => {
  it("says name, message, stack, code and cause of an error", () => {
    const cause = Object.assign(new TypeError("refused"), { code: "ECONN" });
    const error = new RangeError("no session store", { cause });
    expect(describeForeign(error)).toEqual({
      name: "RangeError",
      message: "no session store",
      stack: error.stack,
      cause: {
        name: "TypeError",
        message: "refused",
        stack: cause.stack,
        code: "ECONN",
      },
    });
    expect(sayForeign(error)).toBe("no session store: refused (ECONN)");
  });

  it("says what is in an AggregateError, which says nothing itself", () => {
    const error = new AggregateError([new Error("v6 refused"), "v4 silent"]);
    expect(describeForeign(error).errors).toMatchObject([
      { name: "Error", message: "v6 refused" },
      { name: "string", message: "v4 silent" },
    ]);
    expect(sayForeign(error)).toBe("v6 refused: v4 silent");
  });

  it("knows the errors of other realms, and what is made like an error", () => {
    const other: unknown = runInNewContext("new TypeError('from elsewhere')");
    expect(other).not.toBeInstanceOf(Error);
    expect(describeForeign(other)).toMatchObject({
      name: "TypeError",
      message: "from elsewhere",
      stack: expect.stringContaining("from elsewhere"),
    });
    expect(describeForeign({ message: "made by hand" })).toMatchObject({
      name: "Error",
      message: "made by hand",
    });
  });

  it.each([
    ["nothing at all", undefined, "undefined", "undefined"],
    ["null", null, "null", "null"],
    ["an empty text", "", "string", ""],
    ["a large number", 7n, "bigint", "7"],
    ["an object", { status: 401 }, "object", "{ status: 401 }"],
    ["an array", ["a", "b"], "object", "[ 'a', 'b' ]"],
  ])("says what there is to say of %s", (_, value, name, message) => {
    expect(describeForeign(value)).toEqual({ name, message, stack: undefined });
  });

  it("has a name for an error that has no message", () => {
    expect(sayForeign(new RangeError())).toBe("RangeError");
    expect(sayForeign(Object.assign(new Error(), { code: "EX" }))).toBe("EX");
  });

  it.each(hostile.map(([what, value]) => ({ what, give: () => value })))(
    "is made of $what",
    ({ give }) => {
      const value = give();
      expectPlain(describeForeign(value));
      expectPlain(describeForeign(new Error("outside", { cause: value })));
      expectPlain(describeForeign(new AggregateError([value])));
      expectPlain(describeForeign(Object.assign(new Error(), { code: value })));
      expect(sayForeign(value)).toBeTypeOf("string");
    },
  );

  it("describes what is its own cause once", () => {
    const error = new Error("round");
    error.cause = new Error("and round", { cause: error });
    expect(describeForeign(error).cause?.cause).toBeUndefined();
  });

  it("is of a bounded size, however long, deep or wide the value is", () => {
    let deep = new Error("x".repeat(1e6));
    for (let i = 0; i < 5_000; i++)
      deep = new AggregateError([deep, deep], "y".repeat(1e6), { cause: deep });
    const wide = new AggregateError(
      Array.from({ length: 1e5 }, (_, index) => new Error(`${index}`)),
    );
    for (const error of [deep, wide])
      expect(JSON.stringify(describeForeign(error)).length).toBeLessThan(4e6);
    expect(sayForeign(deep).length).toBeLessThan(20_000);
  });

  it("is an error again on the other side", () => {
    const error = new AggregateError([new Error("one")], "all", {
      cause: Object.assign(new Error("below"), { code: "EX" }),
    });
    const revived = reviveForeign(structuredClone(describeForeign(error)));
    expect(revived).toBeInstanceOf(Error);
    expect(describeForeign(revived)).toEqual(describeForeign(error));
  });

  type Recipe = () => unknown;

  const aProxy = (
    target: unknown,
    traps: string[],
    thrown: unknown,
  ): unknown =>
    typeof target === "object" && target !== null
      ? new Proxy(
          target,
          Object.fromEntries(
            traps.map((name) => [
              name,
              () => {
                throw thrown;
              },
            ]),
          ),
        )
      : target;

  /** Any value, and any of these behind a proxy some of whose traps throw: made late, since fast-check would be caught in them. */
  const recipes = fc.letrec<{ value: Recipe }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc
        .anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withNullPrototype: true,
          withObjectString: true,
          withSet: true,
          withSparseArray: true,
          withTypedArray: true,
        })
        .map(
          (value): Recipe =>
            () =>
              value,
        ),
      fc.constantFrom(...hostile.keys()).map(
        (index): Recipe =>
          () =>
            hostile[index]?.[1],
      ),
      fc.tuple(fc.string(), tie("value"), tie("value"), tie("value")).map(
        ([message, cause, code, name]): Recipe =>
          () =>
            Object.assign(new Error(message, { cause: cause() }), {
              code: code(),
              name: name(),
            }),
      ),
      fc.array(tie("value"), { maxLength: 4 }).map(
        (errors): Recipe =>
          () =>
            new AggregateError(errors.map((make) => make())),
      ),
      fc
        .tuple(
          tie("value"),
          fc.subarray(Object.getOwnPropertyNames(Reflect)),
          tie("value"),
        )
        .map(
          ([target, traps, thrown]): Recipe =>
            () =>
              aProxy(target(), traps, thrown()),
        ),
    ),
  })).value;

  law(
    "is plain strings, and an error again, whatever was thrown",
    fc.property(recipes, (make) => {
      const described = describeForeign(make());
      expectPlain(described);
      expect(sayForeign(make())).toBeTypeOf("string");
      expect(structuredClone(reviveForeign(described))).toBeInstanceOf(Error);
    }),
    { runs: 500 },
  );
});
