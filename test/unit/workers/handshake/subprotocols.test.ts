import { describe, expect, it } from "vitest";
import { parseSubprotocols } from "../../../../src/workers/handshake/subprotocols.ts";

describe("the subprotocols of a client", () => {
  it.each([
    [undefined, []],
    ["chat", ["chat"]],
    ["chat, superchat", ["chat", "superchat"]],
    ["b,a ,\tc", ["b", "a", "c"]],
    ["Chat, chat", ["Chat", "chat"]],
    ["v10.stomp, graphql-transport-ws", ["v10.stomp", "graphql-transport-ws"]],
  ])("reads %j as %j", (value, names) => {
    expect(parseSubprotocols(value)).toEqual(names);
  });

  it.each([
    "",
    ",",
    "a,",
    ",a",
    "a,,b",
    "a b",
    "a/b",
    '"a"',
    "a, a",
    "\u00e9",
    "\u00a0a",
  ])("finds no valid list in %j", (value) => {
    expect(parseSubprotocols(value)).toBeUndefined();
  });
});
