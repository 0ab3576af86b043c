import { describe, expect, it } from "vitest";
import { originRule } from "../../../../src/workers/handshake/origins.ts";

describe("the origin rule", () => {
  it.each([
    ["http://a.example", "a.example", true],
    ["https://a.example", "a.example", true],
    ["http://a.example:8080", "a.example:8080", true],
    ["http://A.example", "a.EXAMPLE", true],
    ["http://a.example", "a.example:80", true],
    ["http://a.example:80", "a.example", true],
    ["https://a.example", "a.example:443", true],
    ["http://[::1]:8080", "[::1]:8080", true],
    ["http://[::1]", "[::1]:80", true],
    ["http://a.example", "a.example:443", false],
    ["http://a.example:8080", "a.example", false],
    ["http://a.example", "a.example:8080", false],
    ["http://b.example", "a.example", false],
    ["http://a.example.evil.example", "a.example", false],
    ["http://evil.example/a.example", "a.example", false],
    ["http://a.example@evil.example", "a.example", false],
    ["http://a.example#", "a.example", false],
    ["a.example", "a.example", false],
    ["http://", "", false],
    ["", "", false],
    ["null", "null", false],
  ])("holds %s and the host %s to be the same: %s", (origin, host, same) => {
    expect(originRule("same")(origin, host)).toBe(same);
  });

  it.each(["http://evil.example", "null", "", "what ever"])(
    "lets any origin in when told so: %j",
    (origin) => {
      expect(originRule("any")(origin, "a.example")).toBe(true);
    },
  );

  it.each([
    ["https://a.example", "https://a.example", true],
    ["https://A.Example", "HTTPS://a.example", true],
    ["https://a.example", "https://a.example:443", true],
    ["https://a.example:443", "https://a.example", true],
    ["https://a.example", "http://a.example", false],
    ["https://a.example", "https://a.example:8443", false],
    ["https://a.example:8443", "https://a.example:8443", true],
    ["https://*.a.example", "https://b.a.example", true],
    ["https://*.a.example", "https://c.b.a.example", true],
    ["https://*.a.example", "https://a.example", false],
    ["https://*.a.example", "https://ba.example", false],
    ["https://*.a.example", "https://b.a.example.evil.example", false],
    ["*.a.example", "http://b.a.example", true],
    ["a.example", "https://a.example", true],
    ["a.example", "https://a.example:8443", false],
    ["http://localhost:*", "http://localhost:5173", true],
    ["http://localhost:*", "http://localhost", true],
    ["http://localhost:*", "https://localhost", false],
    ["http://[::1]:3000", "http://[::1]:3000", true],
    ["null", "null", false],
    ["https://a.example", "https://a.example/", false],
  ])("with %s in the list answers %s with %s", (entry, origin, allowed) => {
    const allows = originRule(["https://other.example", entry]);
    expect(allows(origin, "server.example")).toBe(allowed);
  });

  it("lets nobody in with an empty list", () => {
    expect(originRule([])("http://a.example", "a.example")).toBe(false);
  });

  it.each([
    "",
    "https://a.example/",
    "https://*",
    "https://a*.example",
    "a b",
    "https://",
    "http://a:b",
  ])("throws for %j, which is no origin", (entry) => {
    expect(() => originRule([entry])).toThrow(
      expect.objectContaining({
        code: "ERR_SLUICE_OPTION",
        message: expect.stringContaining(JSON.stringify(entry)) as unknown,
      }),
    );
  });
});
