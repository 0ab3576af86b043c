import { describe, expect, it } from "vitest";
import { SluiceError } from "../../../../src/errors.ts";
import { narrowAuthorization } from "../../../../src/workers/handshake/authorization.ts";

const OFFERED = ["chat", "superchat"];

/** What a verdict is refused with. */
function complaint(decision: unknown): string {
  try {
    return JSON.stringify(narrowAuthorization(decision, OFFERED));
  } catch (error) {
    if (error instanceof SluiceError && error.code === "ERR_SLUICE_HANDLERS")
      return error.message;
    throw error;
  }
}

describe("the verdict of authorize", () => {
  it("accepts by saying so, or by saying nothing", () => {
    expect(narrowAuthorization(undefined, OFFERED)).toEqual({ accept: true });
    const data = { user: "ann" };
    expect(narrowAuthorization({ accept: true, data }, OFFERED)).toEqual({
      accept: true,
      data,
    });
  });

  it("refuses with a status, a body and headers", () => {
    const decision = {
      accept: false,
      status: 302,
      body: "there",
      headers: { Location: "/there" },
    };
    expect(narrowAuthorization(decision, OFFERED)).toEqual(decision);
  });

  it.each([
    ["false as text", { accept: "false" }, 'accept: "false"'],
    ["a number", { accept: 1 }, "accept: 1"],
    ["null", { accept: null }, "accept: null"],
    ["a promise", { accept: Promise.resolve(false) }, "accept: an object"],
    ["a function", { accept: () => false }, "accept: function"],
    ["no accept", { status: 403 }, "accept: undefined"],
    ["an inherited accept", Object.create({ accept: true }), "accept: undef"],
    ["a bare false", false, "returned false"],
    ["a bare true", true, "returned true"],
    ["a null", null, "returned null"],
    ["a status as text", { accept: false, status: "401" }, 'status "401"'],
    ["no status", { accept: false }, "status undefined"],
    ["a status that accepts", { accept: false, status: 200 }, "status 200"],
    ["a status without a body", { accept: false, status: 304 }, "status 304"],
    ["half a status", { accept: false, status: 403.5 }, "status 403.5"],
    ["no number", { accept: false, status: Number.NaN }, "status NaN"],
    ["a body of bytes", { accept: false, status: 403, body: [1] }, "body"],
    ["headers as text", { accept: false, status: 403, headers: "a" }, "heade"],
    [
      "a header's list",
      { accept: false, status: 403, headers: { a: [] } },
      '"a"',
    ],
    [
      "a line break",
      { accept: false, status: 403, headers: { a: "\n" } },
      "a must",
    ],
    ["another field", { accept: true, user: "ann" }, '"user"'],
    ["a refusal's field", { accept: true, status: 403 }, '"status"'],
    [
      "a misspelt field",
      { accept: true, subProtocol: "chat" },
      '"subProtocol"',
    ],
    ["what nobody offered", { accept: true, subprotocol: "soap" }, '"soap"'],
    ["an empty name", { accept: true, subprotocol: "" }, '""'],
    ["an offer's index", { accept: true, subprotocol: 0 }, "subprotocol 0"],
  ])("fails for %s", (_, decision, says) => {
    expect(complaint(decision)).toContain(says);
    expect(complaint(decision)).toMatch(/^(?:authorize|an upgrade|the value)/);
  });

  it("reads each field once, so that it cannot change its mind", () => {
    let reads = 0;
    const decision = {
      get accept() {
        return reads++ === 0;
      },
    };
    expect(narrowAuthorization(decision, OFFERED).accept).toBe(true);
    expect(reads).toBe(1);
  });

  it("shows nothing of a long text, which may be a secret", () => {
    const said = complaint({ accept: "s3cret".repeat(20) });
    expect(said).not.toContain("s3cret");
  });
});
